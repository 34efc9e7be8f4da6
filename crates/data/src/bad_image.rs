//! Damaged images in a folder of images.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What happens to a damaged image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadImage {
    /// The data set is refused.
    #[default]
    Stop,
    /// The image is left out.
    Skip,
}

/// An image that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadImage {
    /// The file, relative to the folder.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}
