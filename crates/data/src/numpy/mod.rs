//! Reads a data set from NumPy's arrays: a .npz file, or a folder of .npy files.
//!
//! ```text
//! x_train  y_train  x_test  y_test                          or X_train, X_test; as Keras has them
//! train_images  train_labels  test_images  test_labels      as MedMNIST has them
//! x  y                                                      or X and y, images and labels, data and labels
//! ```
//!
//! Without a split, a part of every class is held out as test images. Other arrays, such as the `val_images` of
//! MedMNIST, are not used.
//!
//! Images are `[n, height, width]`, `[n, height, width, channels]` or `[n, channels, height, width]`, and the rows of
//! a table `[n, columns]`. Bytes are pixels; f32 and f64 are numbers of any size, and are kept as f32. Labels are whole
//! numbers from 0 to 255, `[n]` or `[n, 1]`.
//!
//! # References
//! NumPy, `numpy.savez`. Yang et al., *MedMNIST v2* (2023).

mod archive;
mod layout;
mod named;

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use self::archive::Arrays;
use self::layout::Images;
use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::held_out;
use crate::load_options::LoadOptions;
use crate::progress::Progress;
use crate::text::plain;

pub use named::{is_npy, read_named};

/// The names of images and labels with a split: of the training images, then of the test images.
const SPLITS: [[&str; 4]; 3] = [
    ["x_train", "y_train", "x_test", "y_test"],
    ["X_train", "y_train", "X_test", "y_test"],
    ["train_images", "train_labels", "test_images", "test_labels"],
];

/// The names of images and labels without a split.
const WHOLES: [[&str; 2]; 4] = [["x", "y"], ["X", "y"], ["images", "labels"], ["data", "labels"]];

/// The most names that a message shows.
const SHOWN: usize = 10;

/// Returns whether a path has the name of a .npz file.
pub(crate) fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Returns whether a folder has .npy files.
pub(crate) fn is_npy_folder(path: &Path) -> bool {
    archive::names_in(path).is_ok_and(|names| !names.is_empty())
}

/// Reads the data set in the .npz file or the folder `path`.
///
/// # Errors
/// The file cannot be read, or is damaged; or it lacks the arrays of a data set, or they have a wrong type or shape, or
/// they do not fit together.
pub fn load(
    path: &Path,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    let arrays = if is_npz(path) { Arrays::open(path)? } else { Arrays::folder(path)? };
    let dataset = read(arrays, path, options, progress)?;
    Ok(Dataset { folder: std::path::absolute(path).ok(), ..dataset })
}

/// As [`load`], from the bytes of a .npz file. Errors name `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Dataset, DataError> {
    read(Arrays::of(Cursor::new(bytes), path)?, path, options, &|_, _| ())
}

fn read<R: Read + Seek>(
    mut arrays: Arrays<R>,
    path: &Path,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    let found = arrays.names();
    let names = chosen(&found).map_err(|reason| DataError::format(path, reason))?;
    let mut splits = vec![];
    for (done, pair) in names.chunks(2).enumerate() {
        splits.push(labelled(&mut arrays, pair).map_err(|reason| DataError::format(path, reason))?);
        progress(2 * (done as u64 + 1), names.len() as u64);
    }
    let name = path.file_stem().map_or("arrays".into(), |name| name.to_string_lossy());
    let unused = found.into_iter().filter(|name| !names.contains(&name.as_str()));
    let unused: Vec<String> = unused.collect();
    let mut splits = splits.into_iter();
    let (shape, train, test) = match (splits.next(), splits.next()) {
        (Some((shape, train)), Some((of_test, test))) if shape == of_test => (shape, train, test),
        (Some((shape, _)), Some((of_test, _))) => {
            let reason = format!(
                "{} has images of shape {of_test:?}, but {} has {shape:?}",
                names[2], names[0]
            );
            return Err(DataError::format(path, reason));
        }
        (Some((shape, all)), None) => {
            let pixels = shape.iter().product();
            let (train, test) = held_out::split(&all, pixels, options.test_fraction);
            (shape, train, test)
        }
        (None, _) => return Err(DataError::format(path, "it has no arrays")),
    };
    let dataset = Dataset::new(name, shape, train, test)?;
    Ok(Dataset { unused, ..dataset })
}

/// Returns the names of the arrays to read: images and labels, and those of the test images if there is a split.
fn chosen(found: &[String]) -> Result<&'static [&'static str], String> {
    let has = |names: &&[&str]| names.iter().all(|name| found.iter().any(|found| found == name));
    let splits = SPLITS.iter().map(|names| &names[..]);
    if let Some(names) = splits.chain(WHOLES.iter().map(|names| &names[..])).find(has) {
        return Ok(names);
    }
    let shown = if found.is_empty() { "none".to_owned() } else { listed(found) };
    Err(format!(
        "it lacks the arrays of a data set; it has: {shown}; expected x_train, y_train, x_test and y_test; or \
         train_images, train_labels, test_images and test_labels; or, to hold out a part, x and y (or X and y, \
         images and labels, data and labels)"
    ))
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    plain(&format!("{}{more}", names[..names.len().min(SHOWN)].join(", ")))
}

/// Reads images and their labels. Returns the shape of one image, too.
fn labelled<R: Read + Seek>(
    arrays: &mut Arrays<R>,
    names: &[&str],
) -> Result<(Vec<usize>, Split), String> {
    let [of_images, of_labels] = [names[0], names[1]];
    let named = |name: &str, reason: String| format!("{name}: {reason}");
    let labels = arrays.read(of_labels).map_err(|reason| named(of_labels, reason))?;
    let labels = layout::labels(labels).map_err(|reason| named(of_labels, reason))?;
    let images = arrays.read(of_images).map_err(|reason| named(of_images, reason))?;
    let Images { count, shape, values } =
        layout::images(images).map_err(|reason| named(of_images, reason))?;
    if count != labels.len() {
        let labels = labels.len();
        return Err(format!("{of_images} has {count} images, but {of_labels} has {labels} labels"));
    }
    Ok((shape, Split { images: values, labels }))
}

#[cfg(test)]
mod tests;
