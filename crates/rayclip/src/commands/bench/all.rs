//! `rayclip bench all`: everything that is timed, and the machine, as one record.

use std::num::NonZero;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Context;
use cs_solver::{Algorithm, Settings};
use rayclip_report as record;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use super::machine::Machine;
use super::solver::Measured;
use super::{runs, solver};
use crate::args::{BenchAllArgs, BenchSolverArgs, OperatorKind, Size, SolverArgs};
use crate::{files, output};

/// Solved on a GPU too, by FISTA.
const ON_GPU: [Size; 2] =
    [Size { m: 512, n: 51, columns: 4096 }, Size { m: 512, n: 256, columns: 4096 }];

/// Times everything, prints tables, and writes the record.
pub(super) fn bench(args: &BenchAllArgs) -> anyhow::Result<()> {
    let refused =
        |path: &Path| format!("--json: cannot create {}; name another file", output::path(path));
    if let Some(path) = &args.json {
        // Before the minutes of work whose results it gets.
        files::check_new(path).with_context(|| refused(path))?;
    }
    let began = Instant::now();
    let mut machine = Machine::measure(args.timed.device, true)?;
    let on_gpu: &[Size] = if machine.chosen.is_host() { &[] } else { &ON_GPU };
    machine.expect(2 * runs::cases(&args.timed).count() + args.sizes.len() + on_gpu.len());
    let train = runs::batches(&args.timed, &mut machine)?;
    let cycle = runs::clips(&args.timed, &mut machine)?;
    let mut solved = solve(args, &args.sizes, Algorithm::Auto, &mut machine)?;
    solved.extend(solve(args, on_gpu, Algorithm::Fista, &mut machine)?);
    machine.done();

    let Machine { chosen, ceilings, .. } = machine;
    output::result(&format!(
        "product {:.1} GFLOP/s in f32, {:.1} in f64 on the host; addition {:.1} GB/s; one number {:.1} µs",
        ceilings.product_f32 / 1e9,
        ceilings.host_product_f64 / 1e9,
        ceilings.bandwidth / 1e9,
        1e6 * ceilings.latency,
    ));
    runs::print_batches(&train, &ceilings);
    runs::print_clips(&cycle);
    solver::print(&solved, &ceilings);
    let mut system =
        System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let record = record::Machine {
        rayclip: env!("CARGO_PKG_VERSION").to_owned(),
        system: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        cpu: system.cpus().first().map_or(String::new(), |cpu| cpu.brand().to_owned()),
        cores: available_parallelism().map_or(1, NonZero::get),
        seconds: began.elapsed().as_secs_f64(),
        solver: solved.iter().map(|solved| solved.record(&chosen.name, &ceilings)).collect(),
        device: chosen.name,
        ceilings,
        train,
        cycle,
    };
    output::note(&format!("{} on {} cores, {:.0} s", record.cpu, record.cores, record.seconds));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&record)? + "\n";
        files::write_new(path, text.as_bytes()).with_context(|| refused(path))?;
    }
    Ok(())
}

/// Times the solver.
fn solve(
    args: &BenchAllArgs,
    sizes: &[Size],
    algorithm: Algorithm,
    machine: &mut Machine,
) -> anyhow::Result<Vec<Measured>> {
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
    let mut all = vec![];
    solver::measure(&timed, machine, &mut |measured, _| {
        all.push(measured);
        Ok(())
    })?;
    Ok(all)
}
