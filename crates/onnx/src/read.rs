//! Reads a file.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use prost::Message;
use rayclip_data::{plain, read_whole};

use crate::error::OnnxError;
use crate::proto::{Graph, Model};
use crate::{external, limits};

/// Reads an ONNX file, with the weights that it has in other files of its folder.
///
/// # Errors
/// A file cannot be read, it is not an ONNX file, or it is beyond a limit.
pub fn read(path: &Path) -> Result<Model, OnnxError> {
    let bytes = read_whole(path, limits::MOST_BYTES);
    let bytes = bytes.map_err(|error| OnnxError::io("read", path, error))?;
    let mut model = decoded(bytes).map_err(|reason| OnnxError::format(path, reason))?;
    if let Some(graph) = &mut model.graph {
        external::load(graph, path)?;
    }
    check(&model).map_err(|reason| OnnxError::format(path, reason))?;
    Ok(model)
}

/// Decodes the bytes of an ONNX file. All its weights must be among them.
///
/// # Errors
/// It is not an ONNX file, or it is beyond a limit. The reason does not name the file.
pub fn decode(bytes: Vec<u8>) -> Result<Model, String> {
    let model = decoded(bytes)?;
    let graph = model.graph.iter();
    if let Some(tensor) = graph.flat_map(|graph| &graph.initializer).find(|t| t.is_external()) {
        let name = plain(tensor.name());
        return Err(format!(
            "the numbers of tensor {name} are in another file; name the file of the model"
        ));
    }
    check(&model)?;
    Ok(model)
}

fn decoded(bytes: Vec<u8>) -> Result<Model, String> {
    limits::check(&bytes)?;
    let model = Model::decode(Bytes::from(bytes));
    model.map_err(|error| plain(&format!("not an ONNX file, or a damaged one ({error})")))
}

/// The oldest set of operations that is read; PyTorch wrote it in 2019.
const OLDEST_OPSET: i64 = 9;

impl Model {
    /// Returns the version of the standard operations; 0 if it has none.
    pub fn opset(&self) -> i64 {
        let standard = |domain: &str| ["", "ai.onnx"].contains(&domain);
        let mut sets = self.opset_import.iter();
        let set = sets.find(|set| standard(set.domain.as_deref().unwrap_or_default()));
        set.and_then(|set| set.version).unwrap_or_default()
    }
}

/// Checks what all readers rely on: there is a graph, values are made once and before they are read, and tensors have
/// as many numbers as their extents say.
fn check(model: &Model) -> Result<(), String> {
    let graph = model.graph.as_ref().ok_or("it has no graph, so it is not an ONNX file")?;
    let opset = model.opset();
    if opset < OLDEST_OPSET {
        return Err(format!(
            "its operations are those of opset {opset}, expected {OLDEST_OPSET} or later; convert it, for example \
             with onnx.version_converter"
        ));
    }
    for tensor in &graph.initializer {
        let name = || plain(tensor.name.as_deref().unwrap_or_default());
        if tensor.element_type().bytes().is_some() {
            tensor.payload().map_err(|reason| format!("the tensor {}: {reason}", name()))?;
        }
    }
    check_order(graph)
}

fn check_order(graph: &Graph) -> Result<(), String> {
    let mut made = BTreeSet::new();
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let sparse = graph.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    for tensor in graph.initializer.iter().chain(sparse) {
        let name = named(&tensor.name);
        if !made.insert(name.clone()) {
            return Err(format!("the tensor {} is there twice", plain(&name)));
        }
    }
    // Until IR version 3, initializers are also inputs.
    made.extend(graph.input.iter().map(|input| named(&input.name)));
    for (number, node) in graph.node.iter().enumerate() {
        let of_node = || {
            let name = node.name.as_deref().filter(|name| !name.is_empty());
            name.map_or_else(|| format!("node {number}"), |name| format!("node {}", plain(name)))
        };
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            if !made.contains(input) {
                let input = plain(input);
                return Err(format!("{} reads {input}, which nothing before it makes", of_node()));
            }
        }
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if !made.insert(output.clone()) {
                return Err(format!("{} makes {} again", of_node(), plain(output)));
            }
        }
    }
    let mut outputs = graph.output.iter().map(|output| named(&output.name));
    match outputs.find(|output| !made.contains(output)) {
        Some(output) => Err(format!("nothing makes its output {}", plain(&output))),
        None if graph.output.is_empty() => Err("its graph has no output".into()),
        None => Ok(()),
    }
}
