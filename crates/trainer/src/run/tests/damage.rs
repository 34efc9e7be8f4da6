//! Checkpoints that are damaged at every byte, and impossible states.

use std::fs;
use std::path::Path;

use rayclip_run_folder::Outcome;
use rayclip_run_folder::config::presets::{Layers, Setting, resolve};
use rayclip_run_folder::write::RunFolder;

use super::*;

#[test]
fn a_checkpoint_cut_off_anywhere_or_with_a_wrong_bit_is_skipped() {
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
    // The run resumes from the checkpoint before.
    let (summary, ending) = resume(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (Some(3), 1));
}

#[test]
fn without_a_whole_checkpoint_a_run_starts_over() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    for name in &names {
        fs::write(name, "damaged").unwrap();
    }
    let (summary, ending) = resume(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (None, 2));
    let whole = parent.path().join("whole");
    resume(&config, &whole, None).0.unwrap();
    assert!(files_of(&path) == files_of(&whole));
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
            // The state's checks decide whether it is valid. It must not panic or loop forever.
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

/// The configuration in `fuzz/targets/checkpoint.rs`.
fn config_of_target() -> RunConfig {
    let target = include_str!("../../../../../fuzz/targets/checkpoint.rs");
    let settings = target.lines().map(str::trim).filter(|line| line.starts_with('"'));
    let settings = settings.map(|line| Setting::parse(line.trim_matches(['"', ','])).unwrap());
    resolve(&Layers { settings: settings.collect(), ..Layers::default() }).unwrap()
}

/// A change that damages a checkpoint.
type Spoil = fn(&mut Checkpoint<State>);

/// Writes a checkpoint with a valid SHA-256.
pub(super) fn forge(path: &Path, checkpoint: &Checkpoint<State>) {
    Checkpoints::of(&RunFolder::from(path), Schedule { keep: 100, ..Schedule::default() })
        .save(checkpoint)
        .unwrap();
}

#[test]
fn a_state_that_no_run_is_in_is_refused_though_its_sum_is_right() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let sound = Checkpoint::decode(&fs::read(&names[1]).unwrap()).unwrap();
    let spoils: [(&str, Spoil); 17] = [
        ("beyond the last cycle", |c| c.state.position.cycle = usize::MAX),
        ("beyond the last batch", |c| c.state.position.done = 4),
        ("an unknown chunk", |c| c.state.position.chunk = 9),
        ("an unknown rung", |c| {
            (c.state.position.scratch, c.state.position.rung) = (true, usize::MAX);
        }),
        ("no replica", |c| c.state.chunk.replicas.clear()),
        ("a foreign replica", |c| c.state.chunk.replicas[0] = usize::MAX),
        ("fewer lineages", |c| drop(c.state.chunk.lineage.pop())),
        ("a neuron twice", |c| c.state.chunk.lineage[0][0] = vec![0, 0]),
        ("a neuron beyond the first", |c| c.state.chunk.lineage[0][0] = vec![0, 1, 2, 3, 99]),
        ("a replica in no chunk", |c| drop(c.state.chunks.clipped.pop())),
        ("a replica in two chunks", |c| {
            c.state.chunks.clipped[0] = c.state.chunks.clipped[1].clone();
        }),
        ("a chunk without a known replica", |c| c.state.chunks.clipped[0] = vec![usize::MAX]),
        ("fewer replicas", |c| drop(c.state.ledger.replicas.pop())),
        ("finished twice", |c| c.state.finished = vec![vec![0], vec![0]]),
        ("more steps than batches", |c| c.state.chunk.steps = Some(usize::MAX)),
        ("more batches than any run's", |c| c.state.meter.batches_done = usize::MAX),
        ("a replica that has diverged", |c| c.state.ledger.replicas[0].outcome = Outcome::Diverged),
    ];
    for (what, spoil) in spoils {
        let mut checkpoint = sound.clone();
        spoil(&mut checkpoint);
        assert!(check_checkpoint(&checkpoint.encode().unwrap(), &config).is_err(), "{what}");
    }
    // Tensors are checked when they are restored.
    for spoil in [
        |c: &mut Checkpoint<State>| c.tensors = HostTensors::default(),
        |c: &mut Checkpoint<State>| c.state.written.arrays.clear(),
        |c: &mut Checkpoint<State>| c.state.written.cycles.bytes = u64::MAX,
        |c: &mut Checkpoint<State>| c.state.written.timings.bytes -= 1,
        |c: &mut Checkpoint<State>| c.state.written.tail.push_str("half a row\n"),
        |c: &mut Checkpoint<State>| c.state.finished = vec![vec![0]],
        |c: &mut Checkpoint<State>| c.tensors.insert_vector("accuracy_after".into(), vec![]),
        |c: &mut Checkpoint<State>| c.tensors.insert_vector("loss_sums".into(), vec![0.0]),
    ] as [Spoil; 8]
    {
        let mut checkpoint = sound.clone();
        spoil(&mut checkpoint);
        forge(&path, &checkpoint);
    }
    let (summary, ending) = resume(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    assert_eq!((ending.resumed, ending.skipped.len()), (Some(4), 8), "{:?}", ending.skipped);
}
