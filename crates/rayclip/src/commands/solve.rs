//! `rayclip solve`: matrices from files, certified solutions to a file and a table.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use cs_solver::{Lambda, Problem, Settings, Solution, Solutions, Status};
use serde_json::json;

use crate::args::SolveArgs;
use crate::arrays::{self, Array};
use crate::{device, output, tables};

/// Columns that the table shows; of more, those with the largest gaps.
const ROWS: usize = 40;

/// The table's columns, and those that are left out first where there is no room.
const HEADS: [&str; 8] =
    ["column", "lambda", "objective", "gap", "KKT", "iterations", "support", "status"];
const DISPENSABLE: [usize; 4] = [4, 1, 5, 6];

/// Exit code when a column missed its tolerance.
const MISSED: u8 = 1;

/// Solves the problem of the files and says how well; or says how good another's solution is.
pub(crate) fn solve(args: &SolveArgs) -> anyhow::Result<ExitCode> {
    if args.check.is_none() && args.out.exists() {
        bail!("{} exists; move it away, or name another file with --out", args.out.display());
    }
    let (a, y) = arrays::read_problem(&args.files)?;
    let double = a.double && y.double;
    let lambda = match (args.lambda, args.lambda_ratio) {
        (Some(lambda), _) => Lambda::Fixed(lambda),
        (None, Some(ratio)) => Lambda::Ratio(ratio),
        (None, None) => bail!("give --lambda or --lambda-ratio"),
    };
    let problem = arrays::problem(a, &y, lambda)?;
    let (solutions, seconds) = if let Some(file) = &args.check {
        (check(&problem, file, args.solver.tolerance)?, None)
    } else {
        let chosen = device::choose_fast(args.solver.device)?;
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        let problem = problem.clone().on(&chosen.device);
        let start = Instant::now();
        let solutions = problem.solve(&settings(args))?;
        let seconds = start.elapsed().as_secs_f64();
        write(args, &problem, &solutions, (&y, double))?;
        (solutions, Some(seconds))
    };
    if args.json {
        print_json(&problem, &solutions, seconds);
    } else {
        print_table(&problem, &solutions, seconds);
    }
    if args.check.is_none() {
        output::note(&format!("x and nu: {}", args.out.display()));
    }
    let code = if solutions.converged() { 0 } else { MISSED };
    Ok(ExitCode::from(code))
}

fn settings(args: &SolveArgs) -> Settings {
    Settings {
        algorithm: args.solver.algorithm,
        tolerance: args.solver.tolerance,
        max_iterations: args.max_iterations,
        polish: !args.no_polish,
    }
}

fn check(problem: &Problem, file: &Path, tolerance: f64) -> anyhow::Result<Solutions> {
    let [x] = arrays::read_tensors(file, ["x"])?;
    let certified = problem.certify(&x.values, tolerance);
    certified.with_context(|| format!("x in {} has shape {:?}", file.display(), x.shape))
}

/// Writes x and ν in the shape of y: `[columns, m]` and `[columns, n]`, or without columns.
fn write(
    args: &SolveArgs,
    problem: &Problem,
    solutions: &Solutions,
    (y, double): (&Array, bool),
) -> anyhow::Result<()> {
    let stack = |part: fn(&Solution) -> &[f64], length: usize| {
        let mut shape = y.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = length;
        }
        let values = solutions.columns().iter().flat_map(part).copied().collect();
        Array { shape, values, double }
    };
    let x = stack(Solution::x, problem.coefficients());
    let nu = stack(Solution::nu, problem.rows());
    arrays::write(&args.out, &[("x", &x), ("nu", &nu)])
}

fn print_table(problem: &Problem, solutions: &Solutions, seconds: Option<f64>) {
    let mut worst: Vec<(usize, &Solution)> = solutions.columns().iter().enumerate().collect();
    if worst.len() > ROWS {
        worst.sort_by(|a, b| {
            let gap = |solution: &Solution| solution.certificate().relative_gap;
            gap(b.1).total_cmp(&gap(a.1))
        });
        worst.truncate(ROWS);
    }
    let mut table = tables::table(&HEADS);
    for (column, solution) in &worst {
        let certificate = solution.certificate();
        let polished = if solution.polished() { ", polished" } else { "" };
        let status = match solution.status() {
            Status::MaxIterations if seconds.is_none() => "missed".to_owned(),
            status => status.to_string(),
        };
        table.add_row([
            column.to_string(),
            format!("{:.4e}", problem.lambdas()[*column]),
            format!("{:.10e}", certificate.primal),
            format!("{:.1e}", certificate.relative_gap),
            format!("{:.1e}", certificate.kkt_violation),
            solution.iterations().to_string(),
            solution.support_size().to_string(),
            format!("{status}{polished}"),
        ]);
    }
    tables::print(table, &DISPENSABLE, &HEADS);
    let count = solutions.columns().len();
    if worst.len() < count {
        output::result(&format!("the {ROWS} columns with the largest gaps, of {count}"));
    }
    let converged = solutions
        .columns()
        .iter()
        .filter(|solution| solution.status() == Status::Converged)
        .count();
    output::result(&format!(
        "{count} columns of {} × {}{}: {converged} converged, largest gap {:.1e}",
        problem.rows(),
        problem.coefficients(),
        seconds.map_or(String::new(), |seconds| {
            format!(", {} in {seconds:.3} s", solutions.algorithm())
        }),
        solutions.relative_gap()
    ));
}

fn print_json(problem: &Problem, solutions: &Solutions, seconds: Option<f64>) {
    for (column, solution) in solutions.columns().iter().enumerate() {
        let certificate = solution.certificate();
        let line = json!({
            "column": column,
            "lambda": problem.lambdas()[column],
            "objective": certificate.primal,
            "dual": certificate.dual,
            "relative_gap": certificate.relative_gap,
            "kkt_violation": certificate.kkt_violation,
            "iterations": solution.iterations(),
            "support": solution.support_size(),
            "status": solution.status(),
            "polished": solution.polished(),
        });
        output::result(&line.to_string());
    }
    let line = json!({
        "columns": solutions.columns().len(),
        "algorithm": seconds.map(|_| solutions.algorithm()),
        "converged": solutions.converged(),
        "relative_gap": solutions.relative_gap(),
        "seconds": seconds,
    });
    output::result(&line.to_string());
}
