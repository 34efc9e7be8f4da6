//! Reading any file ends with a result or with a reason, and needs little memory.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not there")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rayclip_data::{Dataset, LoadOptions, arrays, idx, npy, numpy, table};

#[path = "../../../fuzz/memory.rs"]
mod memory;

/// Returns the reason why the bytes are refused.
type Reader = fn(&[u8]) -> Result<(), String>;

/// The names of the fuzz targets, and their readers.
const READERS: [(&str, Reader); 4] =
    [("idx", read_idx), ("npy", read_npy), ("npz", read_npz), ("safetensors_arrays", read_tensors)];

/// The same for text, which may be whole where it is cut off.
const TEXTS: [(&str, Reader); 1] = [("csv", read_csv)];

fn read_idx(bytes: &[u8]) -> Result<(), String> {
    let array = idx::parse(bytes, Path::new("file")).map_err(|error| error.to_string())?;
    assert_eq!(array.extents.iter().product::<usize>(), array.elements.len());
    Ok(())
}

fn read_npy(bytes: &[u8]) -> Result<(), String> {
    check(&npy::parse(bytes)?);
    Ok(())
}

fn read_tensors(bytes: &[u8]) -> Result<(), String> {
    arrays::parse_tensors(bytes, ["a", "y"])?.iter().for_each(check);
    Ok(())
}

fn read_npz(bytes: &[u8]) -> Result<(), String> {
    let options = LoadOptions { test_fraction: 0.5, ..LoadOptions::default() };
    let data = numpy::parse(bytes, Path::new("file"), &options);
    check_data(&data.map_err(|error| error.to_string())?);
    Ok(())
}

fn read_csv(bytes: &[u8]) -> Result<(), String> {
    let options = LoadOptions { test_fraction: 0.5, ..LoadOptions::default() };
    let data = table::parse(bytes, Path::new("file"), &options);
    check_data(&data.map_err(|error| error.to_string())?);
    Ok(())
}

fn check_data(data: &Dataset) {
    for split in [&data.train, &data.test] {
        assert_eq!(split.images.len(), split.labels.len() * data.pixels());
        assert!(!split.is_empty());
        assert!(split.images.floats().is_none_or(|all| all.iter().all(|value| value.is_finite())));
    }
}

fn check(array: &arrays::Array) {
    assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    assert!(!array.values.is_empty());
}

/// Returns the files of a fuzz target: its `seeds`, or the crashes that were `found`.
fn files(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn what_a_fuzzer_found_is_answered() {
    for (target, read) in READERS.into_iter().chain(TEXTS) {
        for (path, bytes) in files("found", target) {
            if let Err(reason) = read(&bytes) {
                assert!(!reason.is_empty(), "{}", path.display());
            }
        }
    }
}

#[test]
fn a_file_is_read_whole_and_no_truncation_of_it_is() {
    for (target, read) in READERS {
        let seeds = files("seeds", target);
        assert!(!seeds.is_empty(), "{target}");
        for (path, bytes) in seeds {
            assert_eq!(read(&bytes), Ok(()), "{}", path.display());
            for end in 0..bytes.len() {
                let reason = read(&bytes[..end]).expect_err(&path.display().to_string());
                assert!(!reason.is_empty(), "{} until {end}", path.display());
            }
        }
    }
}

#[test]
fn one_wrong_byte_anywhere_is_answered() {
    for (target, read) in READERS.into_iter().chain(TEXTS) {
        for (_, bytes) in files("seeds", target) {
            for index in 0..bytes.len() {
                let mut bytes = bytes.clone();
                for _ in 0..255 {
                    bytes[index] = bytes[index].wrapping_add(1);
                    // An error has a message; an array is checked.
                    assert!(read(&bytes).err().is_none_or(|reason| !reason.is_empty()));
                }
            }
        }
    }
}

/// Numbers with which products, sums and casts overflow.
fn extent() -> impl Strategy<Value = u64> {
    let powers = (0_u32..64).prop_map(|power| 1_u64 << power);
    prop_oneof![0_u64..4, powers, any::<u64>(), Just(u64::MAX), Just(u64::from(u32::MAX))]
}

fn shape() -> impl Strategy<Value = String> {
    let extents = proptest::collection::vec(extent(), 0..6);
    extents.prop_map(|all| all.iter().map(u64::to_string).collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let beginnings: [&[u8]; 8] = [
            b"",
            b"a,label\n",
            b"PK\x05\x06\0\0\0\0",
            b"\x00\x00\x08\x02",
            b"\x1f\x8b\x08\x00",
            b"\x93NUMPY\x01\x00",
            b"\x93NUMPY\x02\x00",
            b"\x40\0\0\0\0\0\0\0{\"a\":",
        ];
        for beginning in beginnings {
            let bytes = [beginning, &bytes].concat();
            for (_, read) in READERS.into_iter().chain(TEXTS) {
                let _ = read(&bytes);
            }
        }
    }

    #[test]
    fn a_header_of_any_extents_is_answered(
        extents in proptest::collection::vec(extent(), 0..12),
        data in proptest::collection::vec(any::<u8>(), 0..32),
    ) {
        let mut bytes = vec![0, 0, 8, extents.len() as u8];
        bytes.extend(extents.iter().flat_map(|extent| (*extent as u32).to_be_bytes()));
        bytes.extend(&data);
        let _ = read_idx(&bytes);
    }

    #[test]
    fn a_npy_header_of_any_shape_is_answered(
        shape in shape(),
        descr in "(<f8|>f4|<f4|[|]O|<i8|[|]V[0-9]{1,20}|.{0,8})",
        order in "(True|False|None|1)",
        size in 0_usize..40,
    ) {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape},)}}");
        let length = (header.len() as u16).to_le_bytes();
        let bytes = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; size]].concat();
        let _ = read_npy(&bytes);
    }

    #[test]
    fn any_table_is_answered(text in "a,(label|b|\"c\")\n(([0-9.eE+-]{0,5}|nan|inf|\"[^\"]{0,4}\"?|x)[,\n]{1,2}){0,12}") {
        let _ = read_csv(text.as_bytes());
    }

    #[test]
    fn a_tensor_of_any_extents_is_answered(
        shape in shape(),
        dtype in "(F64|F32|F16|I64|U8|F4|BOOL|X)",
        (begin, end) in (extent(), extent()),
        size in 0_usize..40,
    ) {
        let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{begin},{end}]}}}}"#);
        let length = (header.len() as u64).to_le_bytes();
        let _ = read_tensors(&[&length, header.as_bytes(), &vec![0; size]].concat());
    }
}

#[test]
fn nested_and_repeated_text_is_answered() {
    for part in ["[", "{\"a\":", "(", "{'descr':", "1,", "'", "\"a\":1,"] {
        let text = part.repeat(60_000 / part.len());
        for header in [text.clone(), format!("{{{text}")] {
            let long = (header.len() as u64).to_le_bytes();
            assert!(read_tensors(&[&long[..], header.as_bytes()].concat()).is_err());
            let magic = b"\x93NUMPY\x02\x00";
            assert!(read_npy(&[magic, &long[..4], header.as_bytes()].concat()).is_err());
        }
    }
}
