//! Tasks for rayclip's developers: `cargo xtask bench`.

mod bench;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks for rayclip's developers")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Time whole runs: seconds, share of compressing, peak memory, as the README's table
    Bench(bench::BenchArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Bench(args) => bench::bench(&args),
    }
}
