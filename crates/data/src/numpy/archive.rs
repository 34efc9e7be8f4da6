//! The arrays of a .npz file, or of a folder of .npy files, by name.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::error::DataError;
use crate::npy::TypedArray;
use crate::text::plain;
use crate::whole;

/// The end of the name of an array's file.
const NPY: &str = ".npy";

/// Arrays by name.
pub(super) enum Arrays<R> {
    /// A .npz file is a ZIP file of .npy files.
    Archive(ZipArchive<R>),
    /// A folder, and its names.
    Folder(PathBuf, Vec<String>),
}

impl Arrays<BufReader<File>> {
    /// Opens a .npz file.
    ///
    /// # Errors
    /// It cannot be read, or is not a ZIP file.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = whole::open(path).map_err(|source| DataError::io("open", path, source))?;
        Self::of(BufReader::new(file), path)
    }

    /// Lists a folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn folder(path: &Path) -> Result<Self, DataError> {
        let names = names_in(path).map_err(|source| DataError::io("read folder", path, source))?;
        Ok(Self::Folder(path.to_owned(), names))
    }
}

impl<R: Read + Seek> Arrays<R> {
    /// Reads the list of the files in a .npz file. Errors name `path`.
    ///
    /// # Errors
    /// It is not a ZIP file, or a truncated one.
    pub(super) fn of(source: R, path: &Path) -> Result<Self, DataError> {
        let refuse = |error| {
            let reason = format!("not a .npz file, or a truncated one ({error})");
            DataError::format(path, plain(&reason))
        };
        Ok(Self::Archive(ZipArchive::new(source).map_err(refuse)?))
    }

    /// Returns the names of the arrays, ascending.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Archive(archive) => {
                let names = archive.file_names().filter_map(|name| name.strip_suffix(NPY));
                let mut names: Vec<String> = names.map(str::to_owned).collect();
                names.sort_unstable();
                names
            }
            Self::Folder(_, names) => names.clone(),
        }
    }

    /// Reads the array with this name.
    ///
    /// # Errors
    /// The reason, without the name.
    pub(super) fn read(&mut self, name: &str) -> Result<TypedArray, String> {
        let file = format!("{name}{NPY}");
        match self {
            Self::Archive(archive) => {
                let mut entry =
                    archive.by_name(&file).map_err(|error| plain(&error.to_string()))?;
                let length = entry.size();
                TypedArray::read(&mut entry, length)
            }
            Self::Folder(folder, _) => {
                let unread = |error: io::Error| format!("it cannot be read: {error}");
                let file = whole::open(&folder.join(file)).map_err(unread)?;
                let length = file.metadata().map_err(unread)?.len();
                TypedArray::read(&mut BufReader::new(file), length)
            }
        }
    }
}

/// Returns the names of the .npy files in a folder, ascending.
pub(super) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = vec![];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(NPY)).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}
