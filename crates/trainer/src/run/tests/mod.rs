//! Runs that are interrupted after every batch, and damaged checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rayclip_data::{Dataset, Split};

use rayclip_run_folder::config::presets::{Layers, Setting, resolve};
use rayclip_run_folder::paths;
use rayclip_run_folder::write::RunFolder;

use super::state::State;
use super::*;
use crate::folder::Found;
use crate::folder::Taken;
use crate::folder::checkpoint::Every;
use crate::folder::checkpoint::Schedule;
use crate::folder::checkpoint::{Checkpoint, HostTensors, Latest};

mod belonging;
mod convolutional;
mod damage;
mod deterministic;
mod files;
mod format;
mod pretrained;

/// Two layers with biases, chunks of two replicas, and networks from scratch.
pub(super) fn config(more: &[&str]) -> RunConfig {
    let settings = [
        "network.hidden=[5, 4]",
        "network.bias=true",
        "replicas=2",
        "training.batch_size=4",
        "training.batches_per_cycle=3",
        "compression.min_width=2",
        "compression.keep=0.6",
        "compression.methods=['dtc', 'taylor', 'scratch']",
        "data.validation=0.2",
    ];
    let settings = settings.iter().chain(more).map(|text| Setting::parse(text).unwrap()).collect();
    resolve(&Layers { settings, ..Layers::default() }).unwrap()
}

pub(super) fn dataset() -> Dataset {
    let split = |count: usize| Split {
        images: (0..count * 6).map(|at| (at * 89 % 251) as u8).collect::<Vec<_>>().into(),
        labels: (0..count).map(|image| (image % 3) as u8).collect(),
    };
    Dataset::new("toy", vec![2, 3], split(25), split(9)).unwrap()
}

/// Interrupts the run after a number of batches.
#[derive(Default)]
pub(super) struct Ending {
    after: Option<usize>,
    interrupter: Interrupter,
    batches: usize,
    pub(super) resumed: Option<usize>,
    pub(super) skipped: Vec<String>,
    /// Replicas that continue, each time one was frozen.
    pub(super) left: Vec<usize>,
}

impl Observer for Ending {
    fn notify(&mut self, event: &Event<'_>) {
        match event {
            Event::Batch { .. } => {
                self.batches += 1;
                if self.after == Some(self.batches) {
                    self.interrupter.interrupt();
                }
            }
            Event::Resumed { batches_done, .. } => self.resumed = Some(*batches_done),
            Event::Diverged { left, .. } => self.left.push(*left),
            Event::CheckpointSkipped { reason, .. } => self.skipped.push((*reason).to_owned()),
            _ => {}
        }
    }
}

pub(super) fn resume(
    config: &RunConfig,
    path: &Path,
    after: Option<usize>,
) -> (Result<Summary, TrainerError>, Ending) {
    let mut ending = Ending { after, ..Ending::default() };
    let result = resume_observed(config, path, ending.interrupter.clone(), &mut ending);
    (result, ending)
}

#[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
pub(super) fn resume_observed(
    config: &RunConfig,
    path: &Path,
    interrupter: Interrupter,
    observer: &mut dyn Observer,
) -> Result<Summary, TrainerError> {
    let Taken::Open(folder) = RunDir::take(path, config).unwrap() else {
        panic!("the run is finished")
    };
    let device = if config.seed == 1 { Device::ndarray() } else { Device::flex() };
    let backend = Backend { device: &device, name: "test" };
    let options = RunOptions {
        at_once: Some(3),
        checkpoints: Schedule { every: Every::Batches(2), keep: 2 },
        interrupter,
        ..RunOptions::default()
    };
    run(config, dataset(), backend, &options, &folder, observer)
}

/// Returns all files but those that contain times.
pub(super) fn files_of(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec!["".into(), "kept".into(), "rays".into(), "checkpoints".into()];
    let names = ["networks", "predictions"];
    let within = |name: &&str| {
        let entries = fs::read_dir(run.join(name)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    folders.extend(names.map(PathBuf::from));
    folders.extend(names.iter().flat_map(within));
    for folder in folders.into_iter().map(|name| run.join(name)) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            // The manifest has the SHA-256 of the others.
            let timed = ["timings.csv", "progress.json", "latency.csv", "manifest.json"];
            let name = entry.file_name();
            if entry.path().is_file() && !timed.iter().any(|timed| name == *timed) {
                files.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
    }
    files.into_iter().map(|(path, b)| (path.strip_prefix(run).unwrap().into(), b)).collect()
}

#[test]
fn a_run_that_was_ended_after_any_batch_ends_as_one_that_was_not() {
    let parent = tempfile::tempdir().unwrap();
    for (device, seed) in [("flex", "seed=0"), ("ndarray", "seed=1")] {
        // On the second device, some replicas stop early: they learn in leaps, and fall below after the first clip.
        let (until, rate) = if device == "flex" { ("0.0", "0.001") } else { ("0.4", "0.1") };
        let until = format!("compression.until_accuracy={until}");
        let config = config(&[seed, &until, &format!("training.learning_rate={rate}")]);
        let whole = parent.path().join(device);
        let (summary, Ending { batches, .. }) = resume(&config, &whole, None);
        let summary = summary.unwrap();
        assert_eq!(summary.outcome, Outcome::Finished);
        let outcomes: Vec<Outcome> = summary.replicas.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes.contains(&Outcome::Stopped), device == "ndarray", "{outcomes:?}");
        assert!(outcomes.contains(&Outcome::Finished), "{outcomes:?}");
        let expected = files_of(&whole);
        assert!(expected.len() >= 25 && batches > 20, "{} files, {batches}", expected.len());
        for after in 1..batches {
            let path = parent.path().join(format!("{device}-{after}"));
            let (summary, _) = resume(&config, &path, Some(after));
            assert_eq!(summary.unwrap().outcome, Outcome::Interrupted);
            let (summary, ending) = resume(&config, &path, None);
            assert_eq!(summary.unwrap().outcome, Outcome::Finished);
            assert_eq!((ending.resumed, ending.batches), (Some(after), batches - after));
            let found = files_of(&path);
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (name, bytes) in &expected {
                assert!(found[name] == *bytes, "{} after batch {after}", name.display());
            }
        }
    }
}

#[test]
fn a_replica_that_diverges_does_so_again() {
    let parent = tempfile::tempdir().unwrap();
    // Every replica diverges at the end of its first cycle.
    let config = config(&["training.learning_rate=1e30"]);
    let path = parent.path().join("run");
    let (first, ending) = resume(&config, &path, None);
    let first = first.unwrap_err().to_string();
    // The last event says that no replica is left.
    assert_eq!(ending.left.last(), Some(&0), "{:?}", ending.left);
    assert!(ending.left.is_sorted_by(|a, b| a >= b), "{:?}", ending.left);
    assert!(matches!(Found::of(&path, &config), Ok(Found::Unfinished)));
    let (again, ending) = resume(&config, &path, None);
    assert!(ending.resumed.is_some());
    assert_eq!(again.unwrap_err().to_string(), first);
}

/// Returns a run with two checkpoints, the second after batch 4.
pub(super) fn interrupted(parent: &Path) -> (RunConfig, PathBuf, Vec<PathBuf>) {
    let config = config(&[]);
    let path = parent.join("run");
    resume(&config, &path, Some(4)).0.unwrap();
    let names = fs::read_dir(path.join("checkpoints")).unwrap();
    let mut names: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    (config, path, names)
}

/// Returns the batches that are done in the checkpoint that is used, and why others are skipped.
pub(super) fn latest(config: &RunConfig, path: &Path) -> (Option<usize>, Vec<String>) {
    let checkpoints = Checkpoints::of(&RunFolder::from(path), Schedule::default());
    let restore = |checkpoint: Checkpoint<State>| {
        checkpoint.state.check(config).map(|()| checkpoint.state.meter.batches_done)
    };
    let Latest { found, skipped } = checkpoints.latest(1 << 20, restore).unwrap();
    (found, skipped.into_iter().map(|skipped| skipped.reason).collect())
}
