//! The source of a data set.

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::images::ImageOptions;
use crate::progress::Progress;
use crate::{cifar, digits, folder, images, mnist};

/// The source of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The built-in digits, drawn at run time.
    Digits(digits::DigitsConfig),
    /// MNIST from the user's cache folder or the network.
    Mnist,
    /// A folder: of images, with the files of CIFAR-10 or CIFAR-100, or with four IDX files.
    Folder(PathBuf),
}

impl Source {
    /// Returns the source with this name: `digits`, `mnist`, or otherwise the path of a folder.
    pub fn from_name(name: &str) -> Self {
        match name {
            "digits" => Self::Digits(digits::DigitsConfig::default()),
            "mnist" => Self::Mnist,
            path => Self::Folder(PathBuf::from(path)),
        }
    }

    /// Loads or draws the data set.
    ///
    /// # Errors
    /// As [`digits::draw`], [`mnist::load`], [`images::load`], [`cifar::load`] and [`folder::load`].
    pub fn load(
        &self,
        options: &ImageOptions,
        progress: &Progress<'_>,
    ) -> Result<Dataset, DataError> {
        match self {
            Self::Digits(config) => digits::draw(config, progress),
            Self::Mnist => mnist::load(progress),
            Self::Folder(path) if images::is_image_folder(path) => {
                images::load(path, options, progress)
            }
            Self::Folder(path) if cifar::is_cifar(path) => cifar::load(path, progress),
            Self::Folder(path) => folder::load(path, progress),
        }
    }
}
