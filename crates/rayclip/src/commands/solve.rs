//! `rayclip solve`: reads a problem from files, and writes certified solutions to a file and a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use cs_solver::{Lambda, Problem, Settings, Solution, Solutions, Status};
use serde_json::json;

use crate::args::SolveArgs;
use crate::arrays::{self, Array};
use crate::{device, output, tables};

/// The most columns that the table shows: those with the largest gaps.
const ROWS: usize = 40;

/// The columns of the table, and those that are left out first if it does not fit.
const HEADS: [&str; 8] =
    ["column", "lambda", "objective", "gap", "KKT", "iterations", "support", "status"];
const DISPENSABLE: [usize; 4] = [4, 1, 5, 6];

/// The exit code if a column missed its tolerance.
const MISSED: u8 = 1;

/// Solves the problem in the files and certifies the solution, or certifies a given one.
pub(crate) fn solve(args: &SolveArgs) -> anyhow::Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| own_file(&args.files));
    if args.check.is_none() && out.exists() {
        bail!("{} exists; move it away, or name another file with --out", output::path(&out));
    }
    let (a, y) = arrays::read_problem(&args.files)?;
    let lambda = match (args.lambda, args.lambda_ratio) {
        (Some(lambda), _) => Lambda::Fixed(lambda),
        (None, Some(ratio)) => Lambda::Ratio(ratio),
        (None, None) => bail!("give --lambda or --lambda-ratio"),
    };
    let problem = arrays::problem(a, &y, lambda)?;
    let (solutions, seconds) = if let Some(file) = &args.check {
        (check(&problem, file, &y, args.solver.tolerance)?, None)
    } else {
        let chosen = device::choose_fast(args.solver.device)?;
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        let problem = problem.clone().on(&chosen.device);
        let start = Instant::now();
        let solutions = problem.solve(&settings(args))?;
        let seconds = start.elapsed().as_secs_f64();
        write(&out, &problem, &solutions, &y)?;
        (solutions, Some(seconds))
    };
    if args.json {
        print_json(&problem, &solutions, seconds);
    } else {
        print_table(&problem, &solutions, seconds);
    }
    if args.check.is_none() {
        output::note(&format!("x and nu: {}", output::path(&out)));
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

/// Returns the default file of a solution: `p.solution.safetensors` in the working folder, named after the last
/// file of the problem, so that each problem has its own.
fn own_file(files: &[PathBuf]) -> PathBuf {
    let stem = files.last().and_then(|file| file.file_stem()).unwrap_or_default();
    let mut name = stem.to_owned();
    name.push(if name.is_empty() { "solution.safetensors" } else { ".solution.safetensors" });
    PathBuf::from(name)
}

/// Certifies the x in a file, with the dual point ν if the file has it.
fn check(problem: &Problem, file: &Path, y: &Array, tolerance: f64) -> anyhow::Result<Solutions> {
    let (x, nu) = arrays::read_solution(file, &y.shape, problem.coefficients())?;
    let certified = match &nu {
        Some(nu) => problem.certify_with(&x.values, &nu.values, tolerance),
        None => problem.certify(&x.values, tolerance),
    };
    certified.with_context(|| file.display().to_string())
}

/// Writes x and ν in the shape of y: `[columns, m]` and `[columns, n]`, or without columns. They are in f64 for any
/// type of the problem, so that the file has exactly what was certified.
fn write(out: &Path, problem: &Problem, solutions: &Solutions, y: &Array) -> anyhow::Result<()> {
    let stack = |part: fn(&Solution) -> &[f64], length: usize| {
        let values = solutions.columns().iter().flat_map(part).copied().collect();
        Array { shape: arrays::solution_shape(&y.shape, length), values, double: true }
    };
    let x = stack(Solution::x, problem.coefficients());
    let nu = stack(Solution::nu, problem.rows());
    arrays::write(out, &[("x", &x), ("nu", &nu)])
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
        table.add_row([
            column.to_string(),
            format!("{:.4e}", problem.lambdas()[*column]),
            format!("{:.10e}", certificate.primal),
            format!("{:.1e}", certificate.relative_gap),
            format!("{:.1e}", certificate.kkt_violation),
            solution.iterations().to_string(),
            solution.support_size().to_string(),
            format!("{}{polished}", solution.status()),
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
        "{count} {} of {} × {}{}: {converged} converged, largest gap {:.1e}",
        if count == 1 { "column" } else { "columns" },
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
            "rounding": certificate.rounding,
            "kkt_violation": certificate.kkt_violation,
            "iterations": solution.iterations(),
            "flops": solution.flops(),
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
