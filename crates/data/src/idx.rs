//! The IDX format: two zero bytes, a type byte (8 = unsigned byte), the number of dimensions, the
//! extents as big-endian `u32`, then the elements, row-major.
//!
//! Only unsigned bytes are read. A gzipped file is recognised by its first two bytes. The sizes in a header have
//! limits, because a gzipped megabyte can contain a gigabyte of zeros.
//!
//! # References
//! LeCun, Cortes, Burges, *The MNIST database of handwritten digits*, "File formats".

use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::DataError;
use crate::whole::open;

/// The most elements that are read: 4 GiB, ninety times MNIST.
const MOST_ELEMENTS: usize = 1 << 32;

/// The most dimensions; images have three or four.
const MOST_DIMENSIONS: u8 = 8;

/// An array of unsigned bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// The extents, outermost first. There is at least one.
    pub extents: Vec<usize>,
    /// The elements, row-major.
    pub elements: Vec<u8>,
}

/// Reads an IDX file, gzipped or not.
///
/// # Errors
/// The file cannot be read, or is not an IDX file of unsigned bytes with exactly as many elements
/// as its header says.
pub fn read(path: &Path) -> Result<Array, DataError> {
    let file = open(path).map_err(|source| DataError::io("open", path, source))?;
    parse(BufReader::new(file), path)
}

/// Reads only the extents, from the header of the file at `path`.
///
/// # Errors
/// As [`read`], for the header.
pub fn read_extents(path: &Path) -> Result<Vec<usize>, DataError> {
    let file = open(path).map_err(|source| DataError::io("open", path, source))?;
    let mut reader = decompressed(BufReader::new(file), path)?;
    header(&mut reader, path)
}

/// Parses IDX bytes, gzipped or not; errors name `path`.
///
/// Memory is allocated only as elements arrive, so wrong extents in a header cost no memory.
///
/// # Errors
/// As [`read`].
pub fn parse<R: Read>(reader: R, path: &Path) -> Result<Array, DataError> {
    let mut reader = decompressed(reader, path)?;
    let extents = header(&mut reader, path)?;
    let count: usize = extents.iter().product();
    let mut elements = Vec::new();
    // One byte more than announced is read, to find trailing data.
    reader
        .take((count as u64).saturating_add(1))
        .read_to_end(&mut elements)
        .map_err(|source| unread(path, source))?;
    if elements.len() != count {
        let found = if elements.len() > count { "more".into() } else { elements.len().to_string() };
        return Err(DataError::format(
            path,
            format!("the header announces {count} elements {extents:?} but the file has {found}"),
        ));
    }
    Ok(Array { extents, elements })
}

fn decompressed<'a, R: Read + 'a>(
    mut reader: R,
    path: &Path,
) -> Result<Box<dyn Read + 'a>, DataError> {
    let mut first = [0_u8; 2];
    reader.read_exact(&mut first).map_err(|source| unread(path, source))?;
    let whole = Cursor::new(first).chain(reader);
    Ok(if first == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

fn header(reader: &mut dyn Read, path: &Path) -> Result<Vec<usize>, DataError> {
    let mut word = [0_u8; 4];
    reader.read_exact(&mut word).map_err(|source| unread(path, source))?;
    let [zero_0, zero_1, kind, dimensions] = word;
    if [zero_0, zero_1, kind] != [0, 0, 8] || dimensions == 0 {
        return Err(DataError::format(
            path,
            format!(
                "not an IDX file of unsigned bytes: it begins with {word:02x?}, expected \
                 [00, 00, 08, dimensions]"
            ),
        ));
    }
    if dimensions > MOST_DIMENSIONS {
        let reason = format!("{dimensions} dimensions; at most {MOST_DIMENSIONS} are supported");
        return Err(DataError::format(path, reason));
    }
    let extents = (0..dimensions)
        .map(|_| {
            reader.read_exact(&mut word).map_err(|source| unread(path, source))?;
            Ok(u32::from_be_bytes(word) as usize)
        })
        .collect::<Result<Vec<usize>, DataError>>()?;
    let count =
        extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent.max(1)));
    if count.is_none_or(|count| count > MOST_ELEMENTS) {
        let reason = format!(
            "the header announces {extents:?} elements; at most {MOST_ELEMENTS} are supported: check the \
             file, or remove images from it"
        );
        return Err(DataError::format(path, reason));
    }
    Ok(extents)
}

/// Returns the error of a reader: a damaged file, or an error of the system.
fn unread(path: &Path, source: io::Error) -> DataError {
    match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            DataError::format(path, format!("truncated or damaged IDX file ({source})"))
        }
        _ => DataError::io("read", path, source),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Result<Array, DataError> {
        parse(bytes, Path::new("some-file"))
    }

    fn encode(extents: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, extents.len() as u8];
        bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
        bytes.extend(elements);
        bytes
    }

    #[test]
    fn reads_plain_and_gzipped() {
        let plain = encode(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).unwrap();
        let expected = Array { extents: vec![2, 3], elements: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(parse_bytes(&plain).unwrap(), expected);
        assert_eq!(parse_bytes(&gzip.finish().unwrap()).unwrap(), expected);
    }

    #[test]
    fn names_the_file_and_the_fault() {
        let cases: [(Vec<u8>, &str); 8] = [
            (vec![], "truncated"),
            (vec![0, 0, 8], "truncated"),
            (vec![0, 0, 9, 1, 0, 0, 0, 1, 0], "not an IDX file"),
            (encode(&[2, 2], &[0; 3]), "announces 4 elements [2, 2] but the file has 3"),
            (encode(&[2, 2], &[0; 9]), "has more"),
            (encode(&[u32::MAX; 3], &[0; 9]), "at most 4294967296 are supported"),
            (encode(&[u32::MAX, 0, u32::MAX], &[]), "at most 4294967296 are supported"),
            (encode(&[1; 9], &[0]), "9 dimensions; at most 8"),
        ];
        for (bytes, expected) in cases {
            let message = parse_bytes(&bytes).unwrap_err().to_string();
            assert!(message.starts_with("some-file: ") && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_the_system_refuses_is_not_called_damage() {
        struct Refusing(ErrorKind);
        impl Read for Refusing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
        }
        for (kind, damaged) in [
            (ErrorKind::OutOfMemory, false),
            (ErrorKind::PermissionDenied, false),
            (ErrorKind::UnexpectedEof, true),
        ] {
            for begin in [vec![], encode(&[4], &[1, 2])] {
                let reader = Cursor::new(begin).chain(Refusing(kind));
                let error = parse(reader, Path::new("some-file")).unwrap_err();
                assert!(error.to_string().contains("some-file"), "{error}");
                assert_eq!(error.to_string().contains("damaged"), damaged, "{error}");
                let source = std::error::Error::source(&error).map(ToString::to_string);
                assert_eq!(source.is_some(), !damaged, "{source:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_array_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(array) = parse_bytes(&bytes) {
                prop_assert_eq!(array.extents.iter().product::<usize>(), array.elements.len());
            }
        }

        #[test]
        fn every_truncation_is_an_error(elements in proptest::collection::vec(any::<u8>(), 1..40), cut in 0_usize..8) {
            let bytes = encode(&[elements.len() as u32], &elements);
            let end = bytes.len() - 1 - cut.min(bytes.len() - 1);
            prop_assert!(parse_bytes(&bytes[..end]).is_err());
        }
    }
}
