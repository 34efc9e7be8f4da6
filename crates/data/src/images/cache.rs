//! Decoded images in the user's cache folder.
//!
//! A file is named by the SHA-256 of the names and contents of all images and of the options. So it never is out of
//! date; it can be removed at any time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::DecodedSet;
use super::listing::{Item, Listing};
use crate::arrays::MOST_BYTES;
use crate::dataset::Split;
use crate::digest::{sha256, sha256_file};
use crate::dir::Dir;
use crate::error::DataError;
use crate::source::LoadOptions;
use crate::whole::read_whole;

/// The version of what a file holds. Raise it when the same images would be decoded differently.
const VERSION: u32 = 1;

const NAMES: [&str; 4] = ["train.images", "train.labels", "test.images", "test.labels"];
const BAD: &str = "bad";
const SHAPE: &str = "shape";

/// Returns the name of the decoded images of a folder.
///
/// # Errors
/// A file cannot be read.
pub(super) fn key(
    folder: &Path,
    listing: &Listing,
    options: &LoadOptions,
) -> Result<String, DataError> {
    let line = |item: &Item| {
        let path = folder.join(&item.path);
        let digest = sha256_file(&path).map_err(|source| DataError::io("read", &path, source))?;
        Ok(format!("{} {} {} {digest}\n", item.path.display(), item.class, item.is_test))
    };
    let lines: Vec<String> =
        listing.items.par_iter().map(line).collect::<Result<_, DataError>>()?;
    let options = format!("{VERSION} {:?} {:?}\n", options.on_bad, options.resize);
    Ok(sha256(std::iter::once(options.as_bytes()).chain(lines.iter().map(String::as_bytes))))
}

fn path(key: &str) -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("rayclip").join("images").join(format!("{key}.safetensors")))
}

/// Reads decoded images; `None` if there are none, or if the file is damaged.
pub(super) fn read(key: &str) -> Option<DecodedSet> {
    let bytes = read_whole(&path(key)?, MOST_BYTES).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let metadata = header.metadata().as_ref()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    let tensor = |name: &str| file.tensor(name).ok().map(|view| view.data().to_vec());
    let [train_images, train_labels, test_images, test_labels] = NAMES.map(tensor);
    Some(DecodedSet {
        image_shape: serde_json::from_str(metadata.get(SHAPE)?).ok()?,
        train: Split { images: train_images?.into(), labels: train_labels? },
        test: Split { images: test_images?.into(), labels: test_labels? },
        bad: serde_json::from_str(metadata.get(BAD)?).ok()?,
    })
}

/// Writes decoded images. A failure is ignored: they are decoded again the next time.
pub(super) fn write(key: &str, set: &DecodedSet) {
    let _unwritten = try_write(key, set);
}

fn try_write(key: &str, set: &DecodedSet) -> Option<()> {
    let (train, test) = (set.train.images.bytes()?, set.test.images.bytes()?);
    let parts = [train, &set.train.labels, test, &set.test.labels];
    let views = NAMES.into_iter().zip(parts).map(|(name, bytes)| {
        Some((name, TensorView::new(Dtype::U8, vec![bytes.len()], bytes).ok()?))
    });
    let metadata = HashMap::from([
        (SHAPE.to_owned(), serde_json::to_string(&set.image_shape).ok()?),
        (BAD.to_owned(), serde_json::to_string(&set.bad).ok()?),
    ]);
    let bytes = safetensors::serialize(views.collect::<Option<Vec<_>>>()?, Some(metadata)).ok()?;
    let path = path(key)?;
    let (folder, name) = Dir::of_file(&path).ok()?;
    folder.write(name, &bytes, false).ok()
}
