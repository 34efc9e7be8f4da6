//! A data set: a training and a test split of byte images with labels.

use std::path::PathBuf;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::digest::sha256;
use crate::error::DataError;
use crate::images::BadImage;

/// Images and their labels, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// `count × pixels` bytes, row-major, 0 = background.
    pub images: Vec<u8>,
    /// One class per image.
    pub labels: Vec<u8>,
}

impl Split {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the images with the numbers `ids`; each has `pixels` pixels.
    fn pick(&self, ids: &[usize], pixels: usize) -> Self {
        let image = |id: &usize| self.images[id * pixels..(id + 1) * pixels].iter().copied();
        Self {
            images: ids.iter().flat_map(image).collect(),
            labels: ids.iter().map(|id| self.labels[*id]).collect(),
        }
    }
}

/// A training and a test split over the same image shape and classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The name of the data set.
    pub name: String,
    /// Extents of one image, for example `[28, 28]`.
    pub image_shape: Vec<usize>,
    /// Number of classes: the largest training label plus one.
    pub classes: usize,
    /// Images to train on.
    pub train: Split,
    /// Images for measuring the accuracy.
    pub test: Split,
    /// Names of the classes, in order; none if the source has none.
    pub class_names: Vec<String>,
    /// Images that were left out because they are damaged.
    pub bad_images: Vec<BadImage>,
    /// The absolute path of the folder that it was read from, if it was a folder.
    pub folder: Option<PathBuf>,
}

impl Dataset {
    /// Makes a data set from two splits.
    ///
    /// # Errors
    /// A split is empty, an image has no pixel, the number of images and labels differ, there are
    /// fewer than two classes, or a test label is not a class of the training labels.
    pub fn new(
        name: impl Into<String>,
        image_shape: Vec<usize>,
        train: Split,
        test: Split,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let inconsistent = |reason: String| DataError::Inconsistent { name: name.clone(), reason };
        let pixels = image_shape.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent));
        let Some(pixels) = pixels else {
            return Err(inconsistent(format!("images of shape {image_shape:?} are too large")));
        };
        if pixels == 0 {
            return Err(inconsistent(format!("images of shape {image_shape:?} have no pixel")));
        }
        for (split_name, split) in [("training", &train), ("test", &test)] {
            if split.is_empty() {
                return Err(inconsistent(format!("the {split_name} split has no image")));
            }
            let images = split.images.len() / pixels;
            if split.images.len() % pixels != 0 || images != split.len() {
                return Err(inconsistent(format!(
                    "the {split_name} split has {images} images but {} labels",
                    split.len()
                )));
            }
        }
        let classes = 1 + usize::from(train.labels.iter().copied().max().unwrap_or(0));
        if classes < 2 {
            return Err(inconsistent(
                "every training label is 0; at least two classes are needed".into(),
            ));
        }
        if let Some(index) = test.labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(inconsistent(format!(
                "test label {} of image {index} is out of range: the training labels are 0 to {}",
                test.labels[index],
                classes - 1
            )));
        }
        let (class_names, bad_images, folder) = (vec![], vec![], None);
        Ok(Self { name, image_shape, classes, train, test, class_names, bad_images, folder })
    }

    /// Returns the number of pixels of one image.
    pub fn pixels(&self) -> usize {
        self.image_shape.iter().product()
    }

    /// Removes `fraction` of the training images (at least one) and returns them. They are for choosing settings
    /// without the test images. The choice of images depends only on their number and `fraction`.
    ///
    /// # Errors
    /// No training image would be left.
    pub fn hold_out(&mut self, fraction: f64) -> Result<Split, DataError> {
        let all = self.train.len();
        let count = ((fraction * all as f64).round() as usize).max(1);
        if count >= all {
            let reason = format!("holding out {fraction} of {all} training images leaves none");
            return Err(DataError::Inconsistent { name: self.name.clone(), reason });
        }
        let mut order: Vec<usize> = (0..all).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        let (held_out, kept) = order.split_at_mut(count);
        held_out.sort_unstable();
        kept.sort_unstable();
        let pixels = self.pixels();
        let validation = self.train.pick(held_out, pixels);
        self.train = self.train.pick(kept, pixels);
        Ok(validation)
    }

    /// Returns the SHA-256 of shape, images and labels, in hexadecimal. Equal data with different names have the same
    /// digest.
    pub fn digest(&self) -> String {
        let extents = |values: &[usize]| -> Vec<u8> {
            values.iter().flat_map(|value| (*value as u64).to_le_bytes()).collect()
        };
        let counts = [self.train.len(), self.test.len()];
        let (shape, counts) = (extents(&self.image_shape), extents(&counts));
        let splits = [&self.train, &self.test];
        let images = splits.into_iter().flat_map(|split| [&split.images[..], &split.labels[..]]);
        sha256([&shape[..], &counts[..]].into_iter().chain(images))
    }

    /// Returns the mean and standard deviation of the training pixels, as fractions of 255.
    ///
    /// The deviation of a constant data set is 1, so that the normalisation never divides by zero.
    pub fn pixel_statistics(&self) -> (f64, f64) {
        let mut histogram = [0_u64; 256];
        for &byte in &self.train.images {
            histogram[usize::from(byte)] += 1;
        }
        let count = self.train.images.len() as f64;
        let moment = |power: i32| -> f64 {
            let sum: f64 = (0_u32..)
                .zip(histogram)
                .map(|(value, times)| (f64::from(value) / 255.0).powi(power) * times as f64)
                .sum();
            sum / count
        };
        let mean = moment(1);
        let variance = (moment(2) - mean * mean).max(0.0);
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(images: &[u8], labels: &[u8]) -> Split {
        Split { images: images.to_vec(), labels: labels.to_vec() }
    }

    fn reason(result: Result<Dataset, DataError>) -> String {
        result.expect_err("must be refused").to_string()
    }

    #[test]
    fn classes_come_from_the_training_labels() {
        let data = Dataset::new("d", vec![1, 2], split(&[0; 6], &[0, 4, 1]), split(&[0; 2], &[3]));
        assert_eq!(data.unwrap().classes, 5);
    }

    #[test]
    fn refuses_what_does_not_fit_together() {
        let good = || split(&[0; 4], &[0, 1]);
        let new = |train, test| Dataset::new("d", vec![2], train, test);
        assert!(reason(new(split(&[], &[]), good())).contains("training split has no image"));
        assert!(reason(new(good(), split(&[], &[]))).contains("test split has no image"));
        assert!(reason(new(split(&[0; 4], &[0, 1, 1]), good())).contains("2 images but 3 labels"));
        assert!(reason(new(good(), split(&[0; 2], &[7]))).contains("label 7 of image 0"));
        assert!(reason(new(split(&[0; 2], &[0]), good())).contains("two classes"));
        assert!(reason(Dataset::new("d", vec![0, 2], good(), good())).contains("no pixel"));
        let huge = vec![usize::MAX, 2];
        assert!(reason(Dataset::new("d", huge, good(), good())).contains("too large"));
    }

    #[test]
    fn what_is_held_out_is_not_trained_on() {
        let images: Vec<u8> = (0..20).collect();
        let labels: Vec<u8> = (0..20).map(|i| i % 2).collect();
        let whole = Dataset::new("d", vec![1], split(&images, &labels), split(&[0], &[1])).unwrap();
        let mut rest = whole.clone();
        let validation = rest.hold_out(0.25).unwrap();
        assert_eq!((validation.len(), rest.train.len()), (5, 15));
        let mut all = [validation.images.clone(), rest.train.images.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, images);
        assert!(validation.images.iter().zip(&validation.labels).all(|(i, l)| i % 2 == *l));
        assert_ne!(validation.images, [0, 1, 2, 3, 4]);
        assert_eq!(rest.test, whole.test);
        assert!(whole.clone().hold_out(0.99).unwrap_err().to_string().contains("leaves none"));
    }

    #[test]
    fn equal_data_has_an_equal_digest() {
        let data = |name: &str, pixel: u8| {
            Dataset::new(name, vec![1], split(&[0, pixel], &[0, 1]), split(&[0], &[1])).unwrap()
        };
        assert_eq!(data("a", 7).digest(), data("b", 7).digest());
        assert_ne!(data("a", 7).digest(), data("a", 8).digest());
        assert_eq!(data("a", 7).digest().len(), 64);
    }

    #[test]
    fn statistics_are_fractions_of_255() {
        let data =
            Dataset::new("d", vec![2], split(&[0, 255, 0, 255], &[0, 1]), split(&[0; 2], &[1]));
        let (mean, deviation) = data.unwrap().pixel_statistics();
        assert!((mean - 0.5).abs() < 1e-12 && (deviation - 0.5).abs() < 1e-12);
    }
}
