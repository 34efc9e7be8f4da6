#![no_main]

use rayclip_fuzz as _;
libfuzzer_sys::fuzz_target!(|_bytes: &[u8]| {});
