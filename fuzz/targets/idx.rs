//! Reads IDX files, gzipped or not.
#![no_main]

use std::path::Path;

use rayclip_fuzz as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = rayclip_data::idx::parse(bytes, Path::new("file")) {
        assert_eq!(array.extents.iter().product::<usize>(), array.elements.len());
    }
});
