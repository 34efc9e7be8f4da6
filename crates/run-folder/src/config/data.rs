//! The images of a run, and their normalisation.

use rayclip_data::{DataError, Dataset, LoadOptions, OnBadImage, PerChannel, Statistics};
use serde::{Deserialize, Serialize};

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `digits`, `mnist`, a folder, or a .npz or .csv file.
    pub source: String,
    /// How pixels are normalised.
    pub normalization: Normalization,
    /// Mean pixel if `normalization` is fixed; of bytes, as a fraction of 255.
    pub mean: PerChannel,
    /// Standard deviation of a pixel if `normalization` is fixed; of bytes, as a fraction of 255.
    pub deviation: PerChannel,
    /// Fraction of the training images that is held out for choosing settings.
    pub validation: f64,
    /// Fraction of every class that is held out as test images, if the source has no split.
    #[serde(default = "test_fraction")]
    pub test: f64,
    /// Height and width to which images are scaled and cropped; none if they have one size.
    #[serde(default)]
    pub resize: Vec<usize>,
    /// What happens to a damaged image.
    #[serde(default)]
    pub on_bad_image: OnBadImage,
    /// The column of a CSV file that has the labels; empty for one with a usual name.
    #[serde(default)]
    pub label_column: String,
}

fn test_fraction() -> f64 {
    LoadOptions::default().test_fraction
}

impl DataConfig {
    /// Returns how a folder or a file is read.
    pub fn load_options(&self) -> LoadOptions {
        let resize = <[usize; 2]>::try_from(self.resize.as_slice()).ok();
        let label_column = (!self.label_column.is_empty()).then(|| self.label_column.clone());
        LoadOptions {
            on_bad: self.on_bad_image,
            resize,
            test_fraction: self.test,
            label_column,
            ..LoadOptions::default()
        }
    }

    /// Returns the mean and the deviation with which the images of a data set are normalised.
    ///
    /// # Errors
    /// The images stay in a file, and it cannot be read.
    pub fn statistics(&self, dataset: &Dataset) -> Result<Statistics, DataError> {
        match self.normalization.resolved(dataset) {
            Normalization::Fixed => {
                Ok(Statistics { mean: self.mean.clone(), deviation: self.deviation.clone() })
            }
            Normalization::Channels => dataset.channel_statistics(),
            Normalization::TrainingPixels | Normalization::Auto => dataset.pixel_statistics(),
        }
    }
}

/// How pixels are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// `Channels` for tables of numbers, otherwise `TrainingPixels`; resolved with the data.
    Auto,
    /// With the mean and deviation of the training pixels.
    TrainingPixels,
    /// With the mean and deviation of every channel of the training images, or of every column of a table.
    Channels,
    /// With the configured mean and deviation.
    Fixed,
}

impl Normalization {
    /// Returns what `Auto` means for a data set. Columns of a table are in different units, unlike pixels.
    #[must_use]
    pub fn resolved(self, dataset: &Dataset) -> Self {
        let is_table = !dataset.has_positions() && !dataset.train.images.value_type().is_bytes();
        match self {
            Self::Auto if is_table => Self::Channels,
            Self::Auto => Self::TrainingPixels,
            other => other,
        }
    }
}
