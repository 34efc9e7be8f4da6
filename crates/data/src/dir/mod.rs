//! Folders in which files are written and removed, and no link is ever followed.
//!
//! A run folder may come from anybody. Through a link in it (`checkpoints` → somebody's home), rayclip would write or
//! remove files outside of it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

// This one is compiled for tests on every system.
#[cfg(any(not(unix), test))]
mod looked_at;
#[cfg(unix)]
mod opened;

#[cfg(not(unix))]
use looked_at::Handle;
#[cfg(unix)]
use opened::Handle;

/// What a name in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link to anything.
    Link,
    /// A pipe, a device or similar.
    Other,
}

/// A folder, which may not exist. Its `root` was named by the user, and may be reached through links. Below the root,
/// no link is followed.
///
/// On Unix every step opens the next folder relative to the previous one (`openat` with `O_NOFOLLOW`), so that nobody
/// can insert a link in the meantime. On other systems every step is checked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    root: PathBuf,
    inner: PathBuf,
    /// `root` and `inner` together.
    path: PathBuf,
}

impl From<&Path> for Dir {
    fn from(root: &Path) -> Self {
        Self { root: root.to_path_buf(), inner: PathBuf::new(), path: root.to_path_buf() }
    }
}

impl From<&PathBuf> for Dir {
    fn from(root: &PathBuf) -> Self {
        Self::from(root.as_path())
    }
}

impl From<&Self> for Dir {
    fn from(dir: &Self) -> Self {
        dir.clone()
    }
}

/// How an existing file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    /// For reading and writing.
    Write,
    /// For reading and writing. It is made if there is none.
    Create,
}

impl Dir {
    /// Returns the folder of a file that the user named, and the name of the file.
    ///
    /// # Errors
    /// The path names no file.
    pub fn of_file(path: &Path) -> io::Result<(Self, &OsStr)> {
        let no_name = || io::Error::new(ErrorKind::InvalidInput, "the path names no file");
        let name = path.file_name().ok_or_else(no_name)?;
        Ok((Self::from(path.parent().unwrap_or(Path::new(""))), name))
    }

    /// Returns the folder `name` in this one.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        let name = name.as_ref();
        Self { root: self.root.clone(), inner: self.inner.join(name), path: self.path.join(name) }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder, which must not exist, and its missing parents.
    ///
    /// # Errors
    /// It exists ([`ErrorKind::AlreadyExists`]), a link is in the way, or the file system reports an error.
    pub fn create(&self) -> io::Result<()> {
        if self.inner.as_os_str().is_empty() {
            if let Some(parent) = self.root.parent() {
                fs::create_dir_all(parent)?;
            }
            return fs::create_dir(&self.root);
        }
        let (parent, name) = self.locate(Path::new(""), true)?;
        parent.make_folder(&name)
    }

    /// Makes the folder and its parents, if they do not exist.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn make(&self) -> io::Result<()> {
        self.open(&self.inner, true).map(drop)
    }

    /// Writes the file `name` under a temporary name and renames it. Makes its folder if there is none. With `sync`,
    /// the name has the complete new file or the old one, even after a loss of power. Without `sync`, this is so only
    /// after [`Dir::sync`], but the call takes milliseconds less.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error. Then no part of the new file is left.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8], sync: bool) -> io::Result<()> {
        self.write_with(name, sync, |file| file.write_all(bytes))
    }

    /// As [`write`](Self::write), with the content that `fill` writes.
    ///
    /// # Errors
    /// As [`write`](Self::write), or that of `fill`.
    pub fn write_with(
        &self,
        name: impl AsRef<Path>,
        sync: bool,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let (folder, name) = self.locate(name.as_ref(), true)?;
        let (partial, mut file) = partial(&folder)?;
        let written = fill(&mut file);
        let written = written.and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        // Windows cannot rename an open file.
        drop(file);
        let written = written.and_then(|()| folder.rename(&partial, &name));
        if written.is_err() {
            let _refused = folder.remove_file(&partial);
        }
        written
    }

    /// Syncs a file, so that it survives a loss of power.
    ///
    /// # Errors
    /// It is a link, or the file system reports an error.
    pub fn sync(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let (folder, file) = self.locate(name.as_ref(), false)?;
        self.no_link(&folder, &file, folder.open_file(&file, Access::Read))?.sync_all()
    }

    /// Makes an empty file `name` and opens it for writing. An older file is removed first, not overwritten in place.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn create_anew(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let (folder, name) = self.locate(name.as_ref(), true)?;
        match folder.remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => folder.create_new(&name),
        }
    }

    /// Opens the file `name` for reading and writing, with its content. Makes it if there is none.
    ///
    /// # Errors
    /// It is a link, a hard link, or not a file; or the file system reports an error.
    pub fn open_or_create(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let (folder, name) = self.locate(name.as_ref(), false)?;
        let file = self.no_link(&folder, &name, folder.open_file(&name, Access::Create))?;
        if !file.metadata()?.is_file() {
            return Err(not_a_file());
        }
        if Handle::has_other_names(&file)? {
            let reason =
                "it is a hard link, and the file may also be in another folder: remove the link";
            return Err(io::Error::new(ErrorKind::InvalidInput, reason));
        }
        Ok(file)
    }

    /// Opens the file `name` for reading and writing. `None` if there is none, or if the file has other names (hard
    /// links), so that a change would change another folder too.
    ///
    /// # Errors
    /// It is a link or not a file, or the file system reports an error.
    pub fn open_own(&self, name: impl AsRef<Path>) -> io::Result<Option<File>> {
        let open = || {
            let (folder, name) = self.locate(name.as_ref(), false)?;
            let file = self.no_link(&folder, &name, folder.open_file(&name, Access::Write))?;
            if !file.metadata()?.is_file() {
                return Err(not_a_file());
            }
            Ok((!Handle::has_other_names(&file)?).then_some(file))
        };
        absent_is(open(), None)
    }

    /// Removes a file, if there is one. Of a link, only the link is removed.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn remove(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let removed =
            self.locate(name.as_ref(), false).and_then(|(dir, name)| dir.remove_file(&name));
        absent_is(removed, ())
    }

    /// Removes a folder and its content, if there is one.
    ///
    /// # Errors
    /// It is a link or not a folder, or the file system reports an error.
    pub fn remove_all(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let remove = || {
            let inner = self.open(&self.inner.join(name.as_ref()), false)?;
            empty(&inner)?;
            drop(inner);
            let (folder, name) = self.locate(name.as_ref(), false)?;
            folder.remove_folder(&name)
        };
        absent_is(remove(), ())
    }

    /// Returns the entries of the folder, ascending; none if it does not exist.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let read = || {
            let folder = self.open(&self.inner, false)?;
            let mut names = folder.names()?;
            names.sort();
            // An entry may have been removed in the meantime.
            let kind =
                |name: OsString| absent_is(folder.kind(&name).map(|kind| Some((name, kind))), None);
            let entries = names.into_iter().map(kind);
            Ok(entries.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
        };
        absent_is(read(), vec![])
    }

    /// Returns what `name` is; `None` if it does not exist.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn kind(&self, name: impl AsRef<Path>) -> io::Result<Option<Kind>> {
        let kind = self.locate(name.as_ref(), false).and_then(|(folder, name)| folder.kind(&name));
        absent_is(kind.map(Some), None)
    }

    /// Refuses names that are links.
    ///
    /// # Errors
    /// One is a link, a link is in the way, or the file system reports an error.
    pub fn refuse_links(&self, names: &[&str]) -> io::Result<()> {
        for name in names {
            if self.kind(name)? == Some(Kind::Link) {
                return Err(link(&self.path.join(name)));
            }
        }
        Ok(())
    }

    /// Removes the incomplete files of a killed process, in this folder and in folders up to this many levels below.
    ///
    /// # Errors
    /// A link is in the way, or the file system reports an error.
    pub fn remove_partial(&self, levels: usize) -> io::Result<()> {
        for (name, kind) in self.entries()? {
            match kind {
                Kind::Folder if levels > 0 => self.join(&name).remove_partial(levels - 1)?,
                // rayclip leaves no incomplete folders.
                Kind::Folder => {}
                _ if is_partial(&name) => self.remove(&name)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens the folder of a file, and returns it with the name of the file.
    fn locate(&self, name: &Path, make: bool) -> io::Result<(Handle, OsString)> {
        let whole = self.inner.join(name);
        let no_name = || io::Error::new(ErrorKind::InvalidInput, "the path names no file");
        let name = whole.file_name().ok_or_else(no_name)?.to_owned();
        let parent = whole.parent().unwrap_or(Path::new(""));
        Ok((self.open(parent, make)?, name))
    }

    /// Opens a folder below the root.
    fn open(&self, inner: &Path, make: bool) -> io::Result<Handle> {
        let root = if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
        if make {
            fs::create_dir_all(root)?;
        }
        let mut folder = Handle::root(root)?;
        let mut path = self.root.clone();
        for step in inner.components() {
            let Component::Normal(step) = step else {
                let reason = format!("{} leads out of the folder", inner.display());
                return Err(io::Error::new(ErrorKind::InvalidInput, reason));
            };
            path.push(step);
            let mut next = folder.enter(step);
            if make && next.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                next = match folder.make_folder(step) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                    _ => folder.enter(step),
                };
            }
            folder = match next {
                Err(_) if matches!(folder.kind(step), Ok(Kind::Link)) => return Err(link(&path)),
                next => next?,
            };
        }
        Ok(folder)
    }

    /// Returns what was opened. If it is a link, the error says so.
    fn no_link<T>(&self, folder: &Handle, name: &OsStr, opened: io::Result<T>) -> io::Result<T> {
        let is_link = || matches!(folder.kind(name), Ok(Kind::Link));
        opened.map_err(|error| if is_link() { link(&self.path.join(name)) } else { error })
    }
}

/// The names of incomplete files start with this. A killed process may leave such files behind; they can be removed.
pub const PARTIAL: &str = ".partial-";

/// Whether a file with this name is incomplete.
pub fn is_partial(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PARTIAL)
}

/// Makes a new incomplete file in a folder, and returns it with its name.
fn partial(folder: &Handle) -> io::Result<(OsString, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = OsString::from(format!("{PARTIAL}{}-{count}", std::process::id()));
        match folder.create_new(&name) {
            // It was left behind by a process with the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return Ok((name, made?)),
        }
    }
}

/// Removes the content of a folder. Of links, only the links are removed.
fn empty(folder: &Handle) -> io::Result<()> {
    for name in folder.names()? {
        if folder.kind(&name)? == Kind::Folder {
            empty(&folder.enter(&name)?)?;
            folder.remove_folder(&name)?;
        } else {
            folder.remove_file(&name)?;
        }
    }
    Ok(())
}

fn absent_is<T>(result: io::Result<T>, absent: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(absent),
        result => result,
    }
}

fn not_a_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is not a file: remove it")
}

fn link(path: &Path) -> io::Error {
    let path = path.display();
    let reason = format!(
        "{path} is a link, and rayclip does not write through links: remove it, or name another folder"
    );
    io::Error::new(ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
mod tests;
