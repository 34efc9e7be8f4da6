//! A gap: something that a folder lacks.

use std::path::PathBuf;

/// Something that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}
