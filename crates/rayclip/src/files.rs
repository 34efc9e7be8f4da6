//! Files that commands write whole.

use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Checks that a file can be written: its folder takes files, and it does not exist.
///
/// # Errors
/// It exists, or its folder takes no file.
pub(crate) fn check_new(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists"));
    }
    temporary(path).map(drop)
}

/// Writes a file that does not exist. It writes a temporary file first, so the file is never incomplete.
///
/// # Errors
/// It exists, or cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|refused| refused.error)
}

/// Makes a file in the same folder, which is deleted if it is dropped.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    NamedTempFile::new_in(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_written_once_and_a_check_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        check_new(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        write_new(&path, b"first").unwrap();
        assert_eq!(check_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(write_new(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("none").join("file");
        assert_eq!(check_new(&nowhere).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
