//! Tasks for rayclip's developers: `cargo xtask bench`.

mod machines;
mod peers;
mod protocol;
mod release;
mod replicas;
mod runs;
mod sizes;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks for rayclip's developers")]
enum Task {
    /// Time the release binary
    #[command(subcommand)]
    Bench(Bench),
    /// Do or read the runs of a registered test, and write its results: see docs/beating-scratch.md
    Protocol(protocol::ProtocolArgs),
    /// Draw accuracy by size: the ladder of a run, and the last networks of others
    Sizes(sizes::SizesArgs),
}

#[derive(Subcommand)]
enum Bench {
    /// Time whole runs: seconds, share of compressing, peak memory, as in BENCHMARKS.md
    Runs(runs::RunsArgs),
    /// Time replicas that train together, relative to one alone
    Replicas(replicas::ReplicasArgs),
    /// Time the solver and others on the same inputs, and certify all answers
    Peers(peers::PeersArgs),
    /// Write the tables of machines in BENCHMARKS.md, from the records in benches/machines/
    Machines,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Protocol(args) => protocol::run(&args),
        Task::Sizes(args) => sizes::draw(&args),
        Task::Bench(Bench::Runs(args)) => runs::bench(&args),
        Task::Bench(Bench::Replicas(args)) => replicas::bench(&args),
        Task::Bench(Bench::Peers(args)) => peers::bench(&args),
        Task::Bench(Bench::Machines) => machines::write(),
    }
}
