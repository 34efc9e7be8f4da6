//! Writes files completely or not at all, and reads them completely or refuses them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::dir::Dir;

/// Writes a file beside `path`, syncs it and renames it. Makes the folder if there is none. After a loss of power,
/// `path` has either the complete new file or the old one. A link at `path` is replaced, not followed. [`Dir`] follows
/// no link on the way there either.
///
/// # Errors
/// The file system reports an error. Then no part of the new file is left.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = Dir::of_file(path)?;
    folder.write(name, bytes, true)
}

/// Opens the file `path` for reading.
///
/// # Errors
/// The file system reports an error, or it is a folder, a pipe or a device ([`io::ErrorKind::InvalidInput`]).
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // This is checked before the file is opened, because opening a pipe waits for a writer.
    let found = fs::metadata(path)?;
    if found.is_file() {
        return File::open(path);
    }
    let what = if found.is_dir() { "a folder" } else { "a pipe or a device" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}; name a file")))
}

/// Reads the file `path` of at most `limit` bytes.
///
/// # Errors
/// The file system reports an error, it is a folder, a pipe or a device ([`io::ErrorKind::InvalidInput`]), or the file
/// is larger ([`io::ErrorKind::FileTooLarge`]). No memory is allocated for a larger file.
pub fn read_whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let refused = |bytes: u64| {
        let reason = format!("the file has {bytes} bytes or more; at most {limit} are read");
        io::Error::new(io::ErrorKind::FileTooLarge, reason)
    };
    let announced = file.metadata()?.len();
    if announced > limit {
        return Err(refused(announced));
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read, and some files report no length.
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit { Err(refused(read)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let a_folder = folder.path().join("folder");
        fs::create_dir(&a_folder).unwrap();
        assert!(write_whole(&a_folder, b"third").is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn a_file_over_the_limit_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [1, 2, 3]).unwrap();
        assert_eq!(read_whole(&path, 3).unwrap(), [1, 2, 3]);
        let error = read_whole(&path, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        // This is a sparse file of a terabyte.
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read_whole(&path, 1 << 20).unwrap_err().to_string().contains("1099511627776"));
    }

    #[cfg(unix)]
    #[test]
    fn what_may_have_no_end_is_refused_unopened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [Path::new("/dev/zero"), &pipe, folder.path()] {
            let error = read_whole(path, 1000).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("name a file"), "{error}");
        }
        let none = read_whole(&folder.path().join("none"), 1000).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }
}
