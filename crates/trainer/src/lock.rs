//! One process at a time in a folder.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::TrainerError;

/// A folder that no other process works in. The kernel gives it back when the process ends, however it does.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// The file that is locked; it holds the number of the process that has the lock, and nothing after.
    pub(crate) const FILE: &str = ".lock";

    /// Takes the folder, which must exist, for this process.
    ///
    /// # Errors
    /// Another process has it ([`TrainerError::Locked`] names it), or the folder cannot be written to.
    pub fn take(folder: &Path) -> Result<Self, TrainerError> {
        let path = folder.join(Self::FILE);
        let io = |action| {
            let path = path.clone();
            move |source| TrainerError::Io { action, path, source }
        };
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io("open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Windows keeps others from reading it.
                let _unknown = file.take(20).read_to_string(&mut holder);
                let process = holder.trim().parse().ok();
                return Err(TrainerError::Locked { path: folder.to_path_buf(), process });
            }
            Err(TryLockError::Error(source)) if source.kind() == ErrorKind::Unsupported => {
                tracing::warn!(
                    "{} cannot be locked: keep a second rayclip out of it",
                    path.display()
                );
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        // On a disk that is full, a second process is not told the number.
        let _refused = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A number that is left behind misleads nobody: the lock is the kernel's.
        let _refused = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let refused = FolderLock::take(folder.path()).unwrap_err();
        let message = refused.to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        drop(first);
        assert_eq!(std::fs::read(folder.path().join(FolderLock::FILE)).unwrap(), b"");
        FolderLock::take(folder.path()).unwrap();
    }
}
