//! A network that was read from a file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use burn::tensor::Device;
use rayclip_model::{Exported, Graph, ModelError, Population};

use crate::images::ImageDescription;

/// A network with everything that its file says about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it computes. Its nodes have the names of the tensors.
    pub graph: Graph,
    /// Its parameters and running statistics, in the layout of PyTorch.
    pub tensors: Exported,
    /// The images that it reads, if the file says so.
    pub images: Option<ImageDescription>,
    /// What else the file says: method, seed, accuracies.
    pub about: BTreeMap<String, String>,
    /// What the file does not say and was inferred, as sentences.
    pub notes: Vec<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a network comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file with its weights.
    pub path: PathBuf,
    /// The kind of the file.
    pub kind: Kind,
}

/// The kind of a file with a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of rayclip with one network.
    Network,
    /// `network.safetensors` of a run, with a description beside it.
    Networks,
    /// A safetensors file of others: a state dict.
    Safetensors,
    /// A state dict that PyTorch saved.
    Pytorch,
    /// An ONNX file.
    Onnx,
    /// A file of Burn that rayclip wrote.
    Burn,
}

impl Loaded {
    /// Returns the network on a device.
    ///
    /// # Errors
    /// A tensor is missing or has other extents than the graph asks for.
    pub fn population(&self, device: &Device) -> Result<Population, ModelError> {
        self.tensors.population(&self.graph, device)
    }

    /// Returns the metadata that describes it in a file.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        crate::metadata::metadata(&self.graph, self.images.as_ref(), &self.about)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "a network of rayclip",
            Self::Networks => "the networks of a run",
            Self::Safetensors => "a state dict in safetensors",
            Self::Pytorch => "a state dict of PyTorch",
            Self::Onnx => "an ONNX file",
            Self::Burn => "a file of Burn",
        })
    }
}
