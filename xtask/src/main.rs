//! Tasks for rayclip's developers: `cargo xtask bench`.

mod peers;
mod release;
mod replicas;
mod runs;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks for rayclip's developers")]
enum Task {
    /// Time the release binary
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// Whole runs: seconds, share of compressing, peak memory, as the README's table
    Runs(runs::RunsArgs),
    /// What a replica costs beside others, against alone
    Replicas(replicas::ReplicasArgs),
    /// The solver beside others on the same inputs, every answer with our certificate
    Peers(peers::PeersArgs),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Bench(Bench::Runs(args)) => runs::bench(&args),
        Task::Bench(Bench::Replicas(args)) => replicas::bench(&args),
        Task::Bench(Bench::Peers(args)) => peers::bench(&args),
    }
}
