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
mod named;

use std::path::Path;

use self::decoding::{DecodedSet, Decoding};
use self::listing::Listing;
use self::look::LookedAt;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::load_options::LoadOptions;
use crate::progress::Progress;

pub use listing::is_image_folder;
pub use named::read_named;

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

#[cfg(test)]
mod tests;
