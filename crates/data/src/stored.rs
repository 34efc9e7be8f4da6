//! Images that stay in a file and are read when they are needed.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::DataError;

/// Bytes that are read at a time when all images are read.
const CHUNK: usize = 1 << 20;

/// The bytes of images in a file.
#[derive(Debug, Clone)]
pub struct Stored {
    file: Arc<File>,
    path: PathBuf,
    /// Where the first image of the file begins.
    start: u64,
    /// Bytes of an image.
    length: usize,
    /// The numbers of the images in the file.
    numbers: Vec<usize>,
}

impl Stored {
    /// Returns `count` images of `length` bytes each, of which the first begins at `start`.
    pub(crate) fn new(
        file: Arc<File>,
        path: PathBuf,
        start: u64,
        length: usize,
        count: usize,
    ) -> Self {
        Self { file, path, start, length, numbers: (0..count).collect() }
    }

    /// Returns the number of bytes of all images.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len() * self.length
    }

    /// Returns the images with the numbers `ids`.
    pub(crate) fn pick(&self, ids: &[usize]) -> Self {
        Self { numbers: ids.iter().map(|id| self.numbers[*id]).collect(), ..self.clone() }
    }

    /// Reads the images with the numbers `ids`, one after the other.
    ///
    /// # Errors
    /// The file system reports an error, or the file has become shorter.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn read(&self, ids: &[usize]) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; ids.len() * self.length];
        let images = bytes.par_chunks_mut(self.length).zip(ids);
        images
            .try_for_each(|(image, id)| {
                let at = self.start + (self.numbers[*id] * self.length) as u64;
                read_exact_at(&self.file, image, at)
            })
            .map_err(|error| DataError::io("read the decoded images in", &self.path, error))?;
        Ok(bytes)
    }

    /// Calls a function with the bytes of all images, some whole images at a time.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn for_each_chunk(&self, mut with: impl FnMut(&[u8])) -> Result<(), DataError> {
        let ids: Vec<usize> = (0..self.numbers.len()).collect();
        for ids in ids.chunks((CHUNK / self.length).max(1)) {
            with(&self.read(ids)?);
        }
        Ok(())
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        let key = |stored: &Self| (stored.path.clone(), stored.start, stored.length);
        key(self) == key(other) && self.numbers == other.numbers
    }
}

/// Fills a buffer from a position of a file, whatever the position of its cursor.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Fills a buffer from a position of a file. All readers give the position with every read.
#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn stored(folder: &Path) -> Stored {
        let path = folder.join("images");
        fs::write(&path, (0..23).collect::<Vec<u8>>()).unwrap();
        // Three bytes of something else, then five images of four bytes.
        Stored::new(Arc::new(File::open(&path).unwrap()), path, 3, 4, 5)
    }

    #[test]
    fn images_are_read_by_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let stored = stored(folder.path());
        assert_eq!(stored.len(), 20);
        assert_eq!(stored.read(&[4, 0, 4]).unwrap(), [19, 20, 21, 22, 3, 4, 5, 6, 19, 20, 21, 22]);
        let some = stored.pick(&[3, 1]);
        assert_eq!(some.read(&[0, 1]).unwrap(), [15, 16, 17, 18, 7, 8, 9, 10]);
        let mut all = vec![];
        some.for_each_chunk(|bytes| all.extend_from_slice(bytes)).unwrap();
        assert_eq!(all, some.read(&[0, 1]).unwrap());
        assert!(some == some.clone() && some != stored);
    }

    #[test]
    fn a_file_that_has_become_shorter_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let stored = stored(folder.path());
        fs::write(folder.path().join("images"), [0; 9]).unwrap();
        let message = stored.read(&[0, 3]).unwrap_err().to_string();
        assert!(message.contains("images"), "{message}");
    }
}
