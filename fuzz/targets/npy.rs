//! Reads NumPy's .npy files.
#![no_main]

use rayclip_fuzz as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = rayclip_data::npy::parse(bytes) {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        assert!(!array.values.is_empty());
    }
});
