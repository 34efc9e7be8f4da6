//! The network of a run before the first clip: a perceptron, a network with a name, or one from a file.

use std::path::Path;

use burn::tensor::Device;
use rayclip_data::{Dataset, read_whole, sha256};
use rayclip_formats::LoadOptions;
use rayclip_model::{Graph, KnownNetwork, Shape};
use rayclip_run_folder::config::{Budget, CompressionConfig, MLP, NetworkConfig};
use rayclip_run_folder::{RunConfig, nearest, paths, read};

use super::original::{Original, load_options};
use super::rungs::resolve_flops;
use super::widths::{Reached, resolve_ladder};
use crate::data::fit;
use crate::error::TrainerError;
use crate::measure::medians;

/// Bytes of a configuration; most have two thousand.
const MOST_BYTES: u64 = 1 << 20;

/// What a configuration comes to with the images.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The sizes of a target.
    pub reached: Option<Reached>,
    /// What the file of the network does not say and was inferred, as sentences.
    pub notes: Vec<String>,
}

/// Records in the configuration what is known only with the images: how they are normalised, the groups of the
/// network (not of `mlp`, whose groups are its hidden layers), its weights, and the ladder, if it depends on them.
///
/// `folder` may have the run that the configuration records: a copy of the graph, and the ladder. `device` returns the
/// device on which networks are timed, if that is needed.
///
/// # Errors
/// There is no such network, it or a key does not fit the images, or the ladder is impossible; or the device fails.
pub fn resolve(
    config: &mut RunConfig,
    dataset: &Dataset,
    folder: Option<&Path>,
    device: &mut dyn FnMut() -> Result<Device, TrainerError>,
) -> Result<Resolved, TrainerError> {
    let original = Original::of(&config.network, dataset, folder)?;
    let graph = graph(&config.network, dataset, folder, original.as_ref())?;
    if let Some(original) = &original {
        original.fit(config, dataset)?;
        config.network.weights = original.digest();
    }
    fit(config, dataset)?;
    if !config.network.is_mlp() {
        let groups = graph.free_groups();
        if groups.is_empty() {
            let reason = "has no group of channels that can be clipped".into();
            return Err(TrainerError::Network { name: config.network.name.clone(), reason });
        }
        let network = &mut config.network;
        network.digest = sha256([encode(&graph)?.as_slice()]);
        network.groups = groups.iter().map(|group| group.name.clone()).collect();
        network.widths = groups.iter().map(|group| group.width).collect();
    }
    let recorded = folder.and_then(|folder| recorded_ladder(config, folder));
    let reached =
        resolve_ladder(&mut config.compression, &graph, recorded, &mut |graphs, images| {
            medians(graphs, &device()?, images)
        })?;
    let compression = &mut config.compression;
    compression.training_flops = vec![];
    (compression.teacher_flops, compression.teacher_once) = (0.0, 0.0);
    if compression.budget != Budget::Batches {
        // Held-out images are not trained on.
        let part = 1.0 - config.data.validation;
        let images = (dataset.train.len() as f64 * part).round() as usize;
        resolve_flops(config, &graph, images)?;
    }
    let notes = original.map_or_else(Vec::new, |original| original.notes().to_vec());
    Ok(Resolved { reached, notes })
}

/// Returns the ladder of a run in a folder, if it is the run of this configuration. Networks take another time now, and
/// an earlier version chose other widths for the same target.
fn recorded_ladder(config: &RunConfig, folder: &Path) -> Option<Vec<Vec<usize>>> {
    let bytes = read_whole(&folder.join(paths::CONFIG), MOST_BYTES).ok()?;
    let found = read::config(&bytes).ok()?.config?;
    let CompressionConfig { ladder, training_flops, teacher_flops, teacher_once, .. } =
        found.compression.clone();
    let asked = CompressionConfig {
        ladder: ladder.clone(),
        training_flops,
        teacher_flops,
        teacher_once,
        ..config.compression.clone()
    };
    (found.compression == asked && found.network == config.network).then_some(ladder)
}

/// Returns the network before the first clip; it is valid for one replica, and its output is a class score.
///
/// # Errors
/// There is no such network, or it does not fit the images.
pub(crate) fn graph(
    network: &NetworkConfig,
    dataset: &Dataset,
    folder: Option<&Path>,
    original: Option<&Original>,
) -> Result<Graph, TrainerError> {
    let (input, classes) = (input_shape(dataset), dataset.classes);
    let graph = match original {
        Some(original) => original.graph().clone(),
        None => match recorded(network, folder)? {
            Some(graph) => graph,
            None => named_with(network, classes, &load_options(network, dataset))?,
        },
    };
    if network.is_mlp() {
        graph.validate(1)?;
        return Ok(graph);
    }
    let fault = |reason| Err(TrainerError::Network { name: network.name.clone(), reason });
    if let Err(error) = graph.validate(1) {
        return fault(format!("cannot be computed: {error}"));
    }
    // A vector of all numbers is read row by row, pixel by pixel.
    if ![input, Shape::vector(input.numbers())].contains(&graph.input) {
        let Shape { height, width, channels } = graph.input;
        let remedy = if input.channels == channels && height * width > 1 {
            format!("; images of a folder are scaled with --resize {height}x{width}")
        } else {
            String::new()
        };
        return fault(format!("reads {}, but the images have {input}{remedy}", graph.input));
    }
    let output = graph.output_shape();
    if output != Shape::vector(classes) {
        return fault(format!("gives {output}, but the images have {classes} classes"));
    }
    Ok(graph)
}

/// Returns the copy of the graph in the folder of the run that the configuration records. Its file may have changed
/// since then, or be gone.
fn recorded(network: &NetworkConfig, folder: Option<&Path>) -> Result<Option<Graph>, TrainerError> {
    let copy = folder.map(|folder| folder.join(paths::GRAPH)).filter(|copy| copy.is_file());
    let Some(copy) = copy.filter(|_| !network.digest.is_empty()) else { return Ok(None) };
    let graph = read_graph(&copy, &LoadOptions::default())?;
    if sha256([encode(&graph)?.as_slice()]) == network.digest {
        return Ok(Some(graph));
    }
    let (name, reason) = (copy.display().to_string(), "has changed since the run began".into());
    Err(TrainerError::Network { name, reason })
}

/// Returns the network with the name in a configuration, or from the file that it names, for images of a shape. It
/// may not be valid.
///
/// # Errors
/// There is no such network.
pub fn named(network: &NetworkConfig, input: Shape, classes: usize) -> Result<Graph, TrainerError> {
    named_with(network, classes, &LoadOptions { input: Some(input), ..LoadOptions::default() })
}

fn named_with(
    network: &NetworkConfig,
    classes: usize,
    options: &LoadOptions,
) -> Result<Graph, TrainerError> {
    let input = options.input.unwrap_or_else(|| Shape::vector(1));
    if network.is_mlp() {
        return Ok(Graph::perceptron(input.numbers(), &network.hidden, classes, network.bias));
    }
    match network.name.parse::<KnownNetwork>() {
        Ok(known) if options.graph.is_some() => {
            let reason = "needs no graph: leave out network.graph".into();
            Err(TrainerError::Network { name: known.name().to_owned(), reason })
        }
        Ok(known) => Ok(known.graph(input, classes)),
        Err(()) => read_graph(Path::new(&network.name), options),
    }
}

/// Returns the shape of the images of a data set: height and width, and channels if it has three extents. What has
/// another number of extents is a vector.
pub fn input_shape(dataset: &Dataset) -> Shape {
    match dataset.image_shape[..] {
        [height, width] => Shape { height, width, channels: 1 },
        [height, width, channels] => Shape { height, width, channels },
        _ => Shape::vector(dataset.pixels()),
    }
}

/// Reads a graph from a file.
///
/// # Errors
/// There is no such file and no network of this name, or it has no graph.
fn read_graph(path: &Path, options: &LoadOptions) -> Result<Graph, TrainerError> {
    let name = path.display().to_string();
    if !path.exists() {
        let names = || KnownNetwork::ALL.iter().map(|known| known.name()).chain([MLP]);
        let near = nearest(&name, names()).map(|near| format!("; did you mean `{near}`?"));
        let known = names().collect::<Vec<_>>().join(", ");
        let near = near.unwrap_or_default();
        let reason = format!("is neither a file nor one of {known}{near}");
        return Err(TrainerError::Network { name, reason });
    }
    Ok(rayclip_formats::read_graph(path, options)?)
}

/// Returns the bytes of a graph in a run folder.
///
/// # Errors
/// It cannot be encoded.
pub(crate) fn encode(graph: &Graph) -> Result<Vec<u8>, TrainerError> {
    serde_json::to_vec_pretty(graph).map_err(|error| TrainerError::Network {
        name: "the graph".into(),
        reason: format!("cannot be encoded: {error}"),
    })
}
