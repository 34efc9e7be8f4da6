//! Arrays of images and labels, which keep their type.

use std::io::{self, Read};

use super::header::Header;
use crate::stream;
use crate::text::plain;

/// The most bytes of an array in memory, 4 GiB.
const MOST_BYTES: usize = 1 << 32;

/// Elements per read.
const AT_ONCE: usize = 1 << 14;

/// The elements of an array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    /// From u1.
    Bytes(Vec<u8>),
    /// From bool and the other integers. A larger one than an i64 can have is the largest.
    Integers(Vec<i64>),
    /// From f4 and f8.
    Floats(Vec<f32>),
}

/// An array of a known type. It has at least one element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedArray {
    /// The extents, outermost first.
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Numbers,
}

impl TypedArray {
    /// Reads a .npy file of `length` bytes to its end.
    ///
    /// # Errors
    /// The reason, without the name of the file: it is not a .npy file, has a type that is not a number, is empty, or
    /// does not have exactly as many elements as its header says.
    pub(crate) fn read(source: &mut impl Read, length: u64) -> Result<Self, String> {
        let header = Header::read(source)?;
        let swap = header.descr.starts_with('>');
        let descr = header.descr.trim_start_matches(['<', '>', '=', '|']).to_owned();
        let kind = descr.as_bytes().first();
        let size = descr.get(1..).and_then(|size| size.parse().ok()).unwrap_or(0);
        let mut elements = Elements { source, swap, header: &header, length };
        let numbers = match (kind, size) {
            (Some(b'u'), 1) => Numbers::Bytes(elements.read(u8::from_le_bytes)?),
            (Some(b'b' | b'i' | b'u'), 1 | 2 | 4 | 8) => {
                Numbers::Integers(elements.integers(&descr)?)
            }
            (Some(b'f'), 4) => Numbers::Floats(elements.read(f32::from_le_bytes)?),
            (Some(b'f'), 8) => {
                Numbers::Floats(elements.read(|word| f64::from_le_bytes(word) as f32)?)
            }
            _ => return Err(unusable(&header.descr)),
        };
        // The end of a compressed source has its checksum.
        match source.read(&mut [0]) {
            Ok(0) => Ok(Self { numbers, shape: header.shape }),
            Ok(_) => Err("something follows the numbers that its header announces".into()),
            Err(error) => Err(stream::reason(&error)),
        }
    }
}

/// Returns the message for a type that is not a number.
fn unusable(descr: &str) -> String {
    let kind = descr.trim_start_matches(['<', '>', '=', '|']).chars().next();
    let remedy = match kind {
        Some('O') => "Python objects, which are not read: save an array of numbers",
        Some('U' | 'S') => "text: save labels as whole numbers",
        _ => "save it as uint8, float32 or, for labels, int64",
    };
    plain(&format!("has the type {descr}; {remedy}"))
}

/// The elements that follow a header.
struct Elements<'a, R> {
    source: &'a mut R,
    /// Whether the most significant byte comes first.
    swap: bool,
    header: &'a Header,
    length: u64,
}

impl<R: Read> Elements<'_, R> {
    fn integers(&mut self, descr: &str) -> Result<Vec<i64>, String> {
        match descr {
            "b1" | "i1" => self.read(|word| i8::from_le_bytes(word).into()),
            "i2" => self.read(|word| i16::from_le_bytes(word).into()),
            "u2" => self.read(|word| u16::from_le_bytes(word).into()),
            "i4" => self.read(|word| i32::from_le_bytes(word).into()),
            "u4" => self.read(|word| u32::from_le_bytes(word).into()),
            "i8" => self.read(i64::from_le_bytes),
            "u8" => self.read(|word| i64::try_from(u64::from_le_bytes(word)).unwrap_or(i64::MAX)),
            other => Err(unusable(other)),
        }
    }

    /// Reads elements of `N` bytes, and returns them in C order. Memory is allocated only as they arrive.
    fn read<const N: usize, T: Copy>(
        &mut self,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let most = MOST_BYTES / size_of::<T>();
        let count = self.header.count(N, self.length, most)?;
        let mut values: Vec<T> = vec![];
        let mut buffer = vec![[0; N]; AT_ONCE.min(count)];
        while values.len() < count {
            let now = (count - values.len()).min(AT_ONCE);
            let words = &mut buffer[..now];
            self.source.read_exact(words.as_flattened_mut()).map_err(|error| damaged(&error))?;
            let full = |_| format!("{count} numbers need more memory than is free");
            values.try_reserve(now).map_err(full)?;
            if self.swap {
                for word in words.iter_mut() {
                    word.reverse();
                }
            }
            values.extend(words.iter().map(|word| number(*word)));
        }
        let Header { shape, fortran, .. } = self.header;
        Ok(if *fortran && shape.len() > 1 { in_c_order(&values, shape) } else { values })
    }
}

fn damaged(error: &io::Error) -> String {
    format!("the file is truncated or damaged: {}", stream::reason(error))
}

/// Returns what is stored with the first extent varying fastest, with the last one varying fastest.
fn in_c_order<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let position = |mut index: usize| {
        let mut position = 0;
        for (extent, stride) in shape.iter().zip(&strides).rev() {
            position += index % extent * stride;
            index /= extent;
        }
        position
    };
    (0..values.len()).map(|index| values[position(index)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a file as NumPy writes it.
    fn file(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    fn read(bytes: &[u8]) -> Result<TypedArray, String> {
        TypedArray::read(&mut &bytes[..], bytes.len() as u64)
    }

    #[test]
    fn every_type_of_numbers_is_read() {
        let cases: [(&str, &[u8], Numbers); 12] = [
            ("|u1", &[7, 255], Numbers::Bytes(vec![7, 255])),
            ("|b1", &[0, 1], Numbers::Integers(vec![0, 1])),
            ("|i1", &[7, 255], Numbers::Integers(vec![7, -1])),
            ("<i2", &[1, 2, 255, 255], Numbers::Integers(vec![513, -1])),
            (">i2", &[1, 2, 255, 255], Numbers::Integers(vec![258, -1])),
            ("<u2", &[1, 2, 255, 255], Numbers::Integers(vec![513, 65535])),
            ("<i4", &[9, 0, 0, 0, 255, 255, 255, 255], Numbers::Integers(vec![9, -1])),
            ("<u4", &[9, 0, 0, 0, 255, 255, 255, 255], Numbers::Integers(vec![9, 4294967295])),
            (">i8", &[[0, 0, 0, 0, 0, 0, 0, 3], [255; 8]].concat(), Numbers::Integers(vec![3, -1])),
            (
                "<u8",
                &[[3, 0, 0, 0, 0, 0, 0, 0], [255; 8]].concat(),
                Numbers::Integers(vec![3, i64::MAX]),
            ),
            (
                "<f4",
                &[0.1_f32, -2.0].map(f32::to_le_bytes).concat(),
                Numbers::Floats(vec![0.1, -2.0]),
            ),
            (
                ">f8",
                &[0.1_f64, -2.0].map(f64::to_be_bytes).concat(),
                Numbers::Floats(vec![0.1, -2.0]),
            ),
        ];
        for (descr, data, numbers) in cases {
            let array = read(&file(descr, "False", "(2,)", data)).unwrap();
            assert_eq!(array, TypedArray { shape: vec![2], numbers }, "{descr}");
        }
    }

    #[test]
    fn fortran_order_is_turned_into_c_order() {
        // numpy.arange(24).reshape(2, 3, 4).ravel(order="F")
        let fortran =
            [0, 12, 4, 16, 8, 20, 1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23];
        let array = read(&file("|u1", "True", "(2, 3, 4)", &fortran)).unwrap();
        assert_eq!(array.numbers, Numbers::Bytes((0..24).collect()));
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            (file("|O", "False", "(2,)", &[0; 16]), "has the type |O; Python objects"),
            (file("<U5", "False", "(2,)", &[0; 40]), "has the type <U5; text: save labels as"),
            (file("<c8", "False", "(2,)", &[0; 16]), "has the type <c8; save it as uint8"),
            (file("<f2", "False", "(2,)", &[0; 4]), "save it as uint8, float32"),
            (file("<b2", "False", "(2,)", &[0; 4]), "has the type b2"),
            (file("", "False", "(2,)", &[0; 4]), "has the type ; save"),
            (file("|u1", "False", "(0,)", &[]), "it is empty"),
            (file("|u1", "False", "(2,)", &[0; 3]), "but 3 bytes follow it"),
            (file("|u1", "False", "(4294967297,)", &[]), "but 0 bytes follow it"),
        ];
        for (bytes, expected) in cases {
            let reason = read(&bytes).unwrap_err();
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
        // A compressed file may announce more than it has, or have more than it announces.
        let bytes = file("|u1", "False", "(4,)", &[0; 4]);
        let length = bytes.len() as u64;
        let short = TypedArray::read(&mut &bytes[..bytes.len() - 1], length).unwrap_err();
        assert!(short.contains("truncated or damaged"), "{short}");
        let longer = [&bytes[..], &[0]].concat();
        let long = TypedArray::read(&mut &longer[..], length).unwrap_err();
        assert!(long.contains("something follows"), "{long}");
        let huge = file("|u1", "False", "(4294967297,)", &[]);
        let most = TypedArray::read(&mut &huge[..], huge.len() as u64 + (1 << 32) + 1);
        assert!(most.unwrap_err().contains("at most 4294967296 are supported"));
    }
}
