//! Errors of networks.

use std::io;
use std::path::PathBuf;

/// Why a network could not be built, saved or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// An extent of the network is zero.
    #[error("the number of {what} is 0; expected at least 1")]
    Zero {
        /// What there is none of.
        what: String,
    },
    /// An extent is larger than a device can index, or the network is larger than memory can address.
    #[error("the network is larger than memory can address: {what}; make it narrower")]
    TooLarge {
        /// The extent, or the number of parameters.
        what: String,
    },
    /// The graph cannot be computed.
    #[error("the graph is not valid: {what} {reason}")]
    Graph {
        /// The node, or another part of the graph.
        what: String,
        /// What is wrong with it, as the predicate of a sentence.
        reason: String,
    },
    /// A network cannot be encoded into its files.
    #[error("the network cannot be written: {reason}")]
    Unwritten {
        /// Why.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file does not hold the network of its description.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A network lacks a tensor, or it has other extents.
    #[error("the tensor {name} {}, expected {expected:?}", state(found.as_ref()))]
    Tensor {
        /// The tensor.
        name: String,
        /// The extents that the graph asks for.
        expected: Vec<usize>,
        /// Its extents; `None` if it is missing.
        found: Option<Vec<usize>>,
    },
    /// A tensor could not be read from its device.
    #[error("cannot read {what} from the device: {reason}")]
    Device {
        /// The tensor.
        what: String,
        /// The backend's reason.
        reason: String,
    },
}

fn state(found: Option<&Vec<usize>>) -> String {
    found.map_or("is missing".to_owned(), |extents| format!("has the extents {extents:?}"))
}
