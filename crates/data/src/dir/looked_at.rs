//! Systems without `openat`: every name is checked before it is used. This finds existing links, but not a link that
//! somebody inserts in the meantime.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Access, Kind, not_a_file};

/// A folder that existed, and was not a link.
#[derive(Debug)]
pub(super) struct Handle(PathBuf);

impl Handle {
    /// Opens the folder that the user named.
    pub(super) fn root(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self(path.to_path_buf()));
        }
        Err(ErrorKind::NotADirectory.into())
    }

    pub(super) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        match self.kind(name)? {
            Kind::Folder => Ok(Self(self.0.join(name))),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn make_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(super) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(self.0.join(name))
    }

    pub(super) fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        match self.kind(name) {
            Ok(Kind::File) => {}
            Ok(_) => {
                return Err(not_a_file());
            }
            Err(error) if error.kind() == ErrorKind::NotFound && access == Access::Create => {
                return self.create_new(name);
            }
            Err(error) => return Err(error),
        }
        // Windows syncs only files that are open for writing.
        File::options()
            .read(true)
            .write(access != Access::Read || cfg!(windows))
            .open(self.0.join(name))
    }

    /// Cannot be known here without unsafe code. The lock also checks the content of the file.
    #[expect(clippy::unnecessary_wraps, reason = "the Unix version asks the system")]
    pub(super) fn has_other_names(_file: &File) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(super) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(super) fn kind(&self, name: &OsStr) -> io::Result<Kind> {
        let kind = fs::symlink_metadata(self.0.join(name))?.file_type();
        // Junctions of Windows are links too.
        Ok(match kind {
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            _ => Kind::Other,
        })
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
    }
}
