//! The source of a data set.

use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::images::OnBadImage;
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

/// How a folder or a file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// What happens to a damaged image in a folder of images.
    pub on_bad: OnBadImage,
    /// Height and width of the images in a folder of images: an image is scaled until it covers them, and its centre
    /// is cut out. Without it, all images must have the same size.
    pub resize: Option<[usize; 2]>,
    /// The fraction of every class that is held out as test images, if the source has no split.
    pub test_fraction: f64,
    /// The most bytes of images that are held in memory. If a folder of images has more, they stay in the file of the
    /// user's cache folder that has them decoded, and are read when they are needed.
    pub memory: usize,
    /// The column of a CSV file that has the labels; `None` for one of [`table::LABEL_COLUMNS`].
    pub label_column: Option<String>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            on_bad: OnBadImage::Stop,
            resize: None,
            test_fraction: 0.2,
            memory: usize::MAX,
            label_column: None,
        }
    }
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
