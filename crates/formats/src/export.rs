//! Writes a network as files of any format.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rayclip_data::write_whole;
use rayclip_onnx::proto::Model;

use crate::error::FormatError;
use crate::fold::fold_batch_norms;
use crate::loaded::Loaded;
use crate::onnx::OnnxOptions;
use crate::{burn_file, folder, onnx, python};

/// A format that networks are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An ONNX file.
    Onnx,
    /// A safetensors file with the names and the layout of PyTorch.
    Safetensors,
    /// A folder with such a file, and the source of a module of PyTorch that reads it.
    Pytorch,
    /// A folder with a file of Burn, and the source of a module of Burn that reads it.
    Burn,
}

/// How a network is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Of ONNX: the network reads pixels, and its graph begins with their normalisation.
    pub with_preprocessing: bool,
    /// Batch normalisations are folded into the layers before them.
    pub fold_batch_norm: bool,
}

/// The files of a network.
#[derive(Debug)]
pub struct Export {
    /// The network as it is written.
    pub network: Loaded,
    /// What is different from what was asked for, as sentences.
    pub notes: Vec<String>,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    /// Its name in a folder; `None` if it is the only one.
    name: Option<&'static str>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Onnx(Box<Model>),
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Onnx, Self::Safetensors, Self::Pytorch, Self::Burn];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Safetensors => "safetensors",
            Self::Pytorch => "pytorch",
            Self::Burn => "burn",
        }
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or(())
    }
}

/// Encodes a network in a format. Nothing is written.
///
/// # Errors
/// The network cannot be written in the format, or an option needs what its file does not say.
pub fn export(
    loaded: &Loaded,
    format: Format,
    options: ExportOptions,
) -> Result<Export, FormatError> {
    let mut network = loaded.clone();
    let mut notes = vec![];
    if options.fold_batch_norm {
        notes = fold_batch_norms(&mut network.graph, &mut network.tensors);
    }
    if let (Format::Onnx | Format::Pytorch | Format::Burn, Some(reason)) =
        (format, network.graph.mixed_order())
    {
        return Err(FormatError::Unwritten { format: "a network with channels second", reason });
    }
    let only = |content| vec![File { name: None, content }];
    let named = |name, content| File { name: Some(name), content };
    let files = match format {
        Format::Onnx => {
            let onnx = OnnxOptions { with_preprocessing: options.with_preprocessing };
            only(Content::Onnx(Box::new(onnx::export(&network, onnx)?)))
        }
        Format::Safetensors => only(Content::Bytes(network.tensors.encode(&network.metadata())?)),
        Format::Pytorch => vec![
            named(folder::WEIGHTS, Content::Bytes(network.tensors.encode(&network.metadata())?)),
            named(python::MODEL, Content::Bytes(python::model(&network)?.into_bytes())),
        ],
        Format::Burn => vec![
            named(burn_file::WEIGHTS, Content::Bytes(burn_file::weights(&network)?)),
            named(burn_file::SOURCE, Content::Bytes(burn_file::source(&network).into_bytes())),
        ],
    };
    Ok(Export { network, notes, files })
}

impl Export {
    /// Returns the paths that [`write`](Self::write) writes to.
    pub fn paths(&self, out: &Path) -> Vec<PathBuf> {
        let path = |file: &File| file.name.map_or_else(|| out.to_path_buf(), |name| out.join(name));
        self.files.iter().map(path).collect()
    }

    /// Writes the files: to `out`, or into the folder `out`. Returns their paths.
    ///
    /// # Errors
    /// A file is there already and `force` is not set; then nothing is written. Or the file system refuses.
    pub fn write(self, out: &Path, force: bool) -> Result<Vec<PathBuf>, FormatError> {
        let paths = self.paths(out);
        let is_there = |path: &&PathBuf| fs::symlink_metadata(path).is_ok();
        if let Some(path) = paths.iter().find(is_there).filter(|_| !force) {
            return Err(FormatError::Exists { path: path.clone() });
        }
        for (file, path) in self.files.into_iter().zip(&paths) {
            match file.content {
                Content::Bytes(bytes) => write_whole(path, &bytes)
                    .map_err(|error| FormatError::io("write", path, error))?,
                Content::Onnx(model) => rayclip_onnx::write(&model, path)?,
            }
        }
        Ok(paths)
    }
}
