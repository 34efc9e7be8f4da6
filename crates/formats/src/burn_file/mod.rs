//! Files of Burn: the tensors of a module of `burn::nn`, and its source.
//!
//! Burn has convolutions as PyTorch does, fully connected weights `[inputs, outputs]`, and other names for the
//! parameters of normalisations. The fields of the module are named after the nodes.

mod fields;
mod source;

use std::collections::BTreeMap;
use std::path::Path;

use burn::store::burn_pack::{Bytes, DType, Reader, Tensor, Writer};
use rayclip_model::{Exported, Graph, HostTensor, Node, Op};

use crate::error::FormatError;
use crate::fit::fit;
use crate::images::ImageDescription;
use crate::loaded::{Kind, Loaded, Source};
use crate::metadata::FORMAT;
use crate::network_file::{is_own, take_graph};
use crate::state_dict::{Entry, Numbers, StateDict};

use self::fields::fields;
pub(crate) use self::source::source;

/// The files of an exported network in its folder.
pub(crate) const WEIGHTS: &str = "network.bpk";
pub(crate) const SOURCE: &str = "network.rs";

/// Returns the bytes of a file with the tensors of a network.
///
/// # Errors
/// It cannot be encoded.
pub(crate) fn weights(loaded: &Loaded) -> Result<Vec<u8>, FormatError> {
    let Loaded { graph, tensors, .. } = loaded;
    let tensor = |Place { own, theirs, is_linear }: Place| {
        let HostTensor { extents, values } = tensors.get(&own)?;
        let (extents, values) = if is_linear {
            (vec![extents[1], extents[0]], transposed(values, extents[0], extents[1]))
        } else {
            (extents.clone(), values.clone())
        };
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Some(Tensor::new(theirs, DType::F32, extents, None, Bytes::from_bytes_vec(bytes)))
    };
    let tensors = places(graph).into_iter().filter_map(tensor).collect();
    let mut writer = Writer::new(tensors);
    for (key, value) in loaded.metadata() {
        writer = writer.with_metadata(&key, &value);
    }
    let bytes = writer.into_bytes();
    let bytes = bytes.map_err(|error| FormatError::Unwritten {
        format: "a file of Burn",
        reason: error.to_string(),
    })?;
    Ok(bytes.to_vec())
}

/// Reads a network from a file of Burn that rayclip wrote.
///
/// # Errors
/// The file is damaged, or has no graph.
pub(crate) fn load(path: &Path) -> Result<Loaded, FormatError> {
    let damaged = |reason: String| FormatError::format(path, rayclip_data::plain(&reason));
    let reader = Reader::from_file(path).map_err(|error| damaged(error.to_string()))?;
    let metadata: BTreeMap<String, String> =
        reader.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let Some(mut metadata) = is_own(path, metadata)? else {
        let reason = "it is a file of Burn without a graph; only those that rayclip wrote are read";
        return Err(FormatError::format(path, reason));
    };
    let graph = take_graph(path, &mut metadata)?
        .ok_or_else(|| FormatError::format(path, "its metadata has no graph"))?;
    let tensors = reader.into_tensors().map_err(|error| damaged(error.to_string()))?;
    let mut found: BTreeMap<String, Tensor> =
        tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    let mut entries = vec![];
    for place in places(&graph) {
        // What is missing is named by the check of all tensors.
        if let Some(tensor) = found.remove(&place.theirs) {
            entries.push(entry(place, tensor).map_err(damaged)?);
        }
    }
    let mut state = StateDict::new(path, entries, vec![])?;
    let tensors: Exported = fit(&graph, &mut state)?;
    let images = ImageDescription::take(&mut metadata, &graph)
        .map_err(|reason| FormatError::format(path, reason))?;
    metadata.remove(FORMAT);
    let source = Source { path: path.into(), kind: Kind::Burn };
    Ok(Loaded { graph, tensors, images, about: metadata, notes: state.notes, source })
}

/// A tensor of the graph, and its name in a module of Burn.
struct Place {
    own: String,
    theirs: String,
    /// Whether it is a fully connected weight, whose axes are swapped.
    is_linear: bool,
}

/// Returns the places of all tensors of a graph.
fn places(graph: &Graph) -> Vec<Place> {
    let fields = fields(graph);
    let of_node = |(node, field): (&Node, &String)| {
        let is_norm = matches!(node.op, Op::BatchNorm { .. } | Op::LayerNorm { .. });
        let names: &[(&str, &str)] = match node.op {
            Op::BatchNorm { .. } => &[
                ("weight", "gamma"),
                ("bias", "beta"),
                ("running_mean", "running_mean"),
                ("running_var", "running_var"),
            ],
            Op::LayerNorm { .. } => &[("weight", "gamma"), ("bias", "beta")],
            Op::Linear { bias: true, .. }
            | Op::Conv2d { bias: true, .. }
            | Op::DepthwiseConv2d { bias: true, .. } => &[("weight", "weight"), ("bias", "bias")],
            Op::Linear { .. } | Op::Conv2d { .. } | Op::DepthwiseConv2d { .. } => {
                &[("weight", "weight")]
            }
            _ => &[],
        };
        let is_linear = matches!(node.op, Op::Linear { .. }) && !is_norm;
        let place = |(own, theirs): &(&str, &str)| Place {
            own: node.parameter(own),
            theirs: format!("{field}.{theirs}"),
            is_linear: is_linear && *own == "weight",
        };
        names.iter().map(place).collect::<Vec<_>>()
    };
    graph.nodes.iter().zip(&fields).flat_map(of_node).collect()
}

/// Returns a tensor of a file in the layout of PyTorch.
///
/// # Errors
/// It cannot be read.
fn entry(place: Place, tensor: Tensor) -> Result<Entry, String> {
    let mut extents = tensor.shape.to_vec();
    if tensor.dtype != DType::F32 {
        let numbers = Numbers::Other(format!("{:?}", tensor.dtype));
        return Ok(Entry { name: place.own, extents, numbers });
    }
    let bytes = tensor.into_bytes().map_err(|error| error.to_string())?;
    let words = bytes.as_chunks::<4>().0.iter();
    let mut values: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
    if let (true, &[rows, columns]) = (place.is_linear, extents.as_slice())
        && rows.checked_mul(columns) == Some(values.len())
    {
        values = transposed(&values, rows, columns);
        extents = vec![columns, rows];
    }
    Ok(Entry { name: place.own, extents, numbers: Numbers::Floats(values) })
}

/// Returns the transposed matrix `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let at = |column: usize| (0..rows).map(move |row| values[row * columns + column]);
    (0..columns).flat_map(at).collect()
}
