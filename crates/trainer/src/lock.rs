//! One process at a time in a folder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};

use rayclip_data::Dir;

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
    /// Another process has it ([`TrainerError::Locked`] names it), the file is a link or no lock, or the folder
    /// cannot be written to.
    pub fn take(folder: impl Into<Dir>) -> Result<Self, TrainerError> {
        let folder = folder.into();
        let path = folder.path().join(Self::FILE);
        let io = |action| {
            let path = path.clone();
            move |source| TrainerError::Io { action, path, source }
        };
        let mut file = folder.open_or_create(Self::FILE).map_err(io("open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Windows keeps others from reading it.
                let process = holder(&mut file).ok().and_then(|holder| holder.parse().ok());
                return Err(TrainerError::Locked { path: folder.path().to_path_buf(), process });
            }
            Err(TryLockError::Error(source)) if source.kind() == ErrorKind::Unsupported => {
                tracing::warn!(
                    "{} cannot be locked: keep a second rayclip out of it",
                    path.display()
                );
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let held = holder(&mut file).map_err(io("read the lock"))?;
        if !held.bytes().all(|byte| byte.is_ascii_digit()) {
            // What somebody keeps in it would be lost.
            let reason = "it holds what no lock holds: move it elsewhere";
            return Err(io("take the lock")(io::Error::new(ErrorKind::InvalidData, reason)));
        }
        // On a disk that is full, a second process is not told the number.
        let number = std::process::id();
        let _refused =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{number}"));
        Ok(Self { file })
    }
}

/// What a lock holds, as far as a number is long.
fn holder(file: &mut File) -> io::Result<String> {
    let mut bytes = vec![];
    file.take(20).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
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

    #[test]
    fn what_is_no_lock_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FolderLock::FILE);
        std::fs::write(&path, "my notes").unwrap();
        let message = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(".lock"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"my notes");
        // The number of a process that was killed.
        std::fs::write(&path, "4194304").unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(lock);
    }
}
