//! Reads NumPy's .npz files as data sets.
#![no_main]

use std::path::Path;

use rayclip_fuzz as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = rayclip_data::LoadOptions::default();
    if let Ok(data) = rayclip_data::numpy::parse(bytes, Path::new("file"), &options) {
        assert_eq!(data.train.images.len(), data.train.len() * data.pixels());
    }
});
