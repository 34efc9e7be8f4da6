//! Reads a run folder and a recorded run in it, and computes everything that a report needs.
#![no_main]

use std::sync::LazyLock;

use rayclip_fuzz::{folder, write_parts};
use rayclip_report::{
    Facts, Measure, Recorded, Run, closing_table, differences_table, estimates_table, last_rays,
    missing, verdict_sentence,
};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = folder();
    std::fs::create_dir(folder.path().join("rays")).unwrap();
    folder
});

const NAMES: [&str; 9] = [
    "cycles.csv",
    "timings.csv",
    "progress.json",
    "summary.json",
    "config.toml",
    "latency.csv",
    "accuracy.csv",
    "measurements.safetensors",
    "rays/cycle_00.safetensors",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    write_parts(FOLDER.path(), NAMES, bytes);
    let _ = Recorded::read(FOLDER.path());
    let Ok((run, mut gaps)) = Run::read_what_is_there(FOLDER.path()) else { return };
    closing_table(&run).to_terminal();
    last_rays(&run, &mut gaps);
    let folders = [FOLDER.path().to_path_buf()];
    let Ok(facts) = Facts::gather(&folders, None, None) else { return };
    missing(&facts);
    if let Some(comparison) = &facts.comparison {
        comparison.statistics();
        for measure in Measure::ALL {
            estimates_table(comparison, measure);
            differences_table(comparison, measure, 0);
            verdict_sentence(comparison, measure, 0);
        }
    }
});
