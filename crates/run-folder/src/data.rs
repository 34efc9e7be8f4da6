//! The images of a run, as in its summary.

use serde::{Deserialize, Serialize};

/// The images of a run. (The first versions did not write the optional fields.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// The name of the data set.
    pub name: String,
    /// SHA-256 of shape, images and labels; empty if unknown.
    pub digest: String,
    /// Number of training images.
    pub train: Option<usize>,
    /// Number of held-out images, which are for choosing settings.
    pub validation: usize,
    /// Number of test images; 0 if unknown.
    pub test: usize,
    /// The extents of an image.
    pub image_shape: Option<Vec<usize>>,
    /// Number of classes.
    pub classes: Option<usize>,
    /// The folder or file with the images, absolute, if the user named one. It is written to `progress.json`, so that
    /// another copy of the images gives the same summary.
    #[serde(skip)]
    pub folder: Option<String>,
}

impl DataSummary {
    /// The name of the built-in digits in a report, so that they are not mistaken for a benchmark.
    pub const SYNTHETIC: &str = "synthetic digits";

    /// Returns images of which only the name is known.
    pub fn unknown(name: String) -> Self {
        Self {
            name,
            digest: String::new(),
            train: None,
            validation: 0,
            test: 0,
            image_shape: None,
            classes: None,
            folder: None,
        }
    }

    /// Renames the built-in digits to [`DataSummary::SYNTHETIC`]. A folder called `digits` keeps its name: `source`
    /// is the source in the configuration, if known.
    pub fn name_built_in(&mut self, source: Option<&str>) {
        if self.name == "digits" && source.is_none_or(|source| source == "digits") {
            Self::SYNTHETIC.clone_into(&mut self.name);
        }
    }

    /// Returns whether rayclip generated the images.
    pub fn is_synthetic(&self) -> bool {
        self.name == Self::SYNTHETIC
    }

    /// Returns whether the images are those of MNIST, from any folder.
    pub fn is_mnist(&self) -> bool {
        self.digest == rayclip_data::mnist::DIGEST
    }

    /// Returns the name for a title.
    pub fn title(&self) -> &str {
        if self.is_mnist() { "MNIST" } else { &self.name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_digits_are_called_synthetic_and_no_other_data_are() {
        let title = |name: &str, source: Option<&str>| {
            let mut data = DataSummary::unknown(name.into());
            data.name_built_in(source);
            data.title().to_owned()
        };
        assert_eq!(title("digits", Some("digits")), "synthetic digits");
        assert_eq!(title("digits", None), "synthetic digits");
        assert_eq!(title("digits", Some("mine/digits")), "digits");
        assert_eq!(title("mnist", Some("mnist")), "mnist");
    }
}
