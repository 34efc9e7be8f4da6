//! `rayclip bench`: how fast rayclip is on this machine.

mod all;
mod ceilings;
mod machine;
mod runs;
mod solver;

use crate::args::{Bench, BenchArgs};

/// Runs a benchmark.
pub(crate) fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    match &args.what {
        Bench::Solver(args) => solver::bench(args),
        Bench::Train(args) => runs::train(args),
        Bench::Cycle(args) => runs::cycle(args),
        Bench::All(args) => all::bench(args),
    }
}

/// Sorts values and returns the median.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn milliseconds(seconds: f64) -> String {
    let milliseconds = 1e3 * seconds;
    if milliseconds < 10.0 { format!("{milliseconds:.2}") } else { format!("{milliseconds:.0}") }
}
