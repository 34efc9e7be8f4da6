//! Reads a checkpoint, without a check of its SHA-256.
#![no_main]

use std::sync::LazyLock;

use rayclip_run_folder::RunConfig;
use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

static CONFIG: LazyLock<RunConfig> = LazyLock::new(|| {
    let settings = [
        "data.normalization=training-pixels",
        "network.hidden=[5, 4]",
        "network.bias=true",
        "replicas=2",
        "training.batches_per_cycle=3",
        "compression.min_width=2",
        "compression.keep=0.6",
        "compression.methods=['dtc', 'taylor', 'scratch']",
    ];
    let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
    resolve(&Layers { settings, ..Layers::default() }).unwrap()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = rayclip_trainer::check_checkpoint(bytes, &CONFIG);
});
