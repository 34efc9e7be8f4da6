//! Reads an ONNX file, as a network too, finds its groups, clips them, and reads it again.
#![no_main]

use std::collections::BTreeMap;

use rayclip_fuzz as _;
use rayclip_onnx::{Analysis, Kept, decode, encode, retie, untie};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut model) = decode(bytes.to_vec()) else { return };
    let copies = untie(&mut model);
    let bound = BTreeMap::new();
    let analysis = Analysis::of(&model, &bound, &copies);
    if let Ok(mut network) = rayclip_formats::onnx::import(&model, &analysis) {
        rayclip_formats::fold_batch_norms(&mut network.graph, &mut network.tensors);
    }
    let free = analysis.free();
    let graph = model.graph.clone().unwrap_or_default();
    let _weights_may_be_wrong = analysis.weights(&graph, &free);
    let half = |group: &usize| (*group, (0..analysis.groups()[*group].width).step_by(2).collect());
    let kept: Kept = free.iter().map(half).collect();
    if analysis.clip(&mut model, &kept).is_ok() {
        retie(&mut model, &copies);
        let again = encode(&model).and_then(decode);
        assert!(again.is_ok(), "{again:?}");
    }
});
