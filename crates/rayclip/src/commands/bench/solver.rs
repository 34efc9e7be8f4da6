//! `rayclip bench solver`: problems per second for several sizes.

use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use burn::tensor::Device;
use cs_solver::{
    Algorithm, Lambda, Problem, Settings, Solution, Solutions, SolverError, Status, synthetic,
};
use serde_json::json;

use super::ceilings::Ceilings;
use crate::args::{BenchSolverArgs, OperatorKind, Size};
use crate::{arrays, device, output, tables};

/// The columns of the table, and those that are left out first if it does not fit.
pub(super) const HEADS: [&str; 7] = [
    "m × n × columns",
    "algorithm",
    "problems/s",
    "iterations",
    "largest gap",
    "converged",
    "time ÷ floor",
];
pub(super) const DISPENSABLE: [usize; 4] = [6, 4, 3, 1];

/// The seed of the problems.
const SEED: u64 = 1;

/// The measurements of one algorithm on one size.
pub(super) struct Measured {
    size: Size,
    solutions: Solutions,
    /// Median over the repeats.
    seconds: f64,
    /// The time of the products with A alone, if A is a matrix.
    floor_seconds: Option<f64>,
}

/// Times the solver and prints a table.
pub(super) fn bench(args: &BenchSolverArgs) -> anyhow::Result<()> {
    if args.operator == OperatorKind::Gaussian && args.problems.is_empty() {
        let sizes = args.sizes.iter().try_for_each(|size| size.check_matrix());
        sizes.map_err(|reason| anyhow!("--sizes: {reason}"))?;
    }
    let chosen = device::choose_fast(args.solver.device)?;
    let ceilings = Ceilings::measure(&chosen.device)?;
    let mut table = (!args.json).then(|| {
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        output::note(&format!(
            "products: {:.1} GFLOP/s in f64 on the host, {:.1} in f32 on {}",
            ceilings.host_product_f64 / 1e9,
            ceilings.product_f32 / 1e9,
            chosen.name
        ));
        tables::table(&HEADS)
    });
    measure(args, &chosen.device, &ceilings, &mut |measured| match &mut table {
        Some(table) => {
            table.add_row(measured.row());
        }
        None => output::result(&measured.json(&chosen.name).to_string()),
    })?;
    if let Some(table) = table {
        tables::print(table, &DISPENSABLE, &HEADS);
        output::result(
            "Iterations are the median over the columns and include those of the polish. The floor is the \
             time of the products with A alone, at the rate above.",
        );
    }
    Ok(())
}

/// Times every algorithm on every problem. Calls `see` with the results of each.
pub(super) fn measure(
    args: &BenchSolverArgs,
    device: &Device,
    ceilings: &Ceilings,
    see: &mut dyn FnMut(&Measured),
) -> anyhow::Result<()> {
    for problem in problems(args) {
        compare(&problem?.on(device), args, ceilings)?.iter().for_each(&mut *see);
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
fn compare(
    problem: &Problem,
    args: &BenchSolverArgs,
    ceilings: &Ceilings,
) -> anyhow::Result<Vec<Measured>> {
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
    let (m, n) = (problem.coefficients(), problem.rows());
    let size = Size { m, n, columns: problem.columns_per_group() };
    Ok(runs
        .into_iter()
        .filter(|runs| !runs.is_empty())
        .map(|mut runs| {
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (seconds, solutions) = runs.swap_remove(runs.len() / 2);
            let floor_seconds = (args.operator == OperatorKind::Gaussian)
                .then(|| floor_seconds(ceilings, &solutions, size))
                .flatten();
            Measured { size, solutions, seconds, floor_seconds }
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

    pub(super) fn row(&self) -> [String; 7] {
        let Size { m, n, columns } = self.size;
        [
            format!("{m} × {n} × {columns}"),
            self.solutions.algorithm().to_string(),
            significant(self.problems_per_second()).to_string(),
            self.median_iterations().to_string(),
            format!("{:.1e}", self.solutions.relative_gap()),
            format!("{} of {columns}", self.converged()),
            self.floor_seconds.map_or("–".into(), |floor| format!("{:.1}", self.seconds / floor)),
        ]
    }

    pub(super) fn json(&self, device: &str) -> serde_json::Value {
        json!({
            "m": self.size.m,
            "n": self.size.n,
            "columns": self.size.columns,
            "algorithm": self.solutions.algorithm(),
            "device": device,
            "problems_per_second": self.problems_per_second(),
            "seconds": self.seconds,
            "iterations": self.median_iterations(),
            "relative_gap": self.solutions.relative_gap(),
            "converged": self.converged(),
            "floor_seconds": self.floor_seconds,
        })
    }
}

/// Rounds to three significant digits.
fn significant(value: f64) -> f64 {
    let scale = 10_f64.powi(2 - value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32);
    (value * scale).round() / scale
}

/// Returns the time of the products with A that the iterations of all columns need at least; `None` if the algorithm
/// does not use full products.
fn floor_seconds(ceilings: &Ceilings, solutions: &Solutions, size: Size) -> Option<f64> {
    let (products, rate) = match solutions.algorithm() {
        Algorithm::Homotopy => (1.0, ceilings.host_product_f64),
        // Its passes use only the columns of a working set.
        Algorithm::Descent => return None,
        // Two products per trial point (with A and with Aᵀ), and one per line search.
        Algorithm::Ssnal => (3.0, ceilings.host_product_f64),
        _ => (2.0, ceilings.product_f32),
    };
    let iterations: usize = solutions.columns().iter().map(Solution::iterations).sum();
    Some(iterations as f64 * products * 2.0 * (size.m * size.n) as f64 / rate)
}
