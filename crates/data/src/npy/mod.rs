//! NumPy's .npy format: `\x93NUMPY`, two bytes of version, the length of the header in two or four bytes, the header,
//! then the numbers.
//!
//! The header is a Python dictionary with the keys `descr`, `fortran_order` and `shape`, in any order. Only the syntax
//! that NumPy writes for numbers is read; no Python is evaluated. [`NpyFile`] has numbers in f64, for problems of the
//! solver; the images and labels of [`crate::numpy`] keep their types.
//!
//! # References
//! NumPy, `numpy.lib.format`, versions 1.0 to 3.0.

mod header;
mod typed;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use self::header::Header;
use crate::arrays::Array;
use crate::error::DataError;
use crate::stream::{MOST_NUMBERS, Words};
use crate::text::plain;

pub(crate) use typed::{Numbers, TypedArray};

/// A .npy file. The header is read first, and the numbers later.
pub struct NpyFile<R> {
    source: R,
    shape: Vec<usize>,
    words: Words,
    fortran: bool,
}

impl NpyFile<File> {
    /// Reads the header of the file `path`, but no numbers.
    ///
    /// # Errors
    /// The file cannot be read, is not a .npy file, has another type than f32 and f64, is empty, or does not have
    /// exactly as many numbers as its header says.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let wrong = |error| DataError::io("read", path, error);
        let file = crate::whole::open(path).map_err(wrong)?;
        let length = file.metadata().map_err(wrong)?.len();
        Self::of(file, length).map_err(|reason| DataError::format(path, reason))
    }
}

impl<R: Read> NpyFile<R> {
    /// Reads the header of a source with this many bytes.
    ///
    /// # Errors
    /// The reason, without the name of the file.
    fn of(mut source: R, length: u64) -> Result<Self, String> {
        let header = Header::read(&mut source)?;
        let words = match header.descr.as_str() {
            descr @ ("<f4" | ">f4") => Words { double: false, big_endian: descr.starts_with('>') },
            descr @ ("<f8" | ">f8") => Words { double: true, big_endian: descr.starts_with('>') },
            other => return Err(plain(&format!("has the type {other}; expected f4 or f8"))),
        };
        header.count(words.size(), length, MOST_NUMBERS)?;
        let Header { fortran, shape, .. } = header;
        if fortran && shape.len() > 2 {
            return Err(format!("has shape {shape:?} in Fortran order; save it in C order"));
        }
        Ok(Self { source, shape, words, fortran })
    }

    /// Returns the extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// The source fails, or there is not enough memory.
    pub fn read(mut self) -> Result<Array, String> {
        let count = self.shape.iter().product();
        let values = match self.shape.as_slice() {
            &[rows, columns] if self.fortran => {
                // The file has one column after the other.
                let index_of = |at: usize| at % rows * columns + at / rows;
                self.words.read(&mut self.source, count, index_of)?
            }
            _ => self.words.read(&mut self.source, count, |at| at)?,
        };
        Ok(Array { shape: self.shape, values, double: self.words.double })
    }
}

/// Reads the array of the file `path`.
///
/// # Errors
/// As [`NpyFile::open`] and [`NpyFile::read`].
pub fn read(path: &Path) -> Result<Array, DataError> {
    NpyFile::open(path)?.read().map_err(|reason| DataError::format(path, reason))
}

/// As [`read`], from the bytes of a file.
///
/// # Errors
/// The reason, without the name of the file.
pub fn parse(bytes: &[u8]) -> Result<Array, String> {
    NpyFile::of(bytes, bytes.len() as u64)?.read()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a file of version 1.0 with this header.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }          \n";
        let data = [0.1_f64.to_le_bytes(), f64::NEG_INFINITY.to_le_bytes()].concat();
        let array = parse(&file(header, &data)).unwrap();
        assert_eq!((array.shape, array.double), (vec![2], true));
        assert_eq!(array.values, [0.1, f64::NEG_INFINITY]);
        // A file of version 2.0, big-endian, as other programs write it.
        let header = "{\"shape\":(1L,1),'fortran_order':True,'descr':'>f4'}";
        let length = (header.len() as u32).to_le_bytes();
        let data = 3_f32.to_be_bytes();
        let bytes = [&b"\x93NUMPY\x02\x00"[..], &length, header.as_bytes(), &data].concat();
        assert_eq!(
            parse(&bytes).unwrap(),
            Array { shape: vec![1, 1], values: vec![3.0], double: false }
        );
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': ()}";
        assert_eq!(parse(&file(header, &floats(&[7.0]))).unwrap().values, [7.0]);
    }

    #[test]
    fn fortran_order_is_turned_into_rows() {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let array = parse(&file(header, &floats(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]))).unwrap();
        assert_eq!(array.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1, 1), }\n";
        assert!(parse(&file(header, &floats(&[1.0]))).unwrap_err().contains("save it in C order"));
    }

    #[test]
    fn says_what_is_wrong() {
        let with = |descr: &str, shape: &str| {
            let header =
                format!("{{'descr': {descr}, 'fortran_order': True, 'shape': {shape}, }}\n");
            file(&header, &[0; 8])
        };
        let huge = usize::MAX;
        let cases = [
            (vec![], "not a .npy file"),
            (b"\x93NUMPY\x01\x00".to_vec(), "truncated"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "4294967295 bytes; at most 65536"),
            (b"\x93NUMPY\x01\x00\xff\xff{".to_vec(), "truncated"),
            (b"\x93NUMPY\x04\x00\x00\x00".to_vec(), "version 4.0"),
            (file("", &[]), "a { is missing"),
            (file("{}", &[]), "lacks descr"),
            (file(&"(".repeat(60_000), &[]), "a { is missing"),
            (file("{'descr': '<f8'} x", &[]), "follows the dictionary"),
            (with("'<f8'", "(1,), 'shape': (1,)"), "it has shape twice"),
            (with("'<f8'", "(1,), 'x': (1,)"), "an unknown key"),
            (with("'|O'", "(1,)"), "has the type |O; expected f4 or f8"),
            (with("'<i8'", "(1,)"), "expected f4 or f8"),
            (with("[('a', '<f8')]", "(1,)"), "structured types are not supported"),
            (with("'<f8'", "(-1,)"), "an extent is not a number"),
            (with("'<f8'", "(99999999999999999999999,)"), "an extent is not a number"),
            (with("'<f8'", &format!("({huge}, {huge})")), "but 8 bytes follow"),
            (with("'<f8'", &format!("(0, {huge})")), "it is empty"),
            (with("'<f8'", "(2,)"), "but 8 bytes follow"),
            (with("'<f4'", "(1,)"), "but 8 bytes follow"),
            (with("'<f8'", &format!("({})", "1,".repeat(65))), "more than 64 dimensions"),
            (with("'\u{1b}[2J'", "(1,)"), "has the type \u{fffd}[2J"),
        ];
        for (bytes, expected) in cases {
            let reason = parse(&bytes).unwrap_err();
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
    }

    #[test]
    fn a_sparse_file_is_measured_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let sparse = |bytes: &[u8], length: u64| {
            std::fs::write(&path, bytes).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        };
        sparse(&[], 1 << 40);
        assert!(read(&path).unwrap_err().to_string().contains("not a .npy file"));
        let header = format!(
            "{{'descr': '<f4', 'fortran_order': False, 'shape': (2, {}), }}\n",
            1_u64 << 35
        );
        sparse(&file(&header, &[]), 10 + header.len() as u64 + (4 << 36));
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("68719476736 numbers in one array"), "{message}");
        let header =
            format!("{{'descr': '<f8', 'fortran_order': True, 'shape': (2, {}), }}\n", 1 << 19);
        sparse(&file(&header, &[]), 10 + header.len() as u64 + (8 << 20));
        assert_eq!(NpyFile::open(&path).unwrap().shape(), [2, 1 << 19]);
    }

    #[test]
    fn the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, "nothing").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("a.npy: not a .npy file"));
    }
}
