//! The lock that keeps other processes out of a folder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};

use rayclip_data::Dir;
use rayclip_run_folder::{RunFolderError, paths};

use crate::error::TrainerError;

/// A folder that no other process can use. The lock file holds the ID of the process that has the lock, and is
/// empty after that. The kernel releases the lock when the process ends, even after a crash.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Locks the folder, which must exist, for this process.
    ///
    /// # Errors
    /// Another process has the lock ([`TrainerError::Locked`] names it), the file is a link or is not a lock file,
    /// or the folder cannot be written to.
    pub fn take(folder: impl Into<Dir>) -> Result<Self, TrainerError> {
        let folder = folder.into();
        let path = folder.path().join(paths::LOCK);
        let io = |action| RunFolderError::io(action, &path);
        let mut file = folder.open_or_create(paths::LOCK).map_err(io("open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // On Windows, other processes cannot read the file.
                let process = holder(&mut file).ok().and_then(|holder| holder.parse().ok());
                return Err(TrainerError::Locked { path: folder.path().to_path_buf(), process });
            }
            Err(TryLockError::Error(source)) if source.kind() == ErrorKind::Unsupported => {
                tracing::warn!(
                    "{} cannot be locked: do not use the folder with a second rayclip",
                    path.display()
                );
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source).into()),
        }
        let held = holder(&mut file).map_err(io("read the lock"))?;
        if !held.bytes().all(|byte| byte.is_ascii_digit()) {
            // The file may be the user's: do not overwrite it.
            let reason = "it is not a lock file of rayclip: move it elsewhere";
            let source = io::Error::new(ErrorKind::InvalidData, reason);
            return Err(io("take the lock")(source).into());
        }
        // On a full disk, the ID is missing, and a second process cannot name this one.
        let number = std::process::id();
        let _refused =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{number}"));
        Ok(Self { file })
    }
}

/// Reads the lock file, up to the length of a number.
fn holder(file: &mut File) -> io::Result<String> {
    let mut bytes = vec![];
    file.take(20).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A leftover ID does no harm: the kernel holds the lock.
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
        assert_eq!(std::fs::read(folder.path().join(paths::LOCK)).unwrap(), b"");
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn what_is_no_lock_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(paths::LOCK);
        std::fs::write(&path, "my notes").unwrap();
        let message = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(".lock"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"my notes");
        // The ID of a process that was killed.
        std::fs::write(&path, "4194304").unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(lock);
    }
}
