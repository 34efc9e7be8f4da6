//! What can go wrong while data is read.

use std::io;
use std::path::PathBuf;

/// Why a data set could not be had. Every message names the file or the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content of a file is not what its format says.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A folder does not hold the four files of a data set.
    #[error(
        "{}: {reason}; expected four IDX files (gzipped or not): images and labels named `train…`, \
         images and labels named `t10k…` or `test…`", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is missing or ambiguous.
        reason: String,
    },
    /// The images and labels do not make a data set.
    #[error("data set {name}: {reason}")]
    Inconsistent {
        /// The data set.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// MNIST is not in the cache and could not be downloaded.
    #[error(
        "there is no intact MNIST file {file} in {} and it could not be downloaded ({reason}); place the four files \
         there (gzipped or not), or name a folder that holds them with `--data DIR`, or use the \
         built-in `--data digits`", folder.display()
    )]
    Unavailable {
        /// The missing file.
        file: &'static str,
        /// The cache folder.
        folder: PathBuf,
        /// Why the download failed.
        reason: String,
    },
    /// The strokes of the built-in digits cannot be read.
    #[error("built-in digits: {0}")]
    Strokes(String),
}

impl DataError {
    /// An [`io::Error`] with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// A format error of the file at `path`.
    pub(crate) fn format(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Format { path: path.into(), reason: reason.into() }
    }
}
