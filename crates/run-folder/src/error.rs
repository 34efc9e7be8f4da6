//! Errors of a configuration and of a run folder.

use std::io;
use std::path::{Path, PathBuf};

/// Why a configuration is refused, or a file of a run cannot be read or written. Every message names the key or
/// the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// There is no preset of this name.
    #[error("unknown preset `{name}`; the presets are {known}")]
    UnknownPreset {
        /// The name that was given.
        name: String,
        /// The known presets.
        known: String,
    },
    /// There is no key of this name.
    #[error("unknown key `{key}` ({origin}); did you mean `{nearest}`?")]
    UnknownKey {
        /// The key that was set.
        key: String,
        /// The most similar known key.
        nearest: String,
        /// The file or flag.
        origin: String,
    },
    /// A key has a value of the wrong type or out of range.
    #[error("configuration key `{key}`: {reason}")]
    Value {
        /// The dotted key.
        key: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A file or a flag gives a key a value of the wrong type or out of range.
    #[error("{origin}: configuration key `{key}`: {reason}")]
    Setting {
        /// The dotted key.
        key: String,
        /// The file or flag.
        origin: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A configuration file is not TOML.
    #[error("{} is not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file does not have the format that a run writes.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be put into its format.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// The content of the file.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
}

impl RunFolderError {
    /// Returns a function that wraps an error of the file system. `action` is a verb, `path` the file or folder.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Returns a function that wraps the error of an encoder.
    pub fn encode<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Self + Copy {
        move |error| Self::Encode { what, reason: error.to_string() }
    }
}
