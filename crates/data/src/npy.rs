//! NumPy's .npy format: `\x93NUMPY`, two bytes of version, the length of the header in two or four bytes, the header,
//! then the numbers.
//!
//! The header is a Python dictionary with the keys `descr`, `fortran_order` and `shape`, in any order. Only the syntax
//! that NumPy writes for f32 and f64 is read; no Python is evaluated.
//!
//! # References
//! NumPy, `numpy.lib.format`, versions 1.0 to 3.0.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::arrays::Array;
use crate::error::DataError;
use crate::stream::{self, Words};
use crate::text::plain;

/// The most bytes of a header; by default, NumPy reads at most 10 000.
const MOST_HEADER_BYTES: usize = 1 << 16;

/// The limit of NumPy.
const MOST_DIMENSIONS: usize = 64;

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
        let (text, start) = header_text(&mut source)?;
        let Header { descr, fortran, shape } =
            Cursor { rest: &text }.header().map_err(|reason| {
                plain(&format!("the header of the .npy file is damaged ({reason}): {text}"))
            })?;
        let words = match descr {
            "<f4" | ">f4" => Words { double: false, big_endian: descr.starts_with('>') },
            "<f8" | ">f8" => Words { double: true, big_endian: descr.starts_with('>') },
            other => return Err(plain(&format!("has the type {other}; expected f4 or f8"))),
        };
        if shape.contains(&0) {
            return Err(format!("has shape {shape:?}: it is empty"));
        }
        let size = words.size();
        let announced = shape.iter().try_fold(size, |all: usize, &extent| all.checked_mul(extent));
        let there = length.saturating_sub(start);
        if announced.map(|bytes| bytes as u64) != Some(there) {
            return Err(format!(
                "the header announces numbers of {size} bytes in shape {shape:?}, but {there} bytes follow it"
            ));
        }
        if fortran && shape.len() > 2 {
            return Err(format!("has shape {shape:?} in Fortran order; save it in C order"));
        }
        stream::check_count(shape.iter().product())?;
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

/// Returns the header, and the position after it.
fn header_text(source: &mut impl Read) -> Result<(String, u64), String> {
    const NOT_ONE: &str = "not a .npy file, or a truncated one";
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => NOT_ONE.to_owned(),
        _ => stream::reason(&error),
    };
    let mut start = [0; 8];
    source.read_exact(&mut start).map_err(failed)?;
    let of_length = match &start {
        b"\x93NUMPY\x01\x00" => 2,
        b"\x93NUMPY\x02\x00" | b"\x93NUMPY\x03\x00" => 4,
        [0x93, b'N', b'U', b'M', b'P', b'Y', major, minor] => {
            return Err(format!("a .npy file of version {major}.{minor}; expected 1.0 to 3.0"));
        }
        _ => return Err(NOT_ONE.into()),
    };
    let mut length = [0; 4];
    source.read_exact(&mut length[..of_length]).map_err(failed)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST_HEADER_BYTES {
        return Err(format!(
            "the header of the .npy file has {length} bytes; at most {MOST_HEADER_BYTES} are supported"
        ));
    }
    let mut text = vec![0; length];
    source.read_exact(&mut text).map_err(failed)?;
    let text = String::from_utf8(text).map_err(|_| "the header of the .npy file is not text")?;
    Ok((text, (8 + of_length + length) as u64))
}

struct Header<'a> {
    descr: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

/// The rest of the header.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn header(mut self) -> Result<Header<'a>, String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.eat("}") {
            let key = self.string()?;
            self.expect(":")?;
            let again = match key {
                "descr" => descr.replace(self.string()?).is_some(),
                "fortran_order" => fortran.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err("it has an unknown key".into()),
            };
            if again {
                return Err(format!("it has {key} twice"));
            }
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err("something follows the dictionary".into());
        }
        let lacks = |key: &str| format!("it lacks {key}");
        Ok(Header {
            descr: descr.ok_or_else(|| lacks("descr"))?,
            fortran: fortran.ok_or_else(|| lacks("fortran_order"))?,
            shape: shape.ok_or_else(|| lacks("shape"))?,
        })
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("a {token} is missing")) }
    }

    /// Parses a string without escapes.
    fn string(&mut self) -> Result<&'a str, String> {
        let quote = ["'", "\""].into_iter().find(|quote| self.eat(quote));
        let quote = quote.ok_or("a string is missing; structured types are not supported")?;
        let (text, rest) = self.rest.split_once(quote).ok_or("a string has no end")?;
        if text.contains('\\') {
            return Err("a string has an escape".into());
        }
        self.rest = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        if self.eat("True") {
            Ok(true)
        } else {
            self.expect("False").map(|()| false).map_err(|_| "True or False is missing".into())
        }
    }

    /// Parses a tuple of extents, `(2, 3)`, `(2,)` or `()`.
    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = vec![];
        self.expect("(")?;
        while !self.eat(")") {
            if shape.len() == MOST_DIMENSIONS {
                return Err(format!("it has more than {MOST_DIMENSIONS} dimensions"));
            }
            shape.push(self.extent()?);
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }

    fn extent(&mut self) -> Result<usize, String> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        // Python 2 wrote long integers as `2L`.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().map_err(|_| "an extent is not a number, or too large".into())
    }
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
