//! Reads matrices from safetensors files, as `rayclip solve` does.
#![no_main]

use rayclip_fuzz as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for array in rayclip_data::arrays::parse_tensors(bytes, ["a", "y"]).into_iter().flatten() {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        assert!(!array.values.is_empty());
    }
});
