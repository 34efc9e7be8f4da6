//! The network of a run before the first clip: a perceptron, a network with a name, or one from a file.

use std::path::Path;

use rayclip_data::{Dataset, plain, read_whole, sha256};
use rayclip_model::{Graph, KnownNetwork, Shape};
use rayclip_run_folder::config::{MLP, NetworkConfig};
use rayclip_run_folder::{nearest, paths};

use crate::error::TrainerError;

/// Bytes of a file with a graph; one node has about two hundred.
const MOST_BYTES: u64 = 16 << 20;

/// Records the groups of the network in the configuration, which are known with the images. `folder` may be that of
/// a run that is resumed; it has a copy of the graph. Does nothing for `mlp`, whose groups are its hidden layers.
///
/// # Errors
/// There is no such network, it does not fit the images, or it is not the one that the configuration records.
pub fn resolve_network(
    network: &mut NetworkConfig,
    dataset: &Dataset,
    folder: Option<&Path>,
) -> Result<(), TrainerError> {
    if network.is_mlp() {
        return Ok(());
    }
    let graph = graph(network, dataset, folder)?;
    let fault = |reason: String| TrainerError::Network { name: network.name.clone(), reason };
    let digest = sha256([encode(&graph)?.as_slice()]);
    if !network.digest.is_empty() && network.digest != digest {
        return Err(fault("is not the network that the configuration records".into()));
    }
    let groups = graph.free_groups();
    if groups.is_empty() {
        return Err(fault("has no group of channels that can be clipped".into()));
    }
    network.groups = groups.iter().map(|group| group.name.clone()).collect();
    network.widths = groups.iter().map(|group| group.width).collect();
    network.digest = digest;
    Ok(())
}

/// Returns the network before the first clip; it is valid for one replica, and its output is a class score.
///
/// # Errors
/// There is no such network, or it does not fit the images.
pub(crate) fn graph(
    network: &NetworkConfig,
    dataset: &Dataset,
    folder: Option<&Path>,
) -> Result<Graph, TrainerError> {
    let (input, classes) = (shape(&dataset.image_shape), dataset.classes);
    let graph = if network.is_mlp() {
        Graph::perceptron(input.numbers(), &network.hidden, classes, network.bias)
    } else if let Ok(known) = network.name.parse::<KnownNetwork>() {
        known.graph(input, classes)
    } else {
        let copy = folder.map(|folder| folder.join(paths::GRAPH)).filter(|copy| copy.is_file());
        read_graph(copy.as_deref().unwrap_or(Path::new(&network.name)))?
    };
    graph.validate(1)?;
    let fault = |reason| Err(TrainerError::Network { name: network.name.clone(), reason });
    if graph.input.numbers() != input.numbers() {
        return fault(format!("reads {}, but the images have {input}", graph.input));
    }
    let output = graph.output_shape();
    if output != Shape::vector(classes) {
        return fault(format!("gives {output}, but the images have {classes} classes"));
    }
    Ok(graph)
}

/// Returns the extents of images: height and width, and channels if there are three numbers.
pub(crate) fn shape(image_shape: &[usize]) -> Shape {
    match *image_shape {
        [height, width] => Shape { height, width, channels: 1 },
        [height, width, channels] => Shape { height, width, channels },
        _ => Shape::vector(image_shape.iter().product()),
    }
}

/// Reads a graph from a file (TOML or JSON).
///
/// # Errors
/// There is no such file and no network of this name, or it is not a graph.
pub fn read_graph(path: &Path) -> Result<Graph, TrainerError> {
    let name = path.display().to_string();
    let fault = |reason: String| TrainerError::Network { name: name.clone(), reason };
    if !path.exists() {
        let names = || KnownNetwork::ALL.iter().map(|known| known.name()).chain([MLP]);
        let near = nearest(&name, names()).map(|near| format!("; did you mean `{near}`?"));
        let known = names().collect::<Vec<_>>().join(", ");
        let near = near.unwrap_or_default();
        return Err(fault(format!("is neither a file nor one of {known}{near}")));
    }
    let bytes =
        read_whole(path, MOST_BYTES).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let graph: Result<Graph, String> = if is_toml {
        toml::from_slice(&bytes).map_err(|error| error.to_string())
    } else {
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    graph.map_err(|reason| fault(format!("is not a graph: {}", plain(&reason))))
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
