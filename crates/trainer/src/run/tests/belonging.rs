//! Which run a checkpoint belongs to, and how far a file is trusted.

use std::fs;

use rayclip_run_folder::{Outcome, RunConfig};

use super::damage::forge;
use super::*;
use crate::error::TrainerError;
use crate::folder::Found;

/// Edits of `config.toml` that do not change the shape of the checkpoint.
const EDITS: [&str; 18] = [
    "seed=9",
    "preset=paper",
    "training.learning_rate=0.5",
    "training.batch_size=5",
    "training.loss=batch-axis",
    "training.order=sequential",
    "training.moments=reset",
    "compression.lambda=0.9",
    "compression.clip=largest",
    "compression.domain=coefficient",
    "compression.reduction=l2",
    "compression.compensate=true",
    "compression.calibration_batches=7",
    "measurement.ratio=0.2",
    "solver.tolerance=1e-3",
    "evaluation.accuracy=mean-of-batches",
    "data.validation=0.3",
    "data.mean=0.7",
];

/// Returns the configuration with one key edited, as in its file.
fn edited(original: &RunConfig, edit: &str) -> RunConfig {
    let (key, value) = edit.split_once('=').unwrap();
    let mut table = toml::Table::try_from(original).unwrap();
    let value = value.parse().unwrap_or_else(|_| toml::Value::String(value.into()));
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let of_key = if section.is_empty() {
        &mut table
    } else {
        table.get_mut(section).unwrap().as_table_mut().unwrap()
    };
    assert_ne!(of_key.insert(name.into(), value.clone()), Some(value), "{edit}");
    table.try_into().unwrap()
}

#[test]
fn an_edited_configuration_is_refused_by_the_key_and_nothing_is_touched() {
    let parent = tempfile::tempdir().unwrap();
    let (original, path, _) = interrupted(parent.path());
    let file = path.join("config.toml");
    let before = fs::read(&file).unwrap();
    for edit in EDITS {
        let config = edited(&original, edit);
        fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
        let held = files_of(&path);
        let refused = resume(&config, &path, None).0.unwrap_err();
        assert!(matches!(refused, TrainerError::OtherConfiguration { .. }), "{edit}: {refused}");
        let (key, message) = (edit.split('=').next().unwrap(), refused.to_string());
        assert!(message.contains(&format!(": {key} (")), "{edit}: {message}");
        assert!(message.contains("checkpoints/") && message.contains("config.toml"), "{message}");
        assert!(files_of(&path) == held, "{edit}");
    }
    // A key that no result depends on may change. An edit can be undone.
    fs::write(&file, before).unwrap();
    let (summary, ending) = resume(&original, &path, None);
    assert_eq!((summary.unwrap().outcome, ending.resumed), (Outcome::Finished, Some(4)));
}

#[test]
fn the_place_of_the_images_may_change() {
    let parent = tempfile::tempdir().unwrap();
    let (original, path, _) = interrupted(parent.path());
    let moved = edited(&original, "data.source=/another/place");
    fs::write(path.join("config.toml"), toml::to_string(&moved).unwrap()).unwrap();
    let (summary, ending) = resume(&moved, &path, None);
    assert_eq!((summary.unwrap().outcome, ending.resumed), (Outcome::Finished, Some(4)));
}

#[test]
fn a_checkpoint_of_another_run_is_refused_though_its_own_are_there() {
    let parent = tempfile::tempdir().unwrap();
    let (original, path, names) = interrupted(parent.path());
    let another = config(&["training.learning_rate=0.02"]);
    let foreign = parent.path().join("another");
    resume(&another, &foreign, Some(4)).0.unwrap();
    let theirs = fs::read_dir(foreign.join("checkpoints")).unwrap().next().unwrap().unwrap();
    let checkpoint = Checkpoint::decode(&fs::read(theirs.path()).unwrap()).unwrap();
    forge(&path, &checkpoint);
    let held = files_of(&path);
    let message = resume(&original, &path, None).0.unwrap_err().to_string();
    let both = "training.learning_rate (0.001 in config.toml, 0.02 in the checkpoint)";
    assert!(message.contains(both), "{message}");
    assert!(files_of(&path) == held && names.iter().all(|name| name.exists()));
    assert_eq!(Found::of(&path, &original).unwrap(), Found::Unfinished);
}

#[test]
fn a_file_larger_than_any_checkpoint_of_the_run_is_left_unread() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, _) = interrupted(parent.path());
    // Sparse files: one takes no room on the disk, but would take gigabytes of memory.
    let large = path.join("checkpoints").join(format!("98.{}.safetensors", "0".repeat(64)));
    let sparse = |path: &std::path::Path, bytes: u64| {
        fs::File::create(path).unwrap().set_len(bytes).unwrap();
    };
    sparse(&large, 6 << 30);
    let (batches, skipped) = latest(&config, &path);
    assert_eq!(batches, Some(4));
    assert!(skipped[0].contains("6442450944 bytes") && skipped[0].contains("at most 1048576"));
    // A file whose size fits is hashed, and skipped if its content does not match its name.
    let wrong = path.join("checkpoints").join(format!("99.{}.safetensors", "0".repeat(64)));
    sparse(&wrong, 1 << 19);
    let (batches, skipped) = latest(&config, &path);
    assert!(batches == Some(4) && skipped[0].contains("damaged"), "{skipped:?}");
    assert!(wrong.exists() && large.exists(), "nothing is removed before the run continues");
    let (summary, ending) = resume(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert!(ending.skipped[1].contains("6442450944 bytes"), "{:?}", ending.skipped);
}

#[test]
fn a_run_that_cannot_be_timed_says_so_in_its_summary() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path) = (config(&[]), parent.path().join("run"));
    resume(&config, &path, Some(4)).0.unwrap();
    // No file can be renamed onto a folder that is not empty.
    fs::create_dir_all(path.join("latency.csv/not empty")).unwrap();
    let summary = resume(&config, &path, None).0.unwrap();
    assert_eq!(summary.outcome, Outcome::Finished);
    assert_eq!(summary.without.len(), 1);
    assert!(summary.without[0].starts_with("latency.csv: cannot write "), "{summary:?}");
    let written = fs::read_to_string(path.join("summary.json")).unwrap();
    assert!(written.contains("\"without\"") && written.contains("latency.csv: "), "{written}");
    // If nothing failed, the key is missing.
    let whole = parent.path().join("whole");
    resume(&config, &whole, None).0.unwrap();
    assert!(whole.join("latency.csv").is_file());
    assert!(!fs::read_to_string(whole.join("summary.json")).unwrap().contains("without"));
}
