//! A data set: a training and a test split of images with labels.

use std::path::PathBuf;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use sha2::{Digest, Sha256};

use crate::bad_image::BadImage;
use crate::digest::hexadecimal;
use crate::error::DataError;
use crate::values::Values;

/// The most classes: a label is a byte.
pub(crate) const CLASSES: usize = 256;

/// Images (or the rows of a table) and their labels, in the order of the source.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// `count × pixels` values, row-major; in bytes, 0 = background.
    pub images: Values,
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

    /// Returns the images with the numbers `ids`; each has `pixels` values.
    pub(crate) fn pick(&self, ids: &[usize], pixels: usize) -> Self {
        Self {
            images: self.images.pick(ids, pixels),
            labels: ids.iter().map(|id| self.labels[*id]).collect(),
        }
    }
}

/// A training and a test split over the same image shape and classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The name of the data set.
    pub name: String,
    /// Extents of one image: `[height, width]`, `[height, width, channels]`, or the `[columns]` of a table.
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
    /// What else the source has, and is not used: names of arrays.
    pub unused: Vec<String>,
    /// The absolute path of the folder or file that it was read from, if the user named one.
    pub folder: Option<PathBuf>,
}

impl Dataset {
    /// Makes a data set from two splits.
    ///
    /// # Errors
    /// A split is empty, an image has no pixel, the number of images and labels differ, the splits have values of
    /// different types, there are fewer than two classes, or a test label is not a class of the training labels.
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
        if train.images.value_type() != test.images.value_type() {
            return Err(inconsistent("the splits have values of different types".into()));
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
        let (class_names, bad_images, unused, folder) = (vec![], vec![], vec![], None);
        Ok(Self {
            name,
            image_shape,
            classes,
            train,
            test,
            class_names,
            bad_images,
            unused,
            folder,
        })
    }

    /// Returns the number of pixels of one image.
    pub fn pixels(&self) -> usize {
        self.image_shape.iter().product()
    }

    /// Returns the number of channels: 1 without a third extent. Every column of a table is a channel.
    pub fn channels(&self) -> usize {
        match self.image_shape[..] {
            [_, _] => 1,
            [_, _, channels] => channels,
            _ => self.pixels(),
        }
    }

    /// Returns whether the images have rows and columns of pixels.
    pub fn has_positions(&self) -> bool {
        self.channels() < self.pixels()
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
    ///
    /// # Errors
    /// The images stay in a file, and it cannot be read.
    pub fn digest(&self) -> Result<String, DataError> {
        let extents = |values: &[usize]| -> Vec<u8> {
            values.iter().flat_map(|value| (*value as u64).to_le_bytes()).collect()
        };
        let counts = [self.train.len(), self.test.len()];
        let (shape, counts) = (extents(&self.image_shape), extents(&counts));
        let mut hash = Sha256::new();
        hash.update(shape);
        hash.update(counts);
        for split in [&self.train, &self.test] {
            split.images.hash(&mut hash)?;
            hash.update(&split.labels);
        }
        Ok(hexadecimal(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(images: &[u8], labels: &[u8]) -> Split {
        Split { images: images.to_vec().into(), labels: labels.to_vec() }
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
        let held_out = validation.images.bytes().unwrap();
        let mut all = [held_out, rest.train.images.bytes().unwrap()].concat();
        all.sort_unstable();
        assert_eq!(all, images);
        assert!(held_out.iter().zip(&validation.labels).all(|(i, l)| i % 2 == *l));
        assert_ne!(held_out, [0, 1, 2, 3, 4]);
        assert_eq!(rest.test, whole.test);
        assert!(whole.clone().hold_out(0.99).unwrap_err().to_string().contains("leaves none"));
    }

    #[test]
    fn equal_data_has_an_equal_digest() {
        let data = |name: &str, pixel: u8| {
            Dataset::new(name, vec![1], split(&[0, pixel], &[0, 1]), split(&[0], &[1])).unwrap()
        };
        assert_eq!(data("a", 7).digest().unwrap(), data("b", 7).digest().unwrap());
        assert_ne!(data("a", 7).digest().unwrap(), data("a", 8).digest().unwrap());
        assert_eq!(data("a", 7).digest().unwrap().len(), 64);
    }

    #[test]
    fn the_digest_of_floats_depends_on_every_bit() {
        let data = |values: [f32; 2]| {
            let split = || Split { images: values.to_vec().into(), labels: vec![0, 1] };
            Dataset::new("d", vec![1], split(), split()).unwrap()
        };
        assert_eq!(data([0.5, 1.0]).digest().unwrap(), data([0.5, 1.0]).digest().unwrap());
        assert_ne!(
            data([0.5, 1.0]).digest().unwrap(),
            data([0.5, 1.0 + f32::EPSILON]).digest().unwrap()
        );
    }

    #[test]
    fn a_digest_stays_as_it_was() {
        let data = Dataset::new("d", vec![1], split(&[3, 7], &[0, 1]), split(&[5], &[1])).unwrap();
        let extents = [1_u64, 2, 1].map(u64::to_le_bytes).concat();
        let parts: [&[u8]; 5] = [&extents, &[3, 7], &[0, 1], &[5], &[1]];
        assert_eq!(data.digest().unwrap(), crate::digest::sha256(parts));
    }
}
