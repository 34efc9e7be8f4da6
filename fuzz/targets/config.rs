//! Reads a configuration, and a grid.
#![no_main]

use std::sync::LazyLock;

use rayclip_fuzz::{folder, write_parts};
use rayclip_run_folder::config::grid::Grid;
use rayclip_run_folder::presets::{Layers, resolve};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(folder);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [file] = write_parts(FOLDER.path(), ["config.toml"], bytes);
    if let Ok(config) = resolve(&Layers { file: Some(&file), ..Layers::default() }) {
        let ladder = rayclip_run_folder::ladder(&config);
        assert!(!ladder.is_empty() && ladder.iter().flatten().all(|width| *width >= 1));
        config.validate().unwrap();
    }
    if let Ok(cells) = Grid::read(&file).and_then(|grid| grid.cells(None, &[])) {
        assert!(!cells.is_empty());
        for cell in cells {
            cell.config.validate().unwrap();
        }
    }
});
