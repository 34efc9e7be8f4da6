//! A file of rayclip with one network: tensors as PyTorch has them, and metadata that says everything else.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_model::{Activation, Graph, Op};
use safetensors::SafeTensors;

use crate::error::FormatError;
use crate::fit::fit;
use crate::images::ImageDescription;
use crate::infer::chain;
use crate::load::{LoadOptions, graph_of};
use crate::loaded::{Kind, Loaded, Source};
use crate::metadata::{FORMAT, GRAPH, format, is_known};
use crate::state_dict::StateDict;

/// What the names of formats of rayclip begin with.
const OWN: &str = "rayclip-network-";

/// Returns the metadata of a file of rayclip; `None` if it is one of others.
///
/// # Errors
/// It is no safetensors file, or its format is that of a later version.
pub(crate) fn metadata_of(
    path: &Path,
    bytes: &[u8],
) -> Result<Option<BTreeMap<String, String>>, FormatError> {
    rayclip_data::arrays::tensors(bytes).map_err(|reason| FormatError::format(path, reason))?;
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| FormatError::format(path, error.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    is_own(path, metadata.into_iter().collect())
}

/// Returns metadata if it is that of a network of rayclip.
///
/// # Errors
/// Its format is that of a later version.
pub(crate) fn is_own(
    path: &Path,
    metadata: BTreeMap<String, String>,
) -> Result<Option<BTreeMap<String, String>>, FormatError> {
    match metadata.get(FORMAT) {
        Some(format) if is_known(format) => Ok(Some(metadata)),
        Some(format) if format.starts_with(OWN) => {
            let format = rayclip_data::plain(format);
            let reason = format!(
                "its format is {format}, of a later version; this rayclip reads {OWN}1 and 2"
            );
            Err(FormatError::format(path, reason))
        }
        _ => Ok(None),
    }
}

/// Makes the network of a file with this metadata.
///
/// # Errors
/// The metadata is wrong, or the tensors do not fit the graph.
pub(crate) fn of(
    path: &Path,
    bytes: &[u8],
    mut metadata: BTreeMap<String, String>,
    options: &LoadOptions,
) -> Result<Loaded, FormatError> {
    let mut state = StateDict::of_safetensors(path, bytes)?;
    let own = take_graph(path, &mut metadata)?;
    let graph = match (&options.graph, own) {
        (Some(file), _) => graph_of(file)?,
        (None, Some(graph)) => {
            let graph = with_names_of(graph, &state);
            let valid = graph.validate(1);
            valid.map_err(|source| FormatError::Graph { path: path.into(), source })?;
            graph
        }
        // Files of perceptrons had no graph.
        (None, None) => {
            let chain = chain(&state).map(|(graph, _)| graph);
            chain.map_err(|reason| FormatError::Topology { path: path.into(), reason })?
        }
    };
    if metadata.get(FORMAT).is_some_and(|found| found != format(&graph)) {
        let reason = "an earlier rayclip wrote it, with another order of the numbers of a normalisation that follows a \
                      flattened image; write it again from network.safetensors of its run";
        return Err(FormatError::format(path, reason));
    }
    let tensors = fit(&graph, &mut state)?;
    let images = ImageDescription::take(&mut metadata, &graph)
        .map_err(|reason| FormatError::format(path, reason))?;
    metadata.remove(FORMAT);
    let (notes, source) = (state.notes, Source { path: path.into(), kind: Kind::Network });
    Ok(Loaded { graph, tensors, images, about: metadata, notes, source })
}

/// Takes the graph out of metadata; `None` if there is none.
///
/// # Errors
/// It is no graph, or none that can be computed.
pub(crate) fn take_graph(
    path: &Path,
    metadata: &mut BTreeMap<String, String>,
) -> Result<Option<Graph>, FormatError> {
    let Some(json) = metadata.remove(GRAPH) else { return Ok(None) };
    let graph: Graph = serde_json::from_str(&json).map_err(|error| {
        let reason = rayclip_data::plain(&error.to_string());
        FormatError::format(path, format!("the graph in its metadata is none: {reason}"))
    })?;
    let valid = graph.validate(1);
    valid.map_err(|source| FormatError::Graph { path: path.into(), source })?;
    Ok(Some(graph.exported()))
}

/// Names the layers as the tensors of a file. A chain of rectified layers was once written as `layers.0`, …, whatever
/// the names of its nodes.
fn with_names_of(mut graph: Graph, state: &StateDict) -> Graph {
    let is_chain = graph
        .nodes
        .iter()
        .all(|node| matches!(node.op, Op::Linear { .. } | Op::Activation(Activation::Relu)));
    let has = |name: &str| state.names().any(|found| found == name);
    let first = graph.nodes.iter().find(|node| matches!(node.op, Op::Linear { .. }));
    if !is_chain || first.is_none_or(|first| has(&first.parameter("weight"))) {
        return graph;
    }
    let layers = graph.nodes.iter_mut().filter(|node| matches!(node.op, Op::Linear { .. }));
    for (index, node) in layers.enumerate() {
        node.name = format!("layers.{index}");
    }
    graph
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rayclip_model::{Exported, HostTensor, Value};

    use super::*;
    use crate::load::load;
    use crate::metadata::metadata;

    /// Tensors of a graph, and the metadata of their file.
    fn parts(graph: &Graph) -> (Exported, BTreeMap<String, String>) {
        let tensor = |(name, extents): (String, Vec<usize>)| {
            let values = vec![0.5; extents.iter().product()];
            (name, HostTensor { extents, values })
        };
        let tensors = graph.exported_extents().into_iter().map(tensor).collect();
        let about = BTreeMap::from([("method".to_owned(), "dtc".to_owned())]);
        (tensors, metadata(graph, None, &about))
    }

    fn read(
        tensors: &Exported,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Loaded, FormatError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.safetensors");
        fs::write(&path, tensors.encode(metadata).unwrap()).unwrap();
        load(&path, &LoadOptions::default())
    }

    #[test]
    fn a_file_is_read_with_all_that_it_says() {
        let graph = Graph::perceptron(4, &[3], 2, true);
        let (tensors, metadata) = parts(&graph);
        let loaded = read(&tensors, &metadata).unwrap();
        assert_eq!((&loaded.graph, &loaded.tensors), (&graph.exported(), &tensors));
        assert_eq!((loaded.about["method"].as_str(), &loaded.images), ("dtc", &None));
        assert!(loaded.notes.is_empty() && loaded.source.kind == Kind::Network);
        assert_eq!(loaded.metadata(), metadata);
        // Early files of perceptrons say what they compute by their tensors alone.
        let mut old = metadata.clone();
        old.remove(GRAPH);
        let loaded = read(&tensors, &old).unwrap();
        assert_eq!((loaded.graph, loaded.notes), (graph.exported(), vec![]));
    }

    #[test]
    fn a_chain_that_was_written_with_other_names_is_read_with_those_of_its_tensors() {
        let own = Graph::perceptron(4, &[3], 2, true);
        let (tensors, mut metadata) = parts(&own);
        let mut named = own.clone();
        for (node, name) in named.nodes.iter_mut().zip(["fc1", "act", "fc2"]) {
            name.clone_into(&mut node.name);
        }
        metadata.insert(GRAPH.into(), serde_json::to_string(&named).unwrap());
        let loaded = read(&tensors, &metadata).unwrap();
        let names: Vec<&str> = loaded.graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["layers.0", "act", "layers.1"]);
        assert_eq!(loaded.graph.output, Value::Node(2));
    }

    #[test]
    fn names_that_begin_as_those_of_a_wrapper_are_kept() {
        let mut graph = Graph::perceptron(4, &[3], 2, true);
        for (node, name) in graph.nodes.iter_mut().zip(["module.a", "module.act", "module.b"]) {
            name.clone_into(&mut node.name);
        }
        let (tensors, metadata) = parts(&graph);
        let loaded = read(&tensors, &metadata).unwrap();
        assert_eq!((&loaded.graph, &loaded.tensors), (&graph, &tensors));
        assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
    }

    #[test]
    fn metadata_that_no_network_has_is_refused() {
        let (tensors, metadata) = parts(&Graph::perceptron(4, &[3], 2, true));
        let refused = |key: &str, value: &str| {
            let mut metadata = metadata.clone();
            metadata.insert(key.into(), value.into());
            let error = read(&tensors, &metadata).unwrap_err();
            let causes = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", causes.unwrap_or_default())
        };
        let wide = metadata[GRAPH].replace("\"outputs\":3", "\"outputs\":9");
        let empty = r#"{"input": {"channels": 4}, "nodes": []}"#;
        for (key, value, expected) in [
            (FORMAT, "rayclip-network-9", "its format is rayclip-network-9, of a later version"),
            (GRAPH, "[]", "the graph in its metadata is none"),
            (GRAPH, empty, "the network has no parameter"),
            (GRAPH, wide.as_str(), "layers.0.weight is [3, 4], expected [9, 4]"),
        ] {
            let message = refused(key, value);
            assert!(message.contains(expected), "{key}: {message}");
        }
        let mut spoiled = tensors.clone();
        spoiled.get_mut("layers.1.bias").unwrap().values[0] = f32::NAN;
        let message = read(&spoiled, &metadata).unwrap_err().to_string();
        assert!(
            message.contains("layers.1.bias has numbers that are not finite, 1 of 2"),
            "{message}"
        );
    }
}
