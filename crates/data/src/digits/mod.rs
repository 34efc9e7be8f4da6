//! The built-in digits: ten classes of 28×28 images, drawn at run time from strokes.
//!
//! For every image, one way of writing its digit is drawn from `assets/digits.toml`. Its control points move a little,
//! the plane is bent (a smooth random displacement) and mapped (scale, shear, rotation, shift). The strokes are drawn
//! with a pen of random width, and noise is added. Image `i` depends only on the seed and on `i`, so the set is the
//! same for any number of threads.
//!
//! # References
//! Simard, Steinkraus, Platt, *Best practices for convolutional neural networks applied to visual
//! document analysis* (ICDAR 2003), §2, for elastic and affine deformations of digits.

mod glyphs;
mod raster;
mod warp;

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::progress::Progress;
use glyphs::Glyphs;
use raster::{PIXELS, SIDE};

const CLASSES: usize = 10;
/// The number of the first test image; smaller numbers are training images. It is also the most images of a split.
const TEST_FROM: u64 = 1 << 32;
/// The number of images that one thread draws between two reports of progress.
const CHUNK: usize = 500;

/// How many digits are drawn, and from which seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitsConfig {
    /// Training images; default 20 000.
    pub train: usize,
    /// Test images; default 4 000.
    pub test: usize,
    /// Seed of all randomness; default 0.
    pub seed: u64,
}

impl Default for DigitsConfig {
    fn default() -> Self {
        Self { train: 20_000, test: 4_000, seed: 0 }
    }
}

/// Draws the digits.
///
/// # Errors
/// The strokes cannot be read, or a split would be empty or have more than 2³² images.
pub fn draw(config: &DigitsConfig, progress: &Progress<'_>) -> Result<Dataset, DataError> {
    let glyphs = Glyphs::built_in()?;
    let (train, test) = (config.train as u64, config.test as u64);
    if train.max(test) > TEST_FROM {
        let reason = format!("{train} and {test} images are more than {TEST_FROM}; draw fewer");
        return Err(DataError::Inconsistent { name: "digits".into(), reason });
    }
    let total = train + test;
    let done = AtomicU64::new(0);
    let draw_split = |count: usize, first: u64| {
        let (mut pixels, mut classes) = (vec![0; count * PIXELS], vec![0; count]);
        let images = pixels.par_chunks_mut(CHUNK * PIXELS);
        let labels = classes.par_chunks_mut(CHUNK);
        images.zip(labels).enumerate().for_each(|(chunk, (images, labels))| {
            for (offset, (image, label)) in images.chunks_mut(PIXELS).zip(&mut *labels).enumerate()
            {
                let index = first + (chunk * CHUNK + offset) as u64;
                *label = draw_one(&glyphs, config.seed, index, image);
            }
            let drawn = labels.len() as u64;
            progress(done.fetch_add(drawn, Ordering::Relaxed) + drawn, total);
        });
        Split { images: pixels.into(), labels: classes }
    };
    let train = draw_split(config.train, 0);
    let test = draw_split(config.test, TEST_FROM);
    Dataset::new("digits", vec![SIDE, SIDE], train, test)
}

/// Draws image number `index` and returns its digit.
fn draw_one(glyphs: &Glyphs, seed: u64, index: u64, image: &mut [u8]) -> u8 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    let digit = rng.random_range(0..CLASSES);
    let ways = glyphs.ways_to_write(digit);
    let strokes = &ways[rng.random_range(0..ways.len())];
    let curves = warp::deformed(strokes, &mut rng);
    raster::draw(&curves, &mut rng, image);
    digit as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_digits_in_any_number() {
        let few = draw(&DigitsConfig { train: 40, test: 10, seed: 3 }, &|_, _| ()).unwrap();
        let more = draw(&DigitsConfig { train: 700, test: 10, seed: 3 }, &|_, _| ()).unwrap();
        let pixels = |split: &Split| split.images.bytes().unwrap().to_vec();
        assert_eq!(pixels(&few.train), pixels(&more.train)[..40 * PIXELS]);
        assert_eq!(few.test, more.test);
        assert_ne!(pixels(&few.test), pixels(&few.train)[..10 * PIXELS]);
    }

    #[test]
    fn more_images_than_can_be_counted_are_refused() {
        for (train, test) in [(usize::MAX, 1), (1, (1 << 32) + 1)] {
            let refused = draw(&DigitsConfig { train, test, seed: 0 }, &|_, _| ());
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(&format!("{train} and {test} images")), "{message}");
        }
    }

    #[test]
    fn every_class_is_drawn_and_no_image_is_empty() {
        let data = draw(&DigitsConfig { train: 300, test: 1, seed: 0 }, &|_, _| ()).unwrap();
        let mut counts = [0; CLASSES];
        for label in &data.train.labels {
            counts[usize::from(*label)] += 1;
        }
        assert!(counts.iter().all(|count| (10..60).contains(count)), "{counts:?}");
        for image in data.train.images.bytes().unwrap().chunks(PIXELS) {
            let ink = image.iter().filter(|&&byte| byte > 100).count();
            assert!((15..400).contains(&ink), "{ink} inked pixels");
        }
    }
}
