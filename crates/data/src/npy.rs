//! NumPy's .npy format: `\x93NUMPY`, two bytes of version, the length of the header in two or four bytes,
//! the header, then the numbers.
//!
//! The header is a Python dictionary with the keys `descr`, `fortran_order` and `shape`, in any order. Of all
//! that Python may say there, only what NumPy writes for f32 and f64 is read; nothing is evaluated.
//!
//! # References
//! NumPy, `numpy.lib.format`, versions 1.0 to 3.0.

use std::path::Path;

use crate::arrays::{Array, MOST_BYTES};
use crate::text::plain;
use crate::{DataError, read_whole};

/// The most bytes of a header; NumPy itself reads no more than 10 000 without being told to.
const MOST_HEADER_BYTES: usize = 1 << 16;

/// NumPy's own limit.
const MOST_DIMENSIONS: usize = 64;

/// Reads the array of the file `path`.
///
/// # Errors
/// The file cannot be read, is no .npy file, or holds something other than f32 or f64, exactly as many as its
/// header says and one at least.
pub fn read(path: &Path) -> Result<Array, DataError> {
    let bytes = read_whole(path, MOST_BYTES).map_err(|error| DataError::io("read", path, error))?;
    parse(&bytes).map_err(|reason| DataError::format(path, reason))
}

/// As [`read`], from the bytes of a file.
///
/// # Errors
/// What is wrong, without the name of the file.
pub fn parse(bytes: &[u8]) -> Result<Array, String> {
    let (text, data) = split(bytes)?;
    let Header { descr, fortran, shape } = Cursor { rest: text }.header().map_err(|reason| {
        plain(&format!("the header of the .npy file is damaged ({reason}): {text}"))
    })?;
    let size = match descr {
        "<f4" | ">f4" => 4,
        "<f8" | ">f8" => 8,
        other => return Err(plain(&format!("holds {other}; expected f4 or f8"))),
    };
    if shape.contains(&0) {
        return Err(format!("has shape {shape:?}: no number"));
    }
    let announced = shape.iter().try_fold(size, |all: usize, &extent| all.checked_mul(extent));
    if announced != Some(data.len()) {
        return Err(format!(
            "the header announces numbers of {size} bytes in shape {shape:?}, but {} bytes follow it",
            data.len()
        ));
    }
    let big = descr.starts_with('>');
    let single =
        |word: &[u8; 4]| if big { f32::from_be_bytes(*word) } else { f32::from_le_bytes(*word) };
    let double =
        |word: &[u8; 8]| if big { f64::from_be_bytes(*word) } else { f64::from_le_bytes(*word) };
    let values: Vec<f64> = if size == 4 {
        data.as_chunks().0.iter().map(|word| f64::from(single(word))).collect()
    } else {
        data.as_chunks().0.iter().map(double).collect()
    };
    let values = match shape.as_slice() {
        _ if !fortran => values,
        [] | [_] => values,
        &[rows, columns] => {
            (0..values.len()).map(|at| values[at % columns * rows + at / columns]).collect()
        }
        _ => return Err(format!("has shape {shape:?} in Fortran order; save it in C order")),
    };
    Ok(Array { shape, values, double: size == 8 })
}

/// The header and what follows it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    const NOT_ONE: &str = "not a .npy file, or a truncated one";
    let (start, rest) = bytes.split_first_chunk::<8>().ok_or(NOT_ONE)?;
    let (length, rest) = match start {
        b"\x93NUMPY\x01\x00" => {
            let (length, rest) = rest.split_first_chunk().ok_or(NOT_ONE)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        b"\x93NUMPY\x02\x00" | b"\x93NUMPY\x03\x00" => {
            let (length, rest) = rest.split_first_chunk().ok_or(NOT_ONE)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', major, minor] => {
            return Err(format!("a .npy file of version {major}.{minor}; expected 1.0 to 3.0"));
        }
        _ => return Err(NOT_ONE.into()),
    };
    if length > MOST_HEADER_BYTES {
        return Err(format!(
            "the header of the .npy file has {length} bytes; at most {MOST_HEADER_BYTES} are read"
        ));
    }
    let (text, data) = rest.split_at_checked(length).ok_or(NOT_ONE)?;
    let text = str::from_utf8(text).map_err(|_| "the header of the .npy file is no text")?;
    Ok((text, data))
}

struct Header<'a> {
    descr: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

/// What is left of the header.
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
                _ => return Err("it has a key that no .npy file has".into()),
            };
            if again {
                return Err(format!("{key} is there twice"));
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

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a str, String> {
        let quote = ["'", "\""].into_iter().find(|quote| self.eat(quote));
        let quote = quote.ok_or("a string is missing; structured types are not read")?;
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

    /// A tuple of extents, `(2, 3)`, `(2,)` or `()`.
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
        digits.parse().map_err(|_| "an extent is no number of this machine".into())
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
        // Of version 2.0, big-endian, and as other programs put it.
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
            (with("'<f8'", "(1,), 'shape': (1,)"), "shape is there twice"),
            (with("'<f8'", "(1,), 'x': (1,)"), "a key that no .npy file has"),
            (with("'|O'", "(1,)"), "holds |O; expected f4 or f8"),
            (with("'<i8'", "(1,)"), "expected f4 or f8"),
            (with("[('a', '<f8')]", "(1,)"), "structured types are not read"),
            (with("'<f8'", "(-1,)"), "an extent is no number"),
            (with("'<f8'", "(99999999999999999999999,)"), "an extent is no number"),
            (with("'<f8'", &format!("({huge}, {huge})")), "but 8 bytes follow"),
            (with("'<f8'", &format!("(0, {huge})")), "no number"),
            (with("'<f8'", "(2,)"), "but 8 bytes follow"),
            (with("'<f4'", "(1,)"), "but 8 bytes follow"),
            (with("'<f8'", &format!("({})", "1,".repeat(65))), "more than 64 dimensions"),
            (with("'\u{1b}[2J'", "(1,)"), "holds \u{fffd}[2J"),
        ];
        for (bytes, expected) in cases {
            let reason = parse(&bytes).unwrap_err();
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
    }

    #[test]
    fn the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, "nothing").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("a.npy: not a .npy file"));
    }
}
