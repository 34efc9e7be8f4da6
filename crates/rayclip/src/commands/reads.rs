//! How a network reads images, and what it says about them: from its file, and from the arguments.

use anyhow::{bail, ensure};
use rayclip_data::{PerChannel, Statistics, ValueType};
use rayclip_formats::{ImageDescription, Loaded, NO_NORMALISATION};
use rayclip_model::{Graph, Shape};
use rayclip_run_folder::config::LossKind;

use crate::args::NetworkArgs;
use crate::output;

/// How a network reads images, and what it says about them.
pub(crate) struct Reads {
    /// Extents of one image: `[height, width]`, `[height, width, channels]`, or the `[columns]` of a table.
    pub(crate) shape: Vec<usize>,
    /// The type of its numbers, if the file says so.
    pub(crate) values: Option<ValueType>,
    pub(crate) statistics: Statistics,
    /// Names of all classes: numbers if the file has no names.
    pub(crate) class_names: Vec<String>,
    pub(crate) has_names: bool,
    /// How scores are made from logits.
    pub(crate) loss: LossKind,
    /// Images in a batch of the training, if the scores of an image depend on the others in its batch.
    pub(crate) batch_size: Option<usize>,
}

impl Reads {
    /// Takes what the file says, and what the arguments say instead.
    ///
    /// # Errors
    /// The network gives no score for each class of an image; or neither file nor arguments say how images are
    /// normalised, or not for so many channels.
    pub(crate) fn of(loaded: &Loaded, args: &NetworkArgs) -> anyhow::Result<Self> {
        let Loaded { graph, images, about, .. } = loaded;
        let (file, output) = (output::path(&loaded.source.path), graph.output_shape());
        ensure!(
            output.positions() == 1,
            "{file} gives {output} for an image, not one score for each class: it is no classifier"
        );
        let described = images.as_ref();
        let shape = described.map_or_else(|| shape_of(graph), |images| images.shape.clone());
        let statistics = statistics(&file, described, args, channels(&shape))?;
        let names = described.map_or(&[][..], |images| &images.class_names[..]);
        let name = |class: usize| names.get(class).cloned().unwrap_or(class.to_string());
        let is_over_batch = about.get("batch_log_softmax").is_some_and(|is| is == "true");
        let batch_size = about.get("batch_size").and_then(|size| size.parse().ok());
        Ok(Self {
            shape,
            values: described.map(|images| images.values),
            statistics,
            class_names: (0..output.channels).map(name).collect(),
            has_names: !names.is_empty(),
            loss: if is_over_batch { LossKind::BatchAxis } else { LossKind::CrossEntropy },
            batch_size: batch_size.filter(|size| is_over_batch && *size > 0),
        })
    }

    /// Returns the extents of an image in words: `28 × 28`, or `7 numbers`.
    pub(crate) fn images(&self) -> String {
        extents(&self.shape)
    }

    /// Says which images the network reads, and how image files become such images.
    pub(crate) fn size(&self) -> String {
        let remedy = match self.shape[..] {
            [height, width, ..] => format!(" (--resize {height}x{width})"),
            _ => String::new(),
        };
        format!("the network reads images of {}{remedy}", self.images())
    }
}

/// Returns extents in words: `28 × 28`, or `7 numbers`.
pub(crate) fn extents(shape: &[usize]) -> String {
    match shape {
        [columns] => format!("{columns} numbers"),
        _ => shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "),
    }
}

fn shape_of(graph: &Graph) -> Vec<usize> {
    match graph.input {
        Shape { height: 1, width: 1, channels } => vec![channels],
        Shape { height, width, channels: 1 } => vec![height, width],
        Shape { height, width, channels } => vec![height, width, channels],
    }
}

fn channels(shape: &[usize]) -> usize {
    match *shape {
        [_, _] => 1,
        [_, _, channels] => channels,
        _ => shape.iter().product(),
    }
}

fn statistics(
    file: &str,
    described: Option<&ImageDescription>,
    args: &NetworkArgs,
    channels: usize,
) -> anyhow::Result<Statistics> {
    let mean = args.mean.clone().or_else(|| described.map(|images| images.mean.clone()));
    let deviation = args.std.clone().or_else(|| described.map(|images| images.deviation.clone()));
    let (Some(mean), Some(deviation)) = (mean, deviation) else {
        bail!("{file} {NO_NORMALISATION}");
    };
    let check = |name: &str, numbers: &PerChannel| {
        let found = numbers.numbers().len();
        ensure!(
            numbers.fits(channels),
            "{name} has {found} numbers, but the images have {channels} channels: give one number, or {channels}"
        );
        Ok(())
    };
    check("--mean", &mean)?;
    check("--std", &deviation)?;
    Ok(Statistics { mean, deviation })
}
