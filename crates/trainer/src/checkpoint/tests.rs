//! Runs that are ended after every batch, and checkpoints that are damaged in every place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rayclip_data::{Dataset, Split};

use super::*;
use crate::presets::{Layers, Setting, resolve};
use crate::{
    Backend, Conduct, Event, Found, Observer, Outcome, RunConfig, RunDir, Summary, TrainerError,
};

/// Clips of two layers with biases, in chunks of two, and networks from scratch.
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
        images: (0..count * 6).map(|at| (at * 89 % 251) as u8).collect(),
        labels: (0..count).map(|image| (image % 3) as u8).collect(),
    };
    Dataset::new("toy", vec![2, 3], split(25), split(9)).unwrap()
}

/// Ends the run after a number of batches.
#[derive(Default)]
pub(super) struct Ending {
    after: Option<usize>,
    batches: usize,
    pub(super) resumed: Option<usize>,
    pub(super) skipped: Vec<String>,
    /// Replicas that go on, whenever one was frozen.
    pub(super) left: Vec<usize>,
}

impl Observer for Ending {
    fn notify(&mut self, event: &Event<'_>) {
        match event {
            Event::Batch { .. } => self.batches += 1,
            Event::Resumed { batches_done, .. } => self.resumed = Some(*batches_done),
            Event::Diverged { left, .. } => self.left.push(*left),
            Event::CheckpointSkipped { reason, .. } => self.skipped.push((*reason).to_owned()),
            _ => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.after.is_some_and(|after| self.batches >= after)
    }
}

#[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
pub(super) fn go_on(
    config: &RunConfig,
    path: &Path,
    after: Option<usize>,
) -> (Result<Summary, TrainerError>, Ending) {
    let folder = match RunDir::find(path, config).unwrap() {
        Found::Nothing => RunDir::create(path, config).unwrap(),
        _ => RunDir::open(path, config).unwrap(),
    };
    let device = if config.seed == 1 { Device::ndarray() } else { Device::flex() };
    let backend = Backend { device: &device, name: "test" };
    let checkpoints = Schedule { every: Every::Batches(2), keep: 2 };
    let conduct = Conduct { at_once: Some(3), checkpoints, ..Conduct::default() };
    let mut ending = Ending { after, ..Ending::default() };
    let result = crate::run(config, dataset(), backend, conduct, &folder, &mut ending);
    (result, ending)
}

/// All files but those that tell of time.
pub(super) fn files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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
            // The manifest has their SHA-256.
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
        // On the second, some replicas stop on the way: they learn in leaps, and are below after the first clip.
        let (until, rate) = if device == "flex" { ("0.0", "0.001") } else { ("0.4", "0.1") };
        let until = format!("compression.until_accuracy={until}");
        let config = config(&[seed, &until, &format!("training.learning_rate={rate}")]);
        let whole = parent.path().join(device);
        let (summary, Ending { batches, .. }) = go_on(&config, &whole, None);
        let summary = summary.unwrap();
        assert_eq!(summary.outcome, Outcome::Finished);
        let outcomes: Vec<Outcome> = summary.replicas.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes.contains(&Outcome::Stopped), device == "ndarray", "{outcomes:?}");
        assert!(outcomes.contains(&Outcome::Finished), "{outcomes:?}");
        let expected = files(&whole);
        assert!(expected.len() >= 25 && batches > 20, "{} files, {batches}", expected.len());
        for after in 1..batches {
            let path = parent.path().join(format!("{device}-{after}"));
            let (summary, _) = go_on(&config, &path, Some(after));
            assert_eq!(summary.unwrap().outcome, Outcome::Interrupted);
            let (summary, ending) = go_on(&config, &path, None);
            assert_eq!(summary.unwrap().outcome, Outcome::Finished);
            assert_eq!((ending.resumed, ending.batches), (Some(after), batches - after));
            let found = files(&path);
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
    // Every replica diverges, at the end of its first cycle.
    let config = config(&["training.learning_rate=1e30"]);
    let path = parent.path().join("run");
    let (first, ending) = go_on(&config, &path, None);
    let first = first.unwrap_err().to_string();
    // The last to be frozen are told that nobody is left.
    assert_eq!(ending.left.last(), Some(&0), "{:?}", ending.left);
    assert!(ending.left.is_sorted_by(|a, b| a >= b), "{:?}", ending.left);
    assert!(matches!(RunDir::find(&path, &config), Ok(Found::Unfinished)));
    let (again, ending) = go_on(&config, &path, None);
    assert!(ending.resumed.is_some());
    assert_eq!(again.unwrap_err().to_string(), first);
}

/// A run with two checkpoints, the second after batch 4.
pub(super) fn interrupted(parent: &Path) -> (RunConfig, PathBuf, Vec<PathBuf>) {
    let config = config(&[]);
    let path = parent.join("run");
    go_on(&config, &path, Some(4)).0.unwrap();
    let names = fs::read_dir(path.join("checkpoints")).unwrap();
    let mut names: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    (config, path, names)
}

/// Batches that are done in the checkpoint that is used, and why others are not.
pub(super) fn latest(config: &RunConfig, path: &Path) -> (Option<usize>, Vec<String>) {
    let checkpoints = Checkpoints::of(path, Schedule::default());
    let data = dataset().digest();
    let wanted = Wanted { config, data: &data, most_bytes: 1 << 20 };
    let (found, skipped) = checkpoints.latest(wanted, |_| Ok(())).unwrap();
    let skipped = skipped.into_iter().map(|skipped| skipped.reason).collect();
    (found.map(|(checkpoint, ())| checkpoint.state.batches_done), skipped)
}

#[test]
fn a_checkpoint_cut_off_anywhere_or_with_a_wrong_bit_is_passed_over() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(latest(&config, &path), (Some(4), vec![]));
    let (before, last) = (&names[0], &names[1]);
    let (first, whole) = (fs::read(before).unwrap(), fs::read(last).unwrap());
    fs::remove_file(before).unwrap();
    for length in 0..whole.len() {
        fs::write(last, &whole[..length]).unwrap();
        let (batches, skipped) = latest(&config, &path);
        assert_eq!((batches, skipped.len()), (None, 1), "cut off at {length}");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(last, damaged).unwrap();
        let (batches, skipped) = latest(&config, &path);
        assert_eq!(batches, None, "a wrong bit in byte {at}");
        assert!(skipped[0].contains("damaged"), "{skipped:?}");
    }
    fs::write(before, first).unwrap();
    // The run goes on from the one before.
    let (summary, ending) = go_on(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (Some(3), 1));
}

#[test]
fn without_a_whole_checkpoint_a_run_begins_anew() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    for name in &names {
        fs::write(name, "damaged").unwrap();
    }
    let (summary, ending) = go_on(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (None, 2));
    let whole = parent.path().join("whole");
    go_on(&config, &whole, None).0.unwrap();
    assert!(files(&path) == files(&whole));
}

#[test]
fn a_wrong_byte_is_survived_even_where_nothing_vouches_for_the_others() {
    let parent = tempfile::tempdir().unwrap();
    let (config, _, names) = interrupted(parent.path());
    let whole = fs::read(&names[1]).unwrap();
    assert_eq!(check_checkpoint(&whole, &config), Ok(()));
    for at in 0..whole.len() {
        for wrong in [0, b'9', b'-', b'"', whole[at] ^ 1, whole[at] ^ 128] {
            let mut damaged = whole.clone();
            damaged[at] = wrong;
            // What it is, is for the checks of the state to say; a panic or an endless loop it is not.
            let _right_or_wrong = check_checkpoint(&damaged, &config);
        }
        assert!(check_checkpoint(&whole[..at], &config).is_err(), "cut off at {at}");
    }
}

#[test]
fn what_is_fuzzed_is_a_checkpoint_and_what_was_found_is_answered() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let of = |kind: &str| {
        let entries = fs::read_dir(fuzz.join(kind).join("checkpoint")).into_iter().flatten();
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let config = config_of_target();
    let seeds = of("seeds");
    assert!(seeds.len() >= 3 && seeds.iter().all(|seed| check_checkpoint(seed, &config).is_ok()));
    for found in of("found") {
        let _right_or_wrong = check_checkpoint(&found, &config);
    }
}

/// The configuration of `fuzz/targets/checkpoint.rs`.
fn config_of_target() -> RunConfig {
    let target = include_str!("../../../../fuzz/targets/checkpoint.rs");
    let settings = target.lines().map(str::trim).filter(|line| line.starts_with('"'));
    let settings = settings.map(|line| Setting::parse(line.trim_matches(['"', ','])).unwrap());
    resolve(&Layers { settings: settings.collect(), ..Layers::default() }).unwrap()
}

/// What is done to a checkpoint.
type Spoil = fn(&mut Checkpoint);

/// Writes a checkpoint that vouches for itself.
pub(super) fn forge(path: &Path, checkpoint: &Checkpoint) {
    Checkpoints::of(path, Schedule { keep: 100, ..Schedule::default() }).save(checkpoint).unwrap();
}

#[test]
fn a_state_that_no_run_is_in_is_refused_though_its_sum_is_right() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let sound = Checkpoint::decode(&fs::read(&names[1]).unwrap(), &config).unwrap();
    let spoils: [(&str, Spoil); 21] = [
        ("beyond the last cycle", |c| c.state.place.cycle = usize::MAX),
        ("beyond the last batch", |c| c.state.place.done = 4),
        ("a chunk that there is not", |c| c.state.place.chunk = 9),
        ("a rung that there is not", |c| {
            (c.state.place.scratch, c.state.place.rung) = (true, usize::MAX);
        }),
        ("no replica", |c| c.state.chunk.replicas.clear()),
        ("a foreign replica", |c| c.state.chunk.replicas[0] = usize::MAX),
        ("fewer lineages", |c| drop(c.state.chunk.lineage.pop())),
        ("a neuron twice", |c| c.state.chunk.lineage[0][0] = vec![0, 0]),
        ("a neuron beyond the first", |c| c.state.chunk.lineage[0][0] = vec![0, 1, 2, 3, 99]),
        ("a replica in no chunk", |c| drop(c.state.clipped.pop())),
        ("a replica in two chunks", |c| c.state.clipped[0] = c.state.clipped[1].clone()),
        ("a chunk of nobody", |c| c.state.clipped[0] = vec![usize::MAX]),
        ("fewer replicas", |c| drop(c.state.replicas.pop())),
        ("finished twice", |c| c.state.finished = vec![vec![0], vec![0]]),
        ("rays of no clip", |c| c.state.rays = vec![(usize::MAX, 0, 0, [1, 1])]),
        ("a row of no clip", |c| {
            c.rows = vec![crate::CycleRow { cycle: usize::MAX, ..crate::CycleRow::default() }];
        }),
        ("a solver of two lines", |c| {
            let solver = "auto\nerror: forged".into();
            c.rows = vec![crate::CycleRow { solver, ..crate::CycleRow::default() }];
        }),
        ("more steps than batches", |c| c.state.chunk.steps = Some(usize::MAX)),
        ("more batches than any run's", |c| c.state.batches_done = usize::MAX),
        ("a replica that has diverged", |c| c.state.replicas[0].outcome = Outcome::Diverged),
        ("a timing of no replica", |c| {
            c.timings = vec![crate::TimingRow { replica: 99, ..crate::TimingRow::default() }];
        }),
    ];
    for (what, spoil) in spoils {
        let mut checkpoint = sound.clone();
        spoil(&mut checkpoint);
        assert!(Checkpoint::decode(&checkpoint.encode().unwrap(), &config).is_err(), "{what}");
    }
    // Tensors are looked at when they are put into their places.
    for spoil in [
        |c: &mut Checkpoint| c.tensors = HostTensors::default(),
        |c: &mut Checkpoint| c.state.rays = vec![(0, 0, 0, [usize::MAX; 2])],
        |c: &mut Checkpoint| c.state.finished = vec![vec![0]],
        |c: &mut Checkpoint| c.tensors.insert_vector("accuracy_after".into(), vec![]),
        |c: &mut Checkpoint| c.tensors.insert_vector("loss_sums".into(), vec![0.0]),
    ] as [Spoil; 5]
    {
        let mut checkpoint = sound.clone();
        spoil(&mut checkpoint);
        forge(&path, &checkpoint);
    }
    let (summary, ending) = go_on(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (Some(4), 5), "{:?}", ending.skipped);
}

#[test]
fn another_format_or_other_data_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let bytes = fs::read(&names[1]).unwrap();
    let at = bytes.windows(12).position(|window| window == b"\"format\":\"2\"").unwrap();
    let mut newer = bytes;
    newer[at + 10] = b'1';
    let reason = check_checkpoint(&newer, &config).unwrap_err();
    assert!(reason.contains("format 1, which does not say what configuration"), "{reason}");
    newer[at + 10] = b'3';
    let reason = check_checkpoint(&newer, &config).unwrap_err();
    assert!(reason.contains("format 3") && reason.contains("format 2"), "{reason}");
    let folder = RunDir::open(&path, &config).unwrap();
    drop(folder);
    let folder = RunDir::open(&path, &config).unwrap();
    assert_eq!(folder.found(), Found::Unfinished);
    let mut other = dataset();
    other.train.images[0] ^= 1;
    let taller = Dataset { image_shape: vec![3, 2], ..other.clone() };
    let (device, conduct) = (Device::flex(), Conduct::default());
    let backend = Backend { device: &device, name: "test" };
    for other in [other, taller] {
        let refused = crate::run(&config, other, backend, conduct, &folder, &mut Ending::default());
        assert!(matches!(refused, Err(TrainerError::OtherData { .. })));
    }
    assert!(names.iter().all(|name| name.exists()));

    // Checkpoints of a newer rayclip alone are no reason to begin anew.
    let sha256 = rayclip_data::sha256([newer.as_slice()]);
    for name in &names {
        fs::remove_file(name).unwrap();
    }
    let theirs = path.join("checkpoints").join(format!("9.{sha256}.safetensors"));
    fs::write(&theirs, &newer).unwrap();
    let mut ending = Ending::default();
    let refused = crate::run(&config, dataset(), backend, conduct, &folder, &mut ending);
    assert!(refused.unwrap_err().to_string().contains("format 3"));
    assert!(theirs.exists());
}

#[test]
fn the_last_checkpoints_are_kept() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let sound = Checkpoint::decode(&fs::read(&names[1]).unwrap(), &config).unwrap();
    let mut checkpoints = Checkpoints::of(&path, Schedule { keep: 3, ..Schedule::default() });
    for _ in 0..9 {
        checkpoints.save(&sound).unwrap();
    }
    assert_eq!(fs::read_dir(path.join("checkpoints")).unwrap().count(), 3);
    checkpoints.clear().unwrap();
    checkpoints.clear().unwrap();
    assert_eq!(latest(&config, &path), (None, vec![]));
}

#[test]
fn a_schedule_is_in_batches_or_minutes() {
    let minutes = |count| Ok(Every::Time(std::time::Duration::from_mins(count)));
    assert_eq!("200".parse(), Ok(Every::Batches(200)));
    assert_eq!("200 batches".parse(), Ok(Every::Batches(200)));
    assert_eq!("5m".parse(), minutes(5));
    assert_eq!("1 minute".parse(), minutes(1));
    for wrong in ["", "m", "0", "0m", "-3", "3h", "1.5m"] {
        assert!(wrong.parse::<Every>().is_err(), "{wrong}");
    }
    let huge = "99999999999999999999m".parse::<Every>().unwrap_err();
    assert!(huge.contains("batches or minutes"), "{huge}");
}

#[test]
fn on_a_disk_that_is_full_all_but_the_last_give_way_once() {
    let parent = tempfile::tempdir().unwrap();
    let (_, path, names) = interrupted(parent.path());
    let checkpoints = Checkpoints::of(&path, Schedule { keep: 3, ..Schedule::default() });
    let there = || names.iter().filter(|name| name.exists()).count();
    let other = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert!(checkpoints.make_room(other).is_err() && there() == 2);
    let full = || match there() {
        1 => Ok("written"),
        _ => Err(std::io::Error::from(std::io::ErrorKind::StorageFull)),
    };
    assert_eq!(checkpoints.make_room(full).unwrap(), "written");
    assert!(!names[0].exists() && names[1].exists());
    let never = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::QuotaExceeded));
    assert!(checkpoints.make_room(never).is_err() && there() == 1);
}
