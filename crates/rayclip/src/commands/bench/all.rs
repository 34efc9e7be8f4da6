//! `rayclip bench all`: everything that is timed, and the machine, as one record.

use std::fs::File;
use std::io::Write;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Context;
use cs_solver::{Algorithm, Settings};
use serde::Serialize;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use super::ceilings::Ceilings;
use super::runs::{self, Batch, Clip};
use super::solver;
use crate::args::{BenchAllArgs, BenchSolverArgs, OperatorKind, Size, SolverArgs};
use crate::device::{self, Chosen};
use crate::{output, tables};

/// Solved on a GPU too, by FISTA.
const ON_GPU: [Size; 2] =
    [Size { m: 512, n: 51, columns: 4096 }, Size { m: 512, n: 256, columns: 4096 }];

/// The record of a machine.
#[derive(Serialize)]
struct Record {
    rayclip: &'static str,
    /// Backend, adapter and driver.
    device: String,
    system: String,
    cpu: String,
    cores: usize,
    /// Of the whole benchmark.
    seconds: f64,
    ceilings: Ceilings,
    train: Vec<Batch>,
    cycle: Vec<Clip>,
    solver: Vec<serde_json::Value>,
}

/// Times everything, prints tables, and writes the record.
pub(super) fn bench(args: &BenchAllArgs) -> anyhow::Result<()> {
    // Before the minutes of work whose results it gets.
    let file = args.json.as_ref().map(|path| {
        let file = File::create_new(path);
        file.with_context(|| format!("--json: cannot create {}", output::path(path)))
    });
    let file = file.transpose()?;
    let began = Instant::now();
    let chosen = device::choose_fast(args.timed.device)?;
    output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
    let ceilings = Ceilings::measure(&chosen.device)?;
    output::result(&format!(
        "product {:.1} GFLOP/s in f32, {:.1} in f64 on the host; addition {:.1} GB/s; one number {:.1} µs",
        ceilings.product_f32 / 1e9,
        ceilings.host_product_f64 / 1e9,
        ceilings.bandwidth / 1e9,
        1e6 * ceilings.latency,
    ));
    let train = runs::batches(&args.timed, &chosen, &ceilings)?;
    runs::print_batches(&train);
    let cycle = runs::clips(&args.timed, &chosen)?;
    runs::print_clips(&cycle);
    let solver = solve(args, &chosen, &ceilings)?;
    let mut system =
        System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let record = Record {
        rayclip: env!("CARGO_PKG_VERSION"),
        device: chosen.name,
        system: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        cpu: system.cpus().first().map_or(String::new(), |cpu| cpu.brand().to_owned()),
        cores: available_parallelism().map_or(1, std::num::NonZero::get),
        seconds: began.elapsed().as_secs_f64(),
        ceilings,
        train,
        cycle,
        solver,
    };
    output::note(&format!("{} on {} cores, {:.0} s", record.cpu, record.cores, record.seconds));
    if let Some(mut file) = file {
        let text = serde_json::to_string_pretty(&record)? + "\n";
        file.write_all(text.as_bytes()).context("--json: cannot write the record")?;
    }
    Ok(())
}

/// Times the solver and prints a table.
fn solve(
    args: &BenchAllArgs,
    chosen: &Chosen,
    ceilings: &Ceilings,
) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut table = tables::table(&solver::HEADS);
    let mut all = vec![];
    let on_gpu: &[Size] = if chosen.is_host() { &[] } else { &ON_GPU };
    for (sizes, algorithm) in [(&args.sizes[..], Algorithm::Auto), (on_gpu, Algorithm::Fista)] {
        let timed = BenchSolverArgs {
            sizes: sizes.to_vec(),
            operator: OperatorKind::Gaussian,
            problems: vec![],
            solver: SolverArgs {
                algorithm,
                tolerance: Settings::default().tolerance,
                device: args.timed.device,
            },
            compare: false,
            repeats: 3,
            json: false,
        };
        solver::measure(&timed, &chosen.device, ceilings, &mut |measured| {
            table.add_row(measured.row());
            all.push(measured.json(&chosen.name));
        })?;
    }
    tables::print(table, &solver::DISPENSABLE, &solver::HEADS);
    Ok(all)
}
