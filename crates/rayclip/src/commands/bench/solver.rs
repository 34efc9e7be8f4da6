//! `rayclip bench solver`: problems per second for several sizes.

use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use cs_solver::{
    Algorithm, Lambda, Problem, Settings, Solution, Solutions, SolverError, Status, synthetic,
};
use rayclip_report::{Ceilings, TimedSolver};

use super::machine::Machine;
use crate::args::{BenchSolverArgs, OperatorKind, Size};
use crate::{arrays, output, tables};

/// The columns of the table, and those that are left out first if it does not fit.
const HEADS: [&str; 7] = [
    "m × n × columns",
    "algorithm",
    "problems/s",
    "iterations",
    "largest gap",
    "converged",
    "time ÷ floor",
];
const DISPENSABLE: [usize; 4] = [6, 4, 3, 1];

/// The seed of the problems.
const SEED: u64 = 1;

/// The measurements of one algorithm on one size.
pub(super) struct Measured {
    size: Size,
    solutions: Solutions,
    /// Median over the repeats.
    seconds: f64,
    /// Whether A is a matrix.
    is_dense: bool,
}

/// Times the solver and prints a table.
pub(super) fn bench(args: &BenchSolverArgs) -> anyhow::Result<()> {
    if args.operator == OperatorKind::Gaussian && args.problems.is_empty() {
        let sizes = args.sizes.iter().try_for_each(|size| size.check_matrix());
        sizes.map_err(|reason| anyhow!("--sizes: {reason}"))?;
    }
    let mut machine = Machine::measure(args.solver.device, !args.json)?;
    machine.expect(if args.problems.is_empty() { args.sizes.len() } else { args.problems.len() });
    let mut all = vec![];
    measure(args, &mut machine, &mut |measured, Machine { chosen, ceilings, .. }| {
        if args.json {
            let row = serde_json::to_string(&measured.record(&chosen.name, ceilings))?;
            output::result(&row);
        }
        all.push(measured);
        Ok(())
    })?;
    machine.done();
    if !args.json {
        let Machine { chosen, ceilings, .. } = &machine;
        output::note(&format!(
            "products: {:.1} GFLOP/s in f64 on the host, {:.1} in f32 on {}",
            ceilings.host_product_f64 / 1e9,
            ceilings.product_f32 / 1e9,
            chosen.name
        ));
        print(&all, ceilings);
        output::result(
            "Iterations are the median over the columns and include those of the polish. The floor is the \
             time of the products with A alone, at the rate above.",
        );
    }
    Ok(())
}

pub(super) fn print(all: &[Measured], ceilings: &Ceilings) {
    let mut table = tables::table(&HEADS);
    for measured in all {
        table.add_row(measured.row(ceilings));
    }
    tables::print(table, &DISPENSABLE, &HEADS);
}

/// Times every algorithm on every problem. Calls `see` with the results of each.
pub(super) fn measure(
    args: &BenchSolverArgs,
    machine: &mut Machine,
    see: &mut dyn FnMut(Measured, &Machine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for problem in problems(args) {
        let problem = problem?.on(&machine.chosen.device);
        let size = size_of(&problem);
        let all = machine.time(&format!("the solver, {size}"), |_| compare(&problem, args))?;
        all.into_iter().try_for_each(|measured| see(measured, machine))?;
    }
    Ok(())
}

/// Returns the problems to time. Each is made or read only when it is needed.
fn problems(args: &BenchSolverArgs) -> Box<dyn Iterator<Item = anyhow::Result<Problem>> + '_> {
    if args.problems.is_empty() {
        Box::new(args.sizes.iter().map(|Size { m, n, columns }| {
            Ok(match args.operator {
                OperatorKind::Gaussian => synthetic::gaussian_dct(*m, *n, *columns, SEED)?,
                OperatorKind::Dct => synthetic::subsampled_dct(*m, *n, *columns, SEED)?,
            })
        }))
    } else {
        Box::new(args.problems.iter().map(|file| {
            let [a, y, lambda] = arrays::read_tensors(file, ["a", "y", "lambda"])?;
            let &[lambda] = lambda.values.as_slice() else {
                bail!("lambda in {} has shape {:?}; expected [1]", file.display(), lambda.shape);
            };
            arrays::problem(a, &y, Lambda::Fixed(lambda))
                .with_context(|| file.display().to_string())
        }))
    }
}

/// Times every requested algorithm, in turn.
fn compare(problem: &Problem, args: &BenchSolverArgs) -> anyhow::Result<Vec<Measured>> {
    let algorithms = if args.compare {
        Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Auto).collect()
    } else {
        vec![args.solver.algorithm]
    };
    let mut runs: Vec<Vec<(f64, Solutions)>> = algorithms.iter().map(|_| vec![]).collect();
    for _ in 0..args.repeats {
        for (algorithm, runs) in algorithms.iter().zip(&mut runs) {
            // In a comparison, the polish must not help an algorithm.
            let settings = Settings {
                algorithm: *algorithm,
                tolerance: args.solver.tolerance,
                polish: !args.compare,
                ..Settings::default()
            };
            let start = Instant::now();
            match problem.solve(&settings) {
                Ok(solutions) => runs.push((start.elapsed().as_secs_f64(), solutions)),
                // In a comparison, an algorithm that cannot be used has no row.
                Err(SolverError::Unsuitable { .. } | SolverError::Tolerance { .. })
                    if args.compare => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let size = size_of(problem);
    Ok(runs
        .into_iter()
        .filter(|runs| !runs.is_empty())
        .map(|mut runs| {
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (seconds, solutions) = runs.swap_remove(runs.len() / 2);
            let is_dense = args.operator == OperatorKind::Gaussian;
            Measured { size, solutions, seconds, is_dense }
        })
        .collect())
}

impl Measured {
    fn problems_per_second(&self) -> f64 {
        self.size.columns as f64 / self.seconds
    }

    fn median_iterations(&self) -> usize {
        let columns = self.solutions.columns();
        let mut iterations: Vec<usize> = columns.iter().map(Solution::iterations).collect();
        iterations.sort_unstable();
        iterations.get(iterations.len() / 2).copied().unwrap_or(0)
    }

    fn converged(&self) -> usize {
        let columns = self.solutions.columns().iter();
        columns.filter(|column| column.status() == Status::Converged).count()
    }

    fn row(&self, ceilings: &Ceilings) -> [String; 7] {
        let columns = self.size.columns;
        let floor = self.floor_seconds(ceilings);
        [
            self.size.to_string(),
            self.solutions.algorithm().to_string(),
            significant(self.problems_per_second()).to_string(),
            self.median_iterations().to_string(),
            format!("{:.1e}", self.solutions.relative_gap()),
            format!("{} of {columns}", self.converged()),
            floor.map_or("–".into(), |floor| format!("{:.1}", self.seconds / floor)),
        ]
    }

    pub(super) fn record(&self, device: &str, ceilings: &Ceilings) -> TimedSolver {
        let Size { m, n, columns } = self.size;
        TimedSolver {
            m,
            n,
            columns,
            algorithm: self.solutions.algorithm().to_string(),
            device: device.to_owned(),
            problems_per_second: self.problems_per_second(),
            seconds: self.seconds,
            iterations: self.median_iterations(),
            relative_gap: self.solutions.relative_gap(),
            converged: self.converged(),
            floor_seconds: self.floor_seconds(ceilings),
        }
    }

    /// Returns the time of the products with A that the iterations of all columns need at least; `None` if A is no matrix,
    /// or the algorithm does not use full products.
    fn floor_seconds(&self, ceilings: &Ceilings) -> Option<f64> {
        if !self.is_dense {
            return None;
        }
        let (products, rate) = match self.solutions.algorithm() {
            Algorithm::Homotopy => (1.0, ceilings.host_product_f64),
            // Its passes use only the columns of a working set.
            Algorithm::Descent => return None,
            // Two products per trial point (with A and with Aᵀ), and one per line search.
            Algorithm::Ssnal => (3.0, ceilings.host_product_f64),
            _ => (2.0, ceilings.product_f32),
        };
        let iterations: usize = self.solutions.columns().iter().map(Solution::iterations).sum();
        let flops = 2.0 * (self.size.m * self.size.n) as f64;
        Some(iterations as f64 * products * flops / rate)
    }
}

fn size_of(problem: &Problem) -> Size {
    let (m, n) = (problem.coefficients(), problem.rows());
    Size { m, n, columns: problem.columns_per_group() }
}

/// Rounds to three significant digits.
fn significant(value: f64) -> f64 {
    let scale = 10_f64.powi(2 - value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32);
    (value * scale).round() / scale
}
