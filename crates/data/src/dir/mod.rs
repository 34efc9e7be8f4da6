//! A folder that is written into by the names of its files, and in which no link is ever followed.
//!
//! A run folder may come from anybody. A link in it (`checkpoints` → somebody's home) would lead what is written,
//! or removed, to files outside of it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::whole::PARTIAL;

// The other one is compiled, and tested, everywhere.
#[cfg(any(not(unix), test))]
mod looked_at;
#[cfg(unix)]
mod opened;

#[cfg(not(unix))]
use looked_at::Handle;
#[cfg(unix)]
use opened::Handle;

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link, to whatever.
    Link,
    /// A pipe, a device or the like.
    Other,
}

/// A folder, there or not. Its `root` is what somebody named, and may be reached through links; nothing below is.
///
/// On Unix every step opens the next folder relative to the one before (`openat` with `O_NOFOLLOW`), so that
/// nobody can put a link in the way meanwhile; elsewhere every step is looked at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    root: PathBuf,
    inner: PathBuf,
    /// Both together.
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

impl Dir {
    /// The folder of a file that somebody named, and the file's own name.
    ///
    /// # Errors
    /// It names no file.
    pub fn of_file(path: &Path) -> io::Result<(Self, &OsStr)> {
        let no_name = || io::Error::new(ErrorKind::InvalidInput, "it names no file");
        let name = path.file_name().ok_or_else(no_name)?;
        Ok((Self::from(path.parent().unwrap_or(Path::new(""))), name))
    }

    /// The folder `name` in it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        let name = name.as_ref();
        Self { root: self.root.clone(), inner: self.inner.join(name), path: self.path.join(name) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it, which must not be there; its parents where there are none.
    ///
    /// # Errors
    /// It is there ([`ErrorKind::AlreadyExists`]), a link is in the way, or the file system refuses.
    pub fn create(&self) -> io::Result<()> {
        if self.inner.as_os_str().is_empty() {
            if let Some(parent) = self.root.parent() {
                fs::create_dir_all(parent)?;
            }
            return fs::create_dir(&self.root);
        }
        let (parent, name) = self.place(Path::new(""), true)?;
        parent.make_folder(&name)
    }

    /// Makes it, and its parents, where there are none.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn make(&self) -> io::Result<()> {
        self.open(&self.inner, true).map(drop)
    }

    /// Writes the file `name` beside its place and renames it; makes its folder where there is none. With `sync` it
    /// is there whole, or what was there before, even after a loss of power; without, which takes milliseconds
    /// less, after [`Dir::sync`].
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses; then nothing is left of the file.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8], sync: bool) -> io::Result<()> {
        let (folder, name) = self.place(name.as_ref(), true)?;
        let (partial, mut file) = partial(&folder)?;
        let written = file.write_all(bytes);
        let written = written.and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        // Windows renames no file that is open.
        drop(file);
        let written = written.and_then(|()| folder.rename(&partial, &name));
        if written.is_err() {
            let _refused = folder.remove_file(&partial);
        }
        written
    }

    /// Makes a file outlast a loss of power.
    ///
    /// # Errors
    /// It is a link, or the file system refuses.
    pub fn sync(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let (folder, file) = self.place(name.as_ref(), false)?;
        self.no_link(&folder, &file, folder.open_file(&file, false))?.sync_all()
    }

    /// The file `name`, empty and open to be written to; one that was there is gone, and not written over.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn create_anew(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let (folder, name) = self.place(name.as_ref(), true)?;
        match folder.remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => folder.create_new(&name),
        }
    }

    /// The file `name`, open to be read and written as it is; made where there is none.
    ///
    /// # Errors
    /// It is a link, another name of a file elsewhere, or no file; or the file system refuses.
    pub fn open_or_create(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let (folder, name) = self.place(name.as_ref(), false)?;
        let file = self.no_link(&folder, &name, folder.open_file(&name, true))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file: remove it"));
        }
        if Handle::has_other_names(&file)? {
            let reason = "it is a hard link to a file that may lie elsewhere, which is not written to: remove it";
            return Err(io::Error::new(ErrorKind::InvalidInput, reason));
        }
        Ok(file)
    }

    /// Removes a file, if there is one; of a link the link alone.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn remove(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let removed =
            self.place(name.as_ref(), false).and_then(|(dir, name)| dir.remove_file(&name));
        absent_is(removed, ())
    }

    /// Removes a folder with all that is in it, if there is one.
    ///
    /// # Errors
    /// It is a link or no folder, or the file system refuses.
    pub fn remove_all(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let remove = || {
            let inner = self.open(&self.inner.join(name.as_ref()), false)?;
            empty(&inner)?;
            drop(inner);
            let (folder, name) = self.place(name.as_ref(), false)?;
            folder.remove_folder(&name)
        };
        absent_is(remove(), ())
    }

    /// What is in it, ascending; nothing where it is not there.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let read = || {
            let folder = self.open(&self.inner, false)?;
            let mut names = folder.names()?;
            names.sort();
            // What is gone since is not there.
            let kind =
                |name: OsString| absent_is(folder.kind(&name).map(|kind| Some((name, kind))), None);
            let entries = names.into_iter().map(kind);
            Ok(entries.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
        };
        absent_is(read(), vec![])
    }

    /// What `name` in it stands for; nothing where it is not there.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn kind(&self, name: impl AsRef<Path>) -> io::Result<Option<Kind>> {
        let kind = self.place(name.as_ref(), false).and_then(|(folder, name)| folder.kind(&name));
        absent_is(kind.map(Some), None)
    }

    /// Refuses names in it that stand for links.
    ///
    /// # Errors
    /// One does, a link is in the way, or the file system refuses.
    pub fn refuse_links(&self, names: &[&str]) -> io::Result<()> {
        for name in names {
            if self.kind(name)? == Some(Kind::Link) {
                return Err(link(&self.path.join(name)));
            }
        }
        Ok(())
    }

    /// Removes what a process that was killed had begun to write, here and in folders so many levels below.
    ///
    /// # Errors
    /// A link is in the way, or the file system refuses.
    pub fn remove_partial(&self, levels: usize) -> io::Result<()> {
        for (name, kind) in self.entries()? {
            match kind {
                Kind::Folder if levels > 0 => self.join(&name).remove_partial(levels - 1)?,
                // Nobody of us leaves a folder.
                Kind::Folder => {}
                _ if is_partial(&name) => self.remove(&name)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens the folder of a file, and the file's own name.
    fn place(&self, name: &Path, make: bool) -> io::Result<(Handle, OsString)> {
        let whole = self.inner.join(name);
        let no_name = || io::Error::new(ErrorKind::InvalidInput, "it names no file");
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

    /// What was opened; the error says so where it is a link.
    fn no_link<T>(&self, folder: &Handle, name: &OsStr, opened: io::Result<T>) -> io::Result<T> {
        let is_link = || matches!(folder.kind(name), Ok(Kind::Link));
        opened.map_err(|error| if is_link() { link(&self.path.join(name)) } else { error })
    }
}

/// Whether a file of this name is not whole yet.
pub fn is_partial(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PARTIAL)
}

/// A new file in a folder that is not whole yet, with its name.
fn partial(folder: &Handle) -> io::Result<(OsString, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = OsString::from(format!("{PARTIAL}{}-{count}", std::process::id()));
        match folder.create_new(&name) {
            // Left behind by a process that had the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return Ok((name, made?)),
        }
    }
}

/// Removes all that is in a folder; of links the links alone.
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

fn link(path: &Path) -> io::Error {
    let path = path.display();
    let reason = format!(
        "{path} is a link, and nothing is written through links: remove it, or name another folder"
    );
    io::Error::new(ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
mod tests;
