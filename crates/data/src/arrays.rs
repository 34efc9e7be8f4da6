//! Arrays of numbers in safetensors files.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::text::plain;
use crate::{DataError, read_whole};

/// The most bytes of a file with arrays that are read, 4 GiB.
pub const MOST_BYTES: u64 = 1 << 32;

/// The most bytes of a header: those of a hundred thousand tensors. What it is parsed into takes ten times
/// as much.
const MOST_HEADER_BYTES: u64 = 16 << 20;

/// Names that a message shows.
const SHOWN: usize = 10;

/// An array, row-major, in f64 whatever it was in. It has one number at least.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The extents, outermost first; none of a single number.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f64>,
    /// Whether it was stored in f64.
    pub double: bool,
}

/// The tensors of these names from the file `path`.
///
/// # Errors
/// The file cannot be read, is no safetensors file, lacks one of them, or holds none or other numbers than
/// f32 and f64.
pub fn read_tensors<const N: usize>(
    path: &Path,
    names: [&str; N],
) -> Result<[Array; N], DataError> {
    let bytes = read_whole(path, MOST_BYTES).map_err(|error| DataError::io("read", path, error))?;
    parse_tensors(&bytes, names).map_err(|reason| DataError::format(path, reason))
}

/// As [`read_tensors`], from the bytes of a file.
///
/// # Errors
/// What is wrong, without the name of the file.
pub fn parse_tensors<const N: usize>(bytes: &[u8], names: [&str; N]) -> Result<[Array; N], String> {
    let file = tensors(bytes)?;
    let arrays: Vec<Array> =
        names.into_iter().map(|name| tensor(&file, name)).collect::<Result<_, _>>()?;
    arrays.try_into().map_err(|_| "there is not one array a name".to_owned())
}

/// The tensors of a safetensors file; nothing is copied.
///
/// # Errors
/// What is wrong with it, without the name of the file.
pub fn tensors(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if length > MOST_HEADER_BYTES {
        return Err(format!(
            "not a safetensors file: its header has {length} bytes; at most {MOST_HEADER_BYTES} are read"
        ));
    }
    SafeTensors::deserialize(bytes)
        .map_err(|error| plain(&format!("not a safetensors file, or a damaged one ({error})")))
}

/// One tensor as numbers.
///
/// # Errors
/// There is none of this name, it is empty, or of another type than f32 and f64.
pub fn tensor(file: &SafeTensors<'_>, name: &str) -> Result<Array, String> {
    let Ok(view) = file.tensor(name) else {
        let mut names = file.names();
        names.sort_unstable();
        let more = if names.len() > SHOWN { ", …" } else { "" };
        names.truncate(SHOWN);
        return Err(plain(&format!("no tensor {name}; it has: {}{more}", names.join(", "))));
    };
    let (shape, double) = (view.shape().to_vec(), view.dtype() == Dtype::F64);
    let values = match view.dtype() {
        // Two extents of 2⁶³ and one of 0 are no number, and nothing that could be looped over.
        _ if shape.contains(&0) => return Err(format!("{name} has shape {shape:?}: no number")),
        Dtype::F32 => singles(&view),
        Dtype::F64 => doubles(&view),
        other => return Err(format!("{name} holds {other:?}; expected F32 or F64")),
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
            (u64::MAX.to_le_bytes().to_vec(), "at most 16777216 are read"),
            ((17_u64 << 20).to_le_bytes().to_vec(), "at most 16777216 are read"),
            (file("[]", &[]), "not a safetensors file"),
            (file(&"[".repeat(100_000), &[]), "not a safetensors file"),
            (file("{}", &[0]), "not a safetensors file"),
            (file("{}", &[]), "no tensor a"),
            (one("I64", "[1]", 8), "a holds I64; expected F32 or F64"),
            (one("F64", &format!("[0, {half}]"), 0), "no number"),
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
