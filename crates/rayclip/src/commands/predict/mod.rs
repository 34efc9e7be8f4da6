//! `rayclip predict`: classifies image files with a network.

mod files;

use anyhow::ensure;
use rayclip_data::Split;
use rayclip_model::Population;
use rayclip_report::{Ranked, best, predictions_table};
use rayclip_trainer::{NetworkImages, RunOptions, scores};
use serde_json::json;

use self::files::{Files, Named, NamedImages};
use super::eval::on_device;
use super::network_file::load;
use super::reads::Reads;
use crate::args::PredictArgs;
use crate::{device, output};

/// Images that are decoded and classified at once.
const BATCH: usize = 64;

/// The most probable classes of an image.
struct Prediction {
    image: Named,
    classes: Vec<Ranked>,
}

/// Classifies images and prints their most probable classes.
pub(crate) fn predict(args: &PredictArgs) -> anyhow::Result<()> {
    let loaded = load(&args.network.network, &args.network.which)?;
    let reads = Reads::of(&loaded, &args.network)?;
    let batch_size = reads.batch_size.unwrap_or(BATCH);
    if let Some(size) = reads.batch_size {
        output::note(&format!(
            "the network was trained with a log-softmax over each batch, so the classes of an image depend on its \
             batch: name many images, in batches of {size}"
        ));
    }
    let mut files = Files::new(args, &reads);
    let mut network = None;
    let mut predictions = vec![];
    for of_batch in args.images.chunks(batch_size) {
        let Some(images) = files.read(of_batch)? else { continue };
        // Files are read before a device is started.
        let network = if let Some(network) = &network {
            network
        } else {
            let chosen = device::choose_fast(args.network.device)?;
            network.insert(on_device(&loaded, &chosen.device)?)
        };
        predictions.extend(classify(network, images, &reads, args.top)?);
    }
    ensure!(!predictions.is_empty(), "every image is damaged: there is nothing to classify");
    if args.json {
        print_json(&predictions, &reads);
    } else {
        print(predictions, &reads);
    }
    Ok(())
}

/// Classifies images.
///
/// # Errors
/// The device fails, or the scores are not finite.
fn classify(
    network: &Population,
    NamedImages { names, values }: NamedImages,
    reads: &Reads,
    top: usize,
) -> anyhow::Result<Vec<Prediction>> {
    // Nobody knows the labels.
    let split = Split { images: values, labels: vec![0; names.len()] };
    let memory = RunOptions::default().device_image_memory();
    let images = NetworkImages::new(split, reads.statistics.clone(), network, memory);
    let (mut names, mut predictions) = (names.into_iter(), vec![]);
    let batch_size = reads.batch_size.unwrap_or(BATCH);
    scores(network, &images, batch_size, reads.loss, |_, scores| {
        for (scores, image) in scores.chunks(reads.class_names.len()).zip(names.by_ref()) {
            ensure!(
                scores.iter().all(|score| score.is_finite()),
                "the network gives {} a score that is not finite: its weights may be damaged, or the images normalised \
                 with the wrong numbers",
                image.shown()
            );
            predictions.push(Prediction { image, classes: best(scores, top) });
        }
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(predictions)
}

fn print(predictions: Vec<Prediction>, reads: &Reads) {
    let row = |Prediction { image, classes }| (image.shown(), classes);
    let rows: Vec<_> = predictions.into_iter().map(row).collect();
    output::result(&predictions_table(&rows, &reads.class_names).to_string());
}

fn print_json(predictions: &[Prediction], reads: &Reads) {
    for Prediction { image, classes } in predictions {
        let class = |Ranked { class, probability }: &Ranked| {
            let name = &reads.class_names[*class];
            json!({ "class": class, "name": name, "probability": probability })
        };
        let line = json!({
            "event": "predicted",
            "image": image.file,
            "index": image.index,
            "classes": classes.iter().map(class).collect::<Vec<_>>(),
        });
        output::result(&line.to_string());
    }
}
