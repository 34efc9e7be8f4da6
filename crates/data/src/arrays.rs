//! Reads arrays of numbers from safetensors files.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo, TensorView};

use crate::error::DataError;
use crate::stream::{self, Words};
use crate::text::plain;

/// The most bytes of a file with arrays that is read completely, 4 GiB.
pub const MOST_BYTES: u64 = 1 << 32;

/// The most bytes of a header, enough for a hundred thousand tensors. The parsed header takes ten times as much memory.
const MOST_HEADER_BYTES: u64 = 16 << 20;

/// The most names that a message shows.
const SHOWN: usize = 10;

/// An array of numbers, row-major, in f64 for any stored type. It has at least one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The extents, outermost first. A single number has none.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f64>,
    /// Whether it was stored in f64.
    pub double: bool,
}

/// A safetensors file. The header is read first, and the numbers later.
pub struct TensorFile<R> {
    source: R,
    /// The position of the first number.
    start: u64,
    metadata: Metadata,
}

impl TensorFile<File> {
    /// Reads the header of the file `path`, but no numbers.
    ///
    /// # Errors
    /// The file cannot be read, or is not a safetensors file.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let wrong = |error| DataError::io("read", path, error);
        let file = crate::whole::open(path).map_err(wrong)?;
        let length = file.metadata().map_err(wrong)?.len();
        Self::of(file, length).map_err(|reason| DataError::format(path, reason))
    }
}

impl<R: Read + Seek> TensorFile<R> {
    /// Reads the header of a source with this many bytes.
    ///
    /// # Errors
    /// The reason, without the name of the file.
    fn of(mut source: R, length: u64) -> Result<Self, String> {
        const NOT_ONE: &str = "not a safetensors file, or a damaged one";
        let mut bytes = [0; 8];
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("{NOT_ONE} (it ends in its header)"),
            _ => stream::reason(&error),
        };
        source.read_exact(&mut bytes).map_err(failed)?;
        let of_header = u64::from_le_bytes(bytes);
        check_header(of_header)?;
        let mut header = vec![0; of_header as usize];
        source.read_exact(&mut header).map_err(failed)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| plain(&format!("{NOT_ONE} ({error})")))?;
        let start = 8 + of_header;
        let (announced, there) = (metadata.data_len() as u64, length.saturating_sub(start));
        if announced != there {
            return Err(format!(
                "{NOT_ONE} (its header announces {announced} bytes, but {there} follow it)"
            ));
        }
        Ok(Self { source, start, metadata })
    }

    /// Whether there is a tensor with this name.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// Returns the extents of a tensor.
    ///
    /// # Errors
    /// There is no tensor with this name, or it is empty, has another type than f32 and f64, or has more numbers than a
    /// problem can have.
    pub fn shape(&self, name: &str) -> Result<&[usize], String> {
        self.info(name).map(|info| info.shape.as_slice())
    }

    /// Returns the position of a tensor of bytes in the file, and its length.
    pub(crate) fn bytes(&self, name: &str) -> Option<(u64, usize)> {
        let info = self.metadata.info(name).filter(|info| info.dtype == Dtype::U8)?;
        let (begin, end) = info.data_offsets;
        Some((self.start + begin as u64, end - begin))
    }

    /// Returns an entry of the metadata.
    pub(crate) fn entry(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, String> {
        let Some(info) = self.metadata.info(name) else {
            return Err(lacks(name, self.metadata.offset_keys()));
        };
        if !matches!(info.dtype, Dtype::F32 | Dtype::F64) {
            return Err(format!("{name} has the type {:?}; expected F32 or F64", info.dtype));
        }
        // A shape with two extents of 2⁶³ and one of 0 has no numbers, but its loops would not end.
        if info.shape.contains(&0) {
            return Err(format!("{name} has shape {:?}: it is empty", info.shape));
        }
        let words = Words { double: info.dtype == Dtype::F64, big_endian: false };
        stream::check_count((info.data_offsets.1 - info.data_offsets.0) / words.size())
            .map_err(|reason| format!("{name} has {reason}"))?;
        Ok(info)
    }

    /// Reads one tensor.
    ///
    /// # Errors
    /// As [`Self::shape`], or the source fails, or there is not enough memory.
    pub fn read(&mut self, name: &str) -> Result<Array, String> {
        let info = self.info(name)?;
        let (shape, (begin, end)) = (info.shape.clone(), info.data_offsets);
        let words = Words { double: info.dtype == Dtype::F64, big_endian: false };
        let at = SeekFrom::Start(self.start + begin as u64);
        self.source.seek(at).map_err(|error| stream::reason(&error))?;
        let values = words.read(&mut self.source, (end - begin) / words.size(), |at| at)?;
        Ok(Array { shape, values, double: words.double })
    }
}

/// Reads the tensors with these names from the file `path`.
///
/// # Errors
/// The file cannot be read, is not a safetensors file, or lacks a tensor; or a tensor is empty or has another type than
/// f32 and f64.
pub fn read_tensors<const N: usize>(
    path: &Path,
    names: [&str; N],
) -> Result<[Array; N], DataError> {
    let mut file = TensorFile::open(path)?;
    read_named(&mut file, names).map_err(|reason| DataError::format(path, reason))
}

/// As [`read_tensors`], from the bytes of a file.
///
/// # Errors
/// The reason, without the name of the file.
pub fn parse_tensors<const N: usize>(bytes: &[u8], names: [&str; N]) -> Result<[Array; N], String> {
    let mut file = TensorFile::of(Cursor::new(bytes), bytes.len() as u64)?;
    read_named(&mut file, names)
}

fn read_named<R: Read + Seek, const N: usize>(
    file: &mut TensorFile<R>,
    names: [&str; N],
) -> Result<[Array; N], String> {
    let arrays: Vec<Array> =
        names.into_iter().map(|name| file.read(name)).collect::<Result<_, _>>()?;
    arrays.try_into().map_err(|_| "there is not one array per name".to_owned())
}

/// Checks the length of a header.
///
/// # Errors
/// The header is too long.
fn check_header(length: u64) -> Result<(), String> {
    if length <= MOST_HEADER_BYTES {
        Ok(())
    } else if length.to_le_bytes().starts_with(b"\x93NUMPY") {
        Err("not a safetensors file but a .npy file, which has one array: name one file for each array"
            .into())
    } else {
        Err(format!(
            "not a safetensors file: its header has {length} bytes; at most {MOST_HEADER_BYTES} are supported"
        ))
    }
}

fn lacks(name: &str, mut names: Vec<String>) -> String {
    names.sort_unstable();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    plain(&format!("no tensor {name}; it has: {}{more}", names.join(", ")))
}

/// Returns the tensors of a safetensors file, without a copy.
///
/// # Errors
/// The reason, without the name of the file.
pub fn tensors(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    check_header(length)?;
    SafeTensors::deserialize(bytes)
        .map_err(|error| plain(&format!("not a safetensors file, or a damaged one ({error})")))
}

/// Returns one tensor as numbers.
///
/// # Errors
/// There is no tensor with this name, it is empty, or it has another type than f32 and f64.
pub fn tensor(file: &SafeTensors<'_>, name: &str) -> Result<Array, String> {
    let Ok(view) = file.tensor(name) else {
        return Err(lacks(name, file.names().into_iter().map(ToString::to_string).collect()));
    };
    let (shape, double) = (view.shape().to_vec(), view.dtype() == Dtype::F64);
    let values = match view.dtype() {
        // A shape with two extents of 2⁶³ and one of 0 has no numbers, but its loops would not end.
        _ if shape.contains(&0) => return Err(format!("{name} has shape {shape:?}: it is empty")),
        Dtype::F32 => singles(&view),
        Dtype::F64 => doubles(&view),
        other => return Err(format!("{name} has the type {other:?}; expected F32 or F64")),
    };
    Ok(Array { shape, values, double })
}

fn singles(view: &TensorView<'_>) -> Vec<f64> {
    view.data().as_chunks().0.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect()
}

fn doubles(view: &TensorView<'_>) -> Vec<f64> {
    view.data().as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a file with this header.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn reason(bytes: &[u8]) -> String {
        parse_tensors(bytes, ["a"]).unwrap_err()
    }

    #[test]
    fn numbers_of_both_types_are_read() {
        let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "y":{"dtype":"F64","shape":[1,1],"data_offsets":[8,16]}}"#;
        let data = [&1.5_f32.to_le_bytes()[..], &2_f32.to_le_bytes(), &0.1_f64.to_le_bytes()];
        let [a, y] = parse_tensors(&file(header, &data.concat()), ["a", "y"]).unwrap();
        assert_eq!(a, Array { shape: vec![2], values: vec![1.5, 2.0], double: false });
        assert_eq!(y, Array { shape: vec![1, 1], values: vec![0.1], double: true });
    }

    #[test]
    fn what_is_no_array_of_numbers_is_named() {
        let one = |dtype: &str, shape: &str, bytes: usize| {
            let name = r"\u001b[2J";
            let header = format!(
                r#"{{"{name}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}},
                "a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{bytes}]}}}}"#
            );
            file(&header, &vec![0; bytes])
        };
        let half = (1_u64 << 63) - 1;
        let cases = [
            (vec![], "not a safetensors file"),
            (u64::MAX.to_le_bytes().to_vec(), "at most 16777216 are supported"),
            ((17_u64 << 20).to_le_bytes().to_vec(), "at most 16777216 are supported"),
            (file("[]", &[]), "not a safetensors file"),
            (file(&"[".repeat(100_000), &[]), "not a safetensors file"),
            (file("{}", &[0]), "not a safetensors file"),
            (file("{}", &[]), "no tensor a"),
            (one("I64", "[1]", 8), "a has the type I64; expected F32 or F64"),
            (one("F64", &format!("[0, {half}]"), 0), "it is empty"),
            (one("F64", &format!("[{half}, {half}]"), 8), "not a safetensors file"),
            (one("F64", "[2]", 8), "not a safetensors file"),
            (one("F99", "[1]", 8), "not a safetensors file"),
        ];
        for (bytes, expected) in cases {
            let reason = reason(&bytes);
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
        let names = parse_tensors(&one("F32", "[1]", 4), ["b"]).unwrap_err();
        assert!(names.contains("it has: \u{fffd}[2J, a"), "{names}");
    }

    #[test]
    fn a_sparse_file_is_measured_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        let sparse = |bytes: &[u8], length: u64| {
            std::fs::write(&path, bytes).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        };
        // The file has only zeros: a header without bytes.
        sparse(&[], 1 << 40);
        let message = TensorFile::open(&path).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("not a safetensors file"), "{message}");
        // It has as many numbers as it announces, more than any problem has.
        let numbers = 1_u64 << 36;
        let bytes = 4 * numbers;
        let header =
            format!(r#"{{"a":{{"dtype":"F32","shape":[{numbers}],"data_offsets":[0,{bytes}]}}}}"#);
        sparse(&file(&header, &[]), 8 + header.len() as u64 + bytes);
        let message = read_tensors(&path, ["a"]).unwrap_err().to_string();
        assert!(message.contains("68719476736 numbers in one array; at most"), "{message}");
        // The shape is enough here: no number is read.
        let bytes = 8 << 20;
        let header = format!(
            r#"{{"a":{{"dtype":"F64","shape":[2,{}],"data_offsets":[0,{bytes}]}}}}"#,
            1 << 19
        );
        sparse(&file(&header, &[]), 8 + header.len() as u64 + bytes);
        assert_eq!(TensorFile::open(&path).unwrap().shape("a").unwrap(), [2, 1 << 19]);
        // This one ends too soon.
        sparse(&file(&header, &[]), 8 + header.len() as u64 + bytes - 1);
        assert!(TensorFile::open(&path).is_err());
    }

    #[test]
    fn the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        std::fs::write(&path, file("{}", &[])).unwrap();
        let message = read_tensors(&path, ["a"]).unwrap_err().to_string();
        assert!(message.contains("p.safetensors: no tensor a"), "{message}");
        let message = read_tensors(folder.path(), ["a"]).unwrap_err().to_string();
        assert!(message.starts_with("cannot read "), "{message}");
    }
}
