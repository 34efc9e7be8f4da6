//! The errors of reading data.

use std::io;
use std::path::PathBuf;

/// Why a data set could not be loaded. Every message names the file or the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content of a file does not fit its format.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A folder does not have the four files of a data set.
    #[error(
        "{}: {reason}; expected a folder of images for every class (or train/CLASS and test/CLASS), or four IDX \
         files (gzipped or not): images and labels named `train…`, images and labels named `t10k…` or `test…`; or \
         .npy files, or train.csv and test.csv",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is missing or ambiguous.
        reason: String,
    },
    /// The images and labels do not fit together.
    #[error("data set {name}: {reason}")]
    Inconsistent {
        /// The data set.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// MNIST is not in the cache and could not be downloaded.
    #[error(
        "there is no intact MNIST file {file} in {} and it could not be downloaded ({reason}); put the four files \
         there (gzipped or not), or name a folder that has them with `--data DIR`, or use the \
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
    /// Returns the error of an action on a path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// Returns a format error of the file at `path`.
    pub(crate) fn format(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Format { path: path.into(), reason: reason.into() }
    }
}
