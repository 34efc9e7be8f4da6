//! The header of a .npy file.

use std::io::{self, Read};

use crate::stream;
use crate::text::plain;

/// The most bytes of a header; by default, NumPy reads at most 10 000.
const MOST_HEADER_BYTES: usize = 1 << 16;

/// The limit of NumPy.
const MOST_DIMENSIONS: usize = 64;

/// A header. Its array has at least one element.
pub(super) struct Header {
    /// The type of the elements, such as `<f4`.
    pub(super) descr: String,
    /// Whether the first extent varies fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// The position after it.
    end: u64,
}

impl Header {
    /// Reads the header at the beginning of a source.
    ///
    /// # Errors
    /// The reason, without the name of the file.
    pub(super) fn read(source: &mut impl Read) -> Result<Self, String> {
        let (text, end) = header_text(source)?;
        let Parsed { descr, fortran, shape } =
            Cursor { rest: &text }.header().map_err(|reason| {
                plain(&format!("the header of the .npy file is damaged ({reason}): {text}"))
            })?;
        Ok(Self { descr: descr.to_owned(), fortran, shape, end })
    }

    /// Checks that exactly the announced elements of `size` bytes follow in a source of `length` bytes, and returns
    /// their number, which is at most `most`.
    ///
    /// # Errors
    /// The reason.
    pub(super) fn count(&self, size: usize, length: u64, most: usize) -> Result<usize, String> {
        let shape = &self.shape;
        if shape.contains(&0) {
            return Err(format!("has shape {shape:?}: it is empty"));
        }
        let announced = shape.iter().try_fold(size, |all: usize, &extent| all.checked_mul(extent));
        let there = length.saturating_sub(self.end);
        if announced.map(|bytes| bytes as u64) != Some(there) {
            return Err(format!(
                "the header announces numbers of {size} bytes in shape {shape:?}, but {there} bytes follow it"
            ));
        }
        let count = shape.iter().product();
        if count > most {
            return Err(format!("{count} numbers in one array; at most {most} are supported"));
        }
        Ok(count)
    }
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

struct Parsed<'a> {
    descr: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

/// The rest of the header.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn header(mut self) -> Result<Parsed<'a>, String> {
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
        Ok(Parsed {
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
