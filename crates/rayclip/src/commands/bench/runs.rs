//! `rayclip bench train` and `rayclip bench cycle`: how long a batch of training and a clip take.

use std::time::Duration;

use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayclip_data::{Dataset, Split};
use rayclip_model::KnownNetwork;
use rayclip_report::{Ceilings, TimedBatch, TimedClip};
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::presets::{self, Layers, Setting};
use rayclip_trainer::{Repeats, batch_times, clip_times, resolve};

use super::machine::Machine;
use super::{median, milliseconds};
use crate::args::{BenchNetwork, BenchRunArgs, TimedRunArgs};
use crate::commands::configure::flag;
use crate::{output, tables};

/// How often a part is timed.
const REPEATS: Repeats = Repeats { least: 3, most: 50, enough: Duration::from_secs(3) };
/// Images for the accuracy before a clip, which is not timed.
const TEST_IMAGES: usize = 64;
/// What `bench train --json` calls the operations per second, as a fraction of the rate of a large product.
const FRACTION: &str = "fraction_of_product_rate";
const CLASSES: u8 = 10;
/// The seed of the images.
const SEED: u64 = 1;

/// Times batches and prints a table.
pub(super) fn train(args: &BenchRunArgs) -> anyhow::Result<()> {
    let mut machine = Machine::measure(args.timed.device, !args.json)?;
    machine.expect(cases(&args.timed).count());
    let batches = batches(&args.timed, &mut machine)?;
    machine.done();
    if args.json {
        for batch in &batches {
            let mut row = serde_json::to_value(batch)?;
            row[FRACTION] = batch.fraction_of_product_rate(&machine.ceilings).into();
            output::result(&row.to_string());
        }
    } else {
        print_batches(&batches, &machine.ceilings);
    }
    Ok(())
}

/// Times clips and prints a table.
pub(super) fn cycle(args: &BenchRunArgs) -> anyhow::Result<()> {
    let mut machine = Machine::measure(args.timed.device, !args.json)?;
    machine.expect(cases(&args.timed).count());
    let clips = clips(&args.timed, &mut machine)?;
    machine.done();
    if args.json {
        for clip in &clips {
            output::result(&serde_json::to_string(clip)?);
        }
    } else {
        print_clips(&clips);
    }
    Ok(())
}

/// Returns all networks with all numbers of replicas.
pub(super) fn cases(
    TimedRunArgs { networks, replicas, .. }: &TimedRunArgs,
) -> impl Iterator<Item = (&BenchNetwork, usize)> {
    networks.iter().flat_map(|network| replicas.iter().map(move |replicas| (network, *replicas)))
}

/// Times a batch in every case.
pub(super) fn batches(
    timed: &TimedRunArgs,
    machine: &mut Machine,
) -> anyhow::Result<Vec<TimedBatch>> {
    let time = |(network, replicas)| {
        machine.time(
            &format!("a batch of {network} × {replicas}"),
            |Machine { chosen, .. }| {
                let (config, dataset) = run_of(network, replicas, &chosen.device)?;
                let times = batch_times(&config, dataset, &chosen.device, REPEATS)?;
                let mut seconds = times.seconds;
                let median = median(&mut seconds);
                Ok(TimedBatch {
                    network: network.to_string(),
                    replicas,
                    at_once: times.at_once,
                    images: times.images,
                    repetitions: seconds.len(),
                    median_seconds: median,
                    least_seconds: seconds[0],
                    most_seconds: seconds[seconds.len() - 1],
                    images_per_second: (times.images * times.at_once) as f64 / median,
                    product_flops: times.flops,
                })
            },
        )
    };
    cases(timed).map(time).collect()
}

/// Times a clip in every case.
pub(super) fn clips(timed: &TimedRunArgs, machine: &mut Machine) -> anyhow::Result<Vec<TimedClip>> {
    let time = |(network, replicas)| {
        machine.time(&format!("a clip of {network} × {replicas}"), |Machine { chosen, .. }| {
            let (config, dataset) = run_of(network, replicas, &chosen.device)?;
            let mut times = clip_times(&config, dataset, &chosen.device, REPEATS)?;
            let median_seconds = median(&mut times.seconds);
            let seconds = &times.seconds;
            Ok(TimedClip {
                network: network.to_string(),
                replicas,
                at_once: times.at_once,
                method: config.compression.methods[0].to_string(),
                repetitions: seconds.len(),
                median_seconds,
                least_seconds: seconds[0],
                most_seconds: seconds[seconds.len() - 1],
                solver_seconds: median(&mut times.solver_seconds),
            })
        })
    };
    cases(timed).map(time).collect()
}

/// Returns the configuration of a run of a network, and random images for it: of 28 × 28 pixels for `mlp` and LeNet-5,
/// of 32 × 32 pixels and three channels for the others.
fn run_of(
    network: &BenchNetwork,
    replicas: usize,
    device: &Device,
) -> anyhow::Result<(RunConfig, Dataset)> {
    let (shape, batch_size) = match network {
        BenchNetwork::Mlp(_) => (vec![28, 28], 512),
        BenchNetwork::Known(KnownNetwork::Lenet5) => (vec![28, 28], 256),
        BenchNetwork::Known(_) => (vec![32, 32, 3], 128),
    };
    let of_network = match network {
        BenchNetwork::Mlp(widths) => {
            let widths: Vec<i64> = widths.iter().map(|width| *width as i64).collect();
            flag("networks", "network.hidden", widths)
        }
        BenchNetwork::Known(known) => flag("networks", "network.name", known.name()),
    };
    let settings: Vec<Setting> = vec![
        of_network,
        flag("replicas", "replicas", replicas as i64),
        flag("networks", "training.batch_size", batch_size),
        flag("networks", "training.batches_per_cycle", 1),
        flag("networks", "compression.min_width", 1),
    ];
    let mut config = presets::resolve(&Layers { settings, ..Layers::default() })?;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut split = |count: usize| {
        let numbers = count * shape.iter().product::<usize>();
        let images: Vec<u8> = (0..numbers).map(|_| rng.random()).collect();
        let labels = (0..CLASSES).cycle().take(count).collect();
        Split { images: images.into(), labels }
    };
    let (train, test) = (split(4 * batch_size as usize), split(TEST_IMAGES));
    let dataset = Dataset::new("random images", shape, train, test)?;
    resolve(&mut config, &dataset, None, &mut || Ok(device.clone()))?;
    Ok((config, dataset))
}

pub(super) fn print_batches(batches: &[TimedBatch], ceilings: &Ceilings) {
    const HEADS: [&str; 6] =
        ["network", "networks", "at once", "ms per batch", "images/s", "of product rate"];
    let mut table = tables::table(&HEADS);
    for batch in batches {
        let fraction = batch.fraction_of_product_rate(ceilings);
        table.add_row([
            batch.network.clone(),
            batch.replicas.to_string(),
            batch.at_once.to_string(),
            milliseconds(batch.median_seconds),
            format!("{:.0}", batch.images_per_second),
            fraction.map_or("–".into(), |part| format!("{part:.2}")),
        ]);
    }
    tables::print(table, &[5, 1], &HEADS);
}

pub(super) fn print_clips(clips: &[TimedClip]) {
    const HEADS: [&str; 6] =
        ["network", "networks", "at once", "method", "ms per clip", "ms in solver"];
    let mut table = tables::table(&HEADS);
    for clip in clips {
        table.add_row([
            clip.network.clone(),
            clip.replicas.to_string(),
            clip.at_once.to_string(),
            clip.method.clone(),
            milliseconds(clip.median_seconds),
            milliseconds(clip.solver_seconds),
        ]);
    }
    tables::print(table, &[3, 1], &HEADS);
}
