//! The files of checkpoints: `checkpoints/NUMBER.SHA256.safetensors`. The number counts up.
//!
//! The name has the SHA-256 of the content, so a damaged or incomplete file is detected.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rayclip_data::{Dir, Kind, read_whole, sha256, sha256_file};

use crate::error::RunFolderError;
use crate::paths;

/// The extension of checkpoints.
const KIND: &str = "safetensors";

/// The checkpoints of a run.
#[derive(Debug, Clone)]
pub struct CheckpointFiles {
    run: Dir,
    folder: Dir,
}

/// A checkpoint file, known by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    /// Its number; later checkpoints have larger numbers.
    pub number: usize,
    sha256: String,
    /// The path.
    pub path: PathBuf,
}

/// Why a checkpoint was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It cannot be read, or is too large; the reason.
    Refused(String),
    /// Its content does not match the SHA-256 in its name, so no rayclip can use it.
    Damaged,
}

impl CheckpointFiles {
    /// Opens the checkpoints of a run folder.
    pub fn of(run: impl Into<Dir>) -> Self {
        let run = run.into();
        let folder = run.join(paths::CHECKPOINTS);
        Self { run, folder }
    }

    /// Returns all checkpoints, ascending by number.
    ///
    /// # Errors
    /// The folder exists but cannot be read.
    pub fn all(&self) -> Result<Vec<CheckpointFile>, RunFolderError> {
        let entries = self.folder.entries();
        let entries = entries.map_err(RunFolderError::io("read", self.folder.path()))?;
        let files = entries.into_iter().filter(|(_, kind)| *kind == Kind::File);
        let mut all: Vec<CheckpointFile> = files
            .filter_map(|(name, _)| CheckpointFile::of(self.folder.path().join(name)))
            .collect();
        all.sort_by_key(|file| file.number);
        Ok(all)
    }

    /// Writes a checkpoint and keeps only the latest `keep`, at least one. On a full disk, all but the latest are
    /// removed first.
    ///
    /// # Errors
    /// The file system refuses. The checkpoint before it is still there.
    pub fn save(&self, bytes: &[u8], keep: usize) -> Result<(), RunFolderError> {
        let number = self.all()?.last().map_or(1, |last| last.number.saturating_add(1));
        let name = format!("{number}.{}.{KIND}", sha256([bytes]));
        self.make_room(|| self.folder.write(&name, bytes, true))
            .map_err(RunFolderError::io("write the checkpoint", &self.folder.path().join(&name)))?;
        self.keep_last(keep.max(1));
        Ok(())
    }

    /// Calls `write`, which writes into the run folder. On a full disk, removes all checkpoints but the latest and
    /// retries once.
    ///
    /// # Errors
    /// The error of `write`.
    pub fn make_room<T>(&self, write: impl Fn() -> io::Result<T>) -> io::Result<T> {
        write().or_else(|error| {
            if ![ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind()) {
                return Err(error);
            }
            self.keep_last(1);
            write()
        })
    }

    /// Removes a checkpoint. A failure is ignored: the file only takes space.
    pub fn remove(&self, path: &Path) {
        let _refused = path.file_name().map(|name| self.folder.remove(name));
    }

    /// Removes all checkpoints, because the run is finished.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(&self) -> Result<(), RunFolderError> {
        let removed = self.run.remove_all(paths::CHECKPOINTS);
        removed.map_err(RunFolderError::io("remove", self.folder.path()))
    }

    fn keep_last(&self, count: usize) {
        for file in self.all().iter().flatten().rev().skip(count) {
            self.remove(&file.path);
        }
    }
}

impl CheckpointFile {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(KIND)?.strip_suffix('.')?;
        let (number, sha256) = name.split_once('.')?;
        Some(Self { number: number.parse().ok()?, sha256: sha256.to_owned(), path })
    }

    /// Reads the file. It is hashed in constant memory first, so no memory is allocated for a file that is damaged
    /// or has more than `most` bytes.
    ///
    /// # Errors
    /// It is damaged, too large, or cannot be read.
    pub fn read(&self, most: u64) -> Result<Vec<u8>, Unread> {
        let unread = |error: io::Error| Unread::Refused(format!("it cannot be read: {error}"));
        let bytes = self.path.symlink_metadata().map_err(unread)?.len();
        if bytes > most {
            return Err(Unread::Refused(format!(
                "it has {bytes} bytes; a checkpoint of this run has at most {most}"
            )));
        }
        if sha256_file(&self.path).map_err(unread)? != self.sha256 {
            return Err(Unread::Damaged);
        }
        let content = read_whole(&self.path, most).map_err(unread)?;
        // The file may have changed since it was hashed.
        if sha256([content.as_slice()]) == self.sha256 { Ok(content) } else { Err(Unread::Damaged) }
    }
}
