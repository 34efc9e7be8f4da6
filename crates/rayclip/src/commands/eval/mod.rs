//! `rayclip eval`: classifies labelled images with a network, and says how well.

mod images;
mod show;

use anyhow::{Context, ensure};
use burn::tensor::Device;
use rayclip_formats::Loaded;
use rayclip_model::Population;
use rayclip_report::{Classification, Latency, Tally};
use rayclip_run_folder::config::LossKind;
use rayclip_trainer::{NetworkImages, RunOptions, classification_times, scores};

use self::images::{Images, Origin};
use self::show::Evaluation;
use super::network_file::load;
use super::reads::Reads;
use crate::args::EvalArgs;
use crate::progress::{Mode, Progress};
use crate::{device, output};

/// Images that are classified at once by default.
const BATCH: usize = 256;

/// Images whose classification at once is timed by default.
const LATENCY_IMAGES: usize = 32;

/// Evaluates a network and prints the results.
pub(crate) fn eval(args: &EvalArgs) -> anyhow::Result<()> {
    let origin = Origin::of(args)?;
    let loaded = load(&args.network.network, &args.network.which)?;
    let reads = Reads::of(&loaded, &args.network)?;
    let mode = if args.json { Mode::Json } else { Mode::Lines };
    let progress = Progress::new(mode, origin.config.clone());
    let memory = args.data.image_memory.map(|mebibytes| mebibytes.saturating_mul(1 << 20));
    let options = RunOptions { image_memory: memory, ..RunOptions::default() };
    let Images { name, split, class_names } =
        origin.load(&args.data, &options, (&loaded, &reads), &progress)?;
    if let Some(several) = args.latency_images {
        let (count, split) = (split.len(), args.data.split.name());
        ensure!(
            several <= count,
            "--latency-images: expected at most {count}, the {split} images of the data, found {several}"
        );
    }
    let chosen = device::choose_fast(args.network.device)?;
    output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
    let network = on_device(&loaded, &chosen.device)?;
    let memory = options.device_image_memory();
    let images = NetworkImages::new(split, reads.statistics.clone(), &network, memory);
    let tally = Tally::new(class_names);
    let batch_size = batch_size(args, &reads);
    let classification = progress.while_counting("images", "images", |report| {
        classify(&network, &images, tally, How { loss: reads.loss, batch_size, report })
    })?;
    let several = args.latency_images.unwrap_or(LATENCY_IMAGES);
    let latencies = latencies(&network, &images, several)?;
    let evaluation = Evaluation {
        loaded: &loaded,
        reads: &reads,
        data: &name,
        split: args.data.split,
        device: &chosen.name,
        classification,
        latencies,
    };
    if args.json {
        output::result(&evaluation.json().to_string());
    } else {
        evaluation.print();
    }
    Ok(())
}

/// Returns the network on a device.
///
/// # Errors
/// The file does not have the tensors of the network.
pub(super) fn on_device(loaded: &Loaded, device: &Device) -> anyhow::Result<Population> {
    let path = || output::path(&loaded.source.path);
    loaded.population(device).with_context(path)
}

/// Returns how many images are classified at once. Tells if the results depend on it.
fn batch_size(args: &EvalArgs, reads: &Reads) -> usize {
    if let Some(size) = reads.batch_size {
        output::note(&format!(
            "the network was trained with a log-softmax over each batch, so the scores of an image depend on its \
             batch; it was trained with batches of {size}"
        ));
    }
    args.batch_size.or(reads.batch_size).unwrap_or(BATCH)
}

/// How images are classified.
struct How<'a> {
    loss: LossKind,
    batch_size: usize,
    /// Hears how many images are classified, of how many.
    report: &'a dyn Fn(u64, u64),
}

/// Classifies all images.
///
/// # Errors
/// The images cannot be read, the device fails, or the scores are not finite.
fn classify(
    network: &Population,
    images: &NetworkImages,
    mut tally: Tally,
    How { loss, batch_size, report }: How<'_>,
) -> anyhow::Result<Classification> {
    scores(network, images, batch_size, loss, |of_batch, scores| {
        let done = of_batch.end;
        tally.add(scores, images.labels(of_batch))?;
        report(done as u64, images.len() as u64);
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(tally.conclude()?)
}

/// Times the classification of one image, and of several.
///
/// # Errors
/// The device fails.
fn latencies(
    network: &Population,
    images: &NetworkImages,
    several: usize,
) -> anyhow::Result<Vec<Latency>> {
    let mut counts = vec![1, several];
    counts.dedup();
    let mut rows = vec![];
    for count in counts {
        let times = classification_times(network, images, count)?;
        rows.extend(Latency::of(count, times.warm_up, times.milliseconds));
    }
    Ok(rows)
}
