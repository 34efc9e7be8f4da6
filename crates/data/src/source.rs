//! The source of a data set.

use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::load_options::LoadOptions;
use crate::progress::Progress;
use crate::{cifar, digits, folder, images, mnist, numpy, table};

/// The source of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The built-in digits, drawn at run time.
    Digits(digits::DigitsConfig),
    /// MNIST from the user's cache folder or the network.
    Mnist,
    /// A .npz or .csv file; or a folder: of images, with the files of CIFAR-10 or CIFAR-100, with .npy files, with
    /// `train.csv` and `test.csv`, or with four IDX files.
    Path(PathBuf),
}

impl Source {
    /// Returns the source with this name: `digits`, `mnist`, or otherwise the path of a folder or file.
    pub fn from_name(name: &str) -> Self {
        match name {
            "digits" => Self::Digits(digits::DigitsConfig::default()),
            "mnist" => Self::Mnist,
            path => Self::Path(PathBuf::from(path)),
        }
    }

    /// Returns whether a file with this name can be a source by itself: .npz and .csv files.
    pub fn is_file_name(path: &Path) -> bool {
        numpy::is_npz(path) || table::is_csv(path)
    }

    /// Loads or draws the data set.
    ///
    /// # Errors
    /// As [`digits::draw`], [`mnist::load`], [`images::load`], [`cifar::load`], [`numpy::load`], [`table::load`] and
    /// [`folder::load`].
    pub fn load(
        &self,
        options: &LoadOptions,
        progress: &Progress<'_>,
    ) -> Result<Dataset, DataError> {
        let path = match self {
            Self::Digits(config) => return digits::draw(config, progress),
            Self::Mnist => return mnist::load(progress),
            Self::Path(path) => path,
        };
        if images::is_image_folder(path) {
            images::load(path, options, progress)
        } else if cifar::is_cifar(path) {
            cifar::load(path, progress)
        } else if numpy::is_npz(path) || numpy::is_npy_folder(path) {
            numpy::load(path, options, progress)
        } else if table::is_csv(path) || table::is_csv_folder(path) {
            table::load(path, options, progress)
        } else {
            folder::load(path, progress)
        }
    }
}
