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
    /// Returns the source with this name: `digits`, other digits with the number of a drawing such as `digits:7`, `mnist`,
    /// or otherwise the path of a folder or file.
    pub fn from_name(name: &str) -> Self {
        let drawing = name.strip_prefix("digits:").and_then(|seed| seed.parse().ok());
        match (name, drawing) {
            ("digits", _) => Self::Digits(digits::DigitsConfig::default()),
            ("mnist", _) => Self::Mnist,
            (_, Some(seed)) => {
                Self::Digits(digits::DigitsConfig { seed, ..digits::DigitsConfig::default() })
            }
            (path, None) => Self::Path(PathBuf::from(path)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_drawing_of_digits_or_of_a_path() {
        let seed = |name: &str| match Source::from_name(name) {
            Source::Digits(config) => Some(config.seed),
            _ => None,
        };
        assert_eq!(
            ["digits", "digits:7", "digits:x", "other"].map(seed),
            [Some(0), Some(7), None, None]
        );
    }
}
