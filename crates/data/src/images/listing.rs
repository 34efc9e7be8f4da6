//! The image files of a folder, with their classes and splits.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::CLASSES;
use crate::error::DataError;
use crate::held_out;
use crate::text::plain;

/// The ends of the names of images.
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The names of a folder of test images; the first that exists counts.
const TESTS: [&str; 4] = ["test", "val", "valid", "validation"];

/// One image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Relative to the folder.
    pub(super) path: PathBuf,
    pub(super) class: u8,
    pub(super) is_test: bool,
}

/// All image files of a folder, by split, class and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// Names of the classes, ascending.
    pub(super) classes: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// Returns whether a folder has class folders with images, or a `train` folder that has.
pub fn is_image_folder(folder: &Path) -> bool {
    let has_classes = |folder: &Path| classes_in(folder).is_ok_and(|classes| !classes.is_empty());
    has_classes(&folder.join("train")) || has_classes(folder)
}

impl Listing {
    /// Lists the images of a folder. Without a split, a fraction of every class is held out as test images.
    ///
    /// # Errors
    /// The folder cannot be read, or there are fewer than two classes.
    pub(super) fn of(folder: &Path, test_fraction: f64) -> Result<Self, DataError> {
        let train = folder.join("train");
        if !train.is_dir() {
            return Self::split(folder, "", test_fraction);
        }
        let Some(test) = TESTS.iter().find(|name| folder.join(name).is_dir()) else {
            return Self::split(folder, "train", test_fraction);
        };
        let classes = classes_of(&train)?;
        let mut items = vec![];
        for (split, is_test) in [("train", false), (*test, true)] {
            for name in classes_in(&folder.join(split))? {
                let class = classes.iter().position(|class| *class == name).ok_or_else(|| {
                    let reason = format!("train has no class {}", plain(&name));
                    DataError::format(folder.join(split), reason)
                })?;
                items.extend(items_of(folder, &Path::new(split).join(name), class, is_test)?);
            }
        }
        Ok(Self { classes, items })
    }

    /// Holds out a fraction of every class in the folder `within`. The choice depends on the names alone.
    fn split(folder: &Path, within: &str, test_fraction: f64) -> Result<Self, DataError> {
        let classes = classes_of(&folder.join(within))?;
        let mut items = vec![];
        for (class, name) in classes.iter().enumerate() {
            let mut of_class = items_of(folder, &Path::new(within).join(name), class, false)?;
            for index in held_out::of_class(class, of_class.len(), test_fraction) {
                of_class[index].is_test = true;
            }
            items.extend(of_class);
        }
        Ok(Self { classes, items })
    }
}

/// Returns the classes of a folder, at least two.
fn classes_of(folder: &Path) -> Result<Vec<String>, DataError> {
    let classes = classes_in(folder)?;
    if classes.len() < 2 {
        let found =
            classes.first().map_or("none".to_owned(), |name| format!("only {}", plain(name)));
        let reason =
            format!("expected a folder of images for every class, at least two; found {found}");
        return Err(DataError::format(folder, reason));
    }
    if classes.len() > CLASSES {
        let reason = format!("there are {} classes; at most {CLASSES} are possible", classes.len());
        return Err(DataError::format(folder, reason));
    }
    Ok(classes)
}

/// Returns the names of the folders with images, ascending.
fn classes_in(folder: &Path) -> Result<Vec<String>, DataError> {
    let mut classes = vec![];
    for entry in entries(folder)? {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned());
        if entry.is_dir() && entries(&entry)?.iter().any(|path| is_image(path)) {
            classes.extend(name);
        }
    }
    Ok(classes)
}

fn items_of(
    folder: &Path,
    within: &Path,
    class: usize,
    is_test: bool,
) -> Result<Vec<Item>, DataError> {
    let paths = entries(&folder.join(within))?.into_iter().filter(|path| is_image(path));
    let item = |path: PathBuf| {
        let name = path.file_name()?.to_owned();
        Some(Item { path: within.join(name), class: class as u8, is_test })
    };
    Ok(paths.filter_map(item).collect())
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// Returns the paths in a folder, ascending.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unread = |source| DataError::io("read folder", folder, source);
    let entries = fs::read_dir(folder).map_err(unread)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unread)?;
    paths.sort();
    Ok(paths)
}
