//! Reads a network from a file of any kind.

use std::path::{Path, PathBuf};

use rayclip_data::{arrays, read_whole};
use rayclip_model::{Graph, Shape};

use crate::choice::Choice;
use crate::content::{Content, content};
use crate::error::FormatError;
use crate::fit::fit;
use crate::infer::infer;
use crate::loaded::{Kind, Loaded, Source};
use crate::state_dict::StateDict;
use crate::{burn_file, folder, graph_file, network_file, onnx, pytorch};

/// What a file does not say.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// A file with the graph of the network: TOML, JSON or ONNX.
    pub graph: Option<PathBuf>,
    /// Which network, of several.
    pub choice: Choice,
    /// The shape of the images.
    pub input: Option<Shape>,
}

/// Reads a network: of the folder of a run, of a file of rayclip, a state dict of others in safetensors or as PyTorch
/// saves it, or an ONNX file.
///
/// # Errors
/// The file cannot be read or is damaged, it has no network or several, what it computes cannot be inferred, or its
/// tensors do not fit its graph.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, FormatError> {
    let loaded = match content(path)? {
        Content::Folder => return folder::load(path, options),
        Content::Safetensors => safetensors(path, options)?,
        Content::Archive => state_dict(pytorch::read_archive(path)?, Kind::Pytorch, options)?,
        Content::Pickle => state_dict(pytorch::read_sequence(path)?, Kind::Pytorch, options)?,
        Content::Onnx | Content::Burn if options.graph.is_some() => {
            let reason = "it says what it computes: leave out --graph";
            return Err(FormatError::format(path, reason));
        }
        Content::Onnx => onnx::load(path)?,
        Content::Burn => burn_file::load(path)?,
        Content::Text => {
            let reason =
                "it has no weights; name the file with the weights, and this one with --graph";
            return Err(FormatError::format(path, reason));
        }
    };
    if loaded.source.kind != Kind::Networks && !options.choice.is_any() {
        let reason = "it has one network; --method, --seed and --replica choose one of a run";
        return Err(FormatError::replica(path, reason));
    }
    Ok(loaded)
}

/// Reads a safetensors file: of rayclip, or of others.
pub(crate) fn safetensors(path: &Path, options: &LoadOptions) -> Result<Loaded, FormatError> {
    let bytes = read_whole(path, arrays::MOST_BYTES)
        .map_err(|error| FormatError::io("read", path, error))?;
    if let Some(metadata) = network_file::metadata_of(path, &bytes)? {
        return network_file::of(path, &bytes, metadata, options);
    }
    if let Some(loaded) = folder::of_description(path, &options.choice)? {
        return Ok(loaded);
    }
    state_dict(StateDict::of_safetensors(path, &bytes)?, Kind::Safetensors, options)
}

/// Makes a network of a state dict. Its graph comes from a file, or is inferred.
fn state_dict(
    mut state: StateDict,
    kind: Kind,
    options: &LoadOptions,
) -> Result<Loaded, FormatError> {
    let graph = match &options.graph {
        Some(file) => graph_of(file)?,
        None => infer(&mut state, options.input)?,
    };
    let tensors = fit(&graph, &mut state)?;
    let StateDict { path, notes, .. } = state;
    let (images, about) = (None, std::collections::BTreeMap::new());
    Ok(Loaded { graph, tensors, images, about, notes, source: Source { path, kind } })
}

/// Reads what a network computes: from a file with a graph, TOML or JSON, or from one with a network. A graph alone may
/// not be valid.
///
/// # Errors
/// The file cannot be read or has no graph, or as [`load`].
pub fn read_graph(path: &Path, options: &LoadOptions) -> Result<Graph, FormatError> {
    match content(path)? {
        Content::Text => graph_file::read(path)
            .map_err(|reason| FormatError::format(path, format!("it {reason}"))),
        _ => load(path, options).map(|loaded| loaded.graph),
    }
}

/// Reads the graph that the user names. It is valid, and its nodes have the names of the tensors.
pub(crate) fn graph_of(path: &Path) -> Result<Graph, FormatError> {
    let graph = read_graph(path, &LoadOptions::default())?;
    graph.validate(1).map_err(|source| FormatError::Graph { path: path.into(), source })?;
    Ok(graph.exported())
}
