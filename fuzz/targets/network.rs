//! Reads a saved network: its description and its weights.
#![no_main]

use std::sync::LazyLock;

use burn::tensor::Device;
use rayclip_fuzz::{folder, write_parts};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(folder);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let names = ["network.json", "network.safetensors"];
    let [description, weights] = write_parts(FOLDER.path(), names, bytes);
    if let Ok((network, found)) = rayclip_model::load(&weights, &description, &Device::flex()) {
        assert_eq!((network.graph(), network.replicas()), (&found.graph, found.replicas));
        assert_eq!(found.image_shape.iter().product::<usize>(), found.graph.input.channels);
    }
});
