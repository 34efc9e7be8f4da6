//! Reads a folder of images: a folder for every class, with or without a split.
//!
//! ```text
//! train/cat/*.jpg  train/dog/*.jpg  test/cat/*.jpg  test/dog/*.jpg
//! cat/*.png        dog/*.png                                        a part is held out as test images
//! ```

mod cache;
mod decode;
mod listing;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::listing::{Item, Listing};
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

/// Reads the images in `folder`. Decoded images are kept in the user's cache folder, by the content of the files.
///
/// # Errors
/// The folder has fewer than two classes, an image is damaged, or the images have different sizes.
pub fn load(
    folder: &Path,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    let listing = Listing::of(folder, options.test_fraction)?;
    let key = cache::key(folder, &listing, options)?;
    let decoded = if let Some(decoded) = cache::read(&key) {
        decoded
    } else {
        let decoded = decode_all(folder, &listing, options, progress)?;
        cache::write(&key, &decoded);
        decoded
    };
    let name = folder.file_name().map_or("images".into(), |name| name.to_string_lossy());
    let DecodedSet { image_shape, train, test, bad } = decoded;
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

/// Images that are decoded between two reports of progress.
const BLOCK: usize = 1024;

fn decode_all(
    folder: &Path,
    listing: &Listing,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<DecodedSet, DataError> {
    let mut decoded = Vec::with_capacity(listing.items.len());
    for items in listing.items.chunks(BLOCK) {
        let decode = |item: &Item| decode::decode(&folder.join(&item.path), options.resize);
        decoded.par_extend(items.par_iter().map(decode));
        progress(decoded.len() as u64, listing.items.len() as u64);
    }
    let (mut good, mut bad) = (vec![], vec![]);
    for (item, decoded) in listing.items.iter().zip(decoded) {
        match decoded {
            Ok(decoded) => good.push((item, decoded)),
            Err(reason) => bad.push(BadImage { path: item.path.clone(), reason }),
        }
    }
    if options.on_bad == OnBadImage::Stop
        && let Some(BadImage { path, reason }) = bad.first()
    {
        let count = bad.len();
        let reason = format!(
            "the image is damaged: {reason} ({count} of {} images are); put it right or remove it, or leave such \
             images out with --on-bad-image skip",
            listing.items.len()
        );
        return Err(DataError::format(folder.join(path), reason));
    }
    let (first, size) = match good.first() {
        Some((item, decoded)) => (&item.path, [decoded.height, decoded.width]),
        None => return Err(DataError::format(folder, "every image is damaged")),
    };
    let other = good.iter().find(|(_, decoded)| [decoded.height, decoded.width] != size);
    if let Some((item, decoded)) = other {
        let reason = format!(
            "the image is {} × {}, but {} is {} × {}; bring all to one size with --resize, such as --resize {}x{}",
            decoded.height,
            decoded.width,
            first.display(),
            size[0],
            size[1],
            size[0],
            size[1]
        );
        return Err(DataError::format(folder.join(&item.path), reason));
    }
    let channels = good.iter().map(|(_, decoded)| decoded.channels).max().unwrap_or(1);
    let split = |is_test: bool| {
        let (mut images, mut labels) = (vec![], vec![]);
        for (item, decoded) in good.iter().filter(|(item, _)| item.is_test == is_test) {
            decoded.append_to(&mut images, channels);
            labels.push(item.class);
        }
        Split { images: images.into(), labels }
    };
    let mut image_shape = size.to_vec();
    image_shape.extend((channels > 1).then_some(channels));
    Ok(DecodedSet { image_shape, train: split(false), test: split(true), bad })
}

#[cfg(test)]
mod tests;
