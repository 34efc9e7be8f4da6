//! What can go wrong with a network.

use std::io;
use std::path::PathBuf;

/// Why a network could not be built, saved or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// An extent of the network is zero.
    #[error("network {what} is 0; expected at least 1")]
    Zero {
        /// Which extent.
        what: String,
    },
    /// An extent, or the network as a whole, is larger than any device can number or memory address.
    #[error("the network is larger than memory can address: {what}; make it narrower")]
    TooLarge {
        /// The extent, or all of them.
        what: String,
    },
    /// A network cannot be put into the form of its files.
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
    /// A file does not hold the network that its description announces.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
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
