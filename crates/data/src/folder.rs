//! Reads a data set from a folder with four IDX files.
//!
//! The header distinguishes images (two or more dimensions) from labels (one dimension). The name says the split:
//! `train` or `t10k`/`test`, anywhere in the file name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::idx::{self, Array};
use crate::progress::Progress;

/// Reads the data set in `folder`.
///
/// # Errors
/// The folder does not have exactly one file for each of the four parts, or a file is damaged, or the parts do not
/// fit together.
pub fn load(folder: &Path, progress: &Progress<'_>) -> Result<Dataset, DataError> {
    let name = folder.file_name().map_or("data".into(), |name| name.to_string_lossy());
    let dataset = read(&name, &find(folder)?, progress)?;
    // Without a working directory, the absolute path is unknown.
    Ok(Dataset { folder: std::path::absolute(folder).ok(), ..dataset })
}

/// Reads the data set `name` from its four files.
///
/// # Errors
/// A file is damaged, or the parts do not fit together.
pub(crate) fn read(
    name: &str,
    parts: &Parts,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    // The headers must fit together before any images are read.
    let train = pair(&parts.train_images, &parts.train_labels)?;
    let test = pair(&parts.test_images, &parts.test_labels)?;
    if train != test {
        return Err(DataError::format(
            &parts.test_images,
            format!("images of shape {test:?}, but the training images have {train:?}"),
        ));
    }
    progress(0, 4);
    let train_images = idx::read(&parts.train_images)?;
    progress(1, 4);
    let train_labels = idx::read(&parts.train_labels)?;
    progress(2, 4);
    let test_images = idx::read(&parts.test_images)?;
    progress(3, 4);
    let test_labels = idx::read(&parts.test_labels)?;
    progress(4, 4);
    let split = |images: Array, labels: Array| Split {
        images: images.elements.into(),
        labels: labels.elements,
    };
    Dataset::new(name, train, split(train_images, train_labels), split(test_images, test_labels))
}

/// Returns the shape of an image, from the headers of two files. They must have as many images as labels.
fn pair(images: &Path, labels: &Path) -> Result<Vec<usize>, DataError> {
    let (extents, of_labels) = (idx::read_extents(images)?, idx::read_extents(labels)?);
    let (count, labelled) = (extents[0], of_labels.iter().product::<usize>());
    if count != labelled {
        let reason = format!("{count} images, but {labelled} labels in the other file");
        return Err(DataError::format(images, reason));
    }
    if count == 0 {
        return Err(DataError::format(images, "the file has no image"));
    }
    Ok(extents[1..].to_vec())
}

/// The four files of a data set.
pub(crate) struct Parts {
    pub(crate) train_images: PathBuf,
    pub(crate) train_labels: PathBuf,
    pub(crate) test_images: PathBuf,
    pub(crate) test_labels: PathBuf,
}

fn find(folder: &Path) -> Result<Parts, DataError> {
    let refuse = |reason: String| DataError::Folder { path: folder.to_path_buf(), reason };
    let entries =
        fs::read_dir(folder).map_err(|source| DataError::io("read folder", folder, source))?;
    let mut candidates = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| DataError::io("read folder", folder, source))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let train = name.contains("train");
        let test = name.contains("t10k") || name.contains("test");
        if path.is_file() && train != test {
            candidates.push((train, path));
        }
    }
    candidates.sort();
    let mut found: [Option<PathBuf>; 4] = [const { None }; 4];
    let mut damaged = [None, None];
    for (train, path) in candidates {
        // A file that is not an IDX file (such as a log) matters only if a part of its split is missing.
        let images = match idx::read_extents(&path) {
            Ok(extents) => extents.len() > 1,
            Err(error) => {
                damaged[usize::from(!train)].get_or_insert(error);
                continue;
            }
        };
        let slot = &mut found[2 * usize::from(!train) + usize::from(!images)];
        if let Some(other) = slot {
            let other = other.display();
            return Err(refuse(format!("{other} and {} are the same part", path.display())));
        }
        *slot = Some(path);
    }
    for (parts, damaged) in found.chunks(2).zip(damaged) {
        if let (true, Some(error)) = (parts.contains(&None), damaged) {
            return Err(error);
        }
    }
    let part = |path: Option<PathBuf>, name: &str| {
        path.ok_or_else(|| refuse(format!("there are no {name}")))
    };
    let [train_images, train_labels, test_images, test_labels] = found;
    Ok(Parts {
        train_images: part(train_images, "training images")?,
        train_labels: part(train_labels, "training labels")?,
        test_images: part(test_images, "test images")?,
        test_labels: part(test_labels, "test labels")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, extents: &[u32], elements: &[u8]) {
        let mut bytes = vec![0, 0, 8, extents.len() as u8];
        bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
        bytes.extend(elements);
        fs::write(folder.join(name), bytes).unwrap();
    }

    fn small_set() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "toy-train-images-idx3-ubyte", &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        write(folder.path(), "toy-train-labels-idx1-ubyte", &[2], &[0, 1]);
        write(folder.path(), "toy-test-images-idx3-ubyte", &[1, 1, 3], &[7, 8, 9]);
        write(folder.path(), "toy-test-labels-idx1-ubyte", &[1], &[1]);
        fs::write(folder.path().join("train.log"), "not data").unwrap();
        folder
    }

    fn refused(folder: &Path) -> String {
        load(folder, &|_, _| ()).unwrap_err().to_string()
    }

    #[test]
    fn finds_the_four_parts_by_header_and_name() {
        let data = load(small_set().path(), &|_, _| ()).unwrap();
        assert_eq!((data.image_shape, data.classes), (vec![1, 3], 2));
        assert_eq!(data.test.images, vec![7, 8, 9].into());
    }

    #[test]
    fn says_what_is_missing_or_double() {
        let folder = small_set();
        write(folder.path(), "train-labels-again", &[2], &[0, 1]);
        assert!(refused(folder.path()).contains("same part"));
        let folder = small_set();
        fs::remove_file(folder.path().join("toy-test-labels-idx1-ubyte")).unwrap();
        assert!(refused(folder.path()).contains("there are no test labels"));
        let empty = tempfile::tempdir().unwrap();
        assert!(refused(empty.path()).contains("there are no training images"));
        assert!(refused(&empty.path().join("nowhere")).contains("nowhere"));
    }

    #[test]
    fn says_which_sizes_disagree() {
        let folder = small_set();
        write(folder.path(), "toy-train-labels-idx1-ubyte", &[3], &[0, 1, 1]);
        assert!(refused(folder.path()).contains("2 images, but 3 labels"));
        let folder = small_set();
        write(folder.path(), "toy-test-images-idx3-ubyte", &[1, 2, 2], &[7, 8, 9, 9]);
        assert!(refused(folder.path()).contains("[2, 2], but the training images have [1, 3]"));
        let folder = small_set();
        write(folder.path(), "toy-train-images-idx3-ubyte", &[0, 1, 3], &[]);
        write(folder.path(), "toy-train-labels-idx1-ubyte", &[0], &[]);
        assert!(refused(folder.path()).contains("has no image"));
    }
}
