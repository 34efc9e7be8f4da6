//! Reads a folder of images: a folder for every class, with or without a split.
//!
//! ```text
//! train/cat/*.jpg  train/dog/*.jpg  test/cat/*.jpg  test/dog/*.jpg
//! cat/*.png        dog/*.png                                        a part is held out as test images
//! ```

mod cache;
mod decode;
mod decoding;
mod listing;
mod look;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::decoding::Decoding;
use self::listing::Listing;
use self::look::LookedAt;
use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::LoadOptions;

pub(crate) use listing::is_image_folder;

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

/// Reads the images in `folder`. Decoded images are kept in a file in the user's cache folder, by the content of the
/// image files. If they take more than the memory of `options`, they stay there.
///
/// # Errors
/// The folder has fewer than two classes, an image is damaged, or the images have different sizes; or they take too
/// much memory, and cannot be kept in a file.
pub fn load(
    folder: &Path,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    let listing = Listing::of(folder, options.test_fraction)?;
    let looked_at = LookedAt::of(folder, &listing, options)?;
    let decoding =
        Decoding { folder, listing: &listing, channels: looked_at.channels, options, progress };
    let mut cached = cache::open(&looked_at.key, options.memory);
    if cached.is_none() {
        cache::fill(&looked_at.key, &decoding)?;
        cached = cache::open(&looked_at.key, options.memory);
    }
    let DecodedSet { image_shape, train, test, bad } =
        cached.map_or_else(|| decoding.in_memory(), Ok)?;
    let name = folder.file_name().map_or("images".into(), |name| name.to_string_lossy());
    let dataset = Dataset::new(name, image_shape, train, test)?;
    let folder = std::path::absolute(folder).ok();
    Ok(Dataset { folder, class_names: listing.classes, bad_images: bad, ..dataset })
}

/// The images of both splits, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DecodedSet {
    image_shape: Vec<usize>,
    train: Split,
    test: Split,
    bad: Vec<BadImage>,
}

#[cfg(test)]
mod tests;
