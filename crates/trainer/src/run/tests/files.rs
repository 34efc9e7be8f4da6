//! The files that a checkpoint relies on: rows, kept neurons and rays on disk.

use std::fs;

use rayclip_run_folder::Outcome;

use super::*;

/// A run that was interrupted in its second cycle, after the first clip.
fn after_a_clip(parent: &Path) -> (RunConfig, PathBuf) {
    let config = config(&[]);
    let path = parent.join("run");
    resume(&config, &path, Some(4)).0.unwrap();
    (config, path)
}

#[test]
fn rows_are_appended_as_they_come_and_sorted_at_the_end() {
    let parent = tempfile::tempdir().unwrap();
    let config = config(&[]);
    let path = parent.path().join("run");
    let rows = || -> Vec<(usize, usize)> {
        let bytes = fs::read(path.join(paths::CYCLES)).unwrap();
        let rows: Vec<rayclip_run_folder::CycleRow> =
            rayclip_run_folder::csv::from_csv(&bytes).unwrap();
        rows.iter().map(|row| (row.cycle, row.replica)).collect()
    };
    // Two chunks of two replicas: the second makes the same clips again.
    resume(&config, &path, Some(13)).0.unwrap();
    let interrupted = rows();
    assert!(!interrupted.is_sorted(), "{interrupted:?}");
    assert_eq!(resume(&config, &path, None).0.unwrap().outcome, Outcome::Finished);
    let whole = rows();
    assert!(whole.is_sorted() && whole.len() > interrupted.len(), "{whole:?}");
}

#[test]
fn a_checkpoint_whose_rows_or_arrays_are_gone_is_refused_by_the_file() {
    for (name, named) in [
        (paths::CYCLES.to_owned(), "cycles.csv"),
        (paths::TIMINGS.to_owned(), "timings.csv"),
        (paths::kept(0), "kept/"),
        (paths::rays(0), "rays/"),
    ] {
        let parent = tempfile::tempdir().unwrap();
        let (config, path) = after_a_clip(parent.path());
        let (file, before) = (path.join(&name), fs::read(path.join(&name)).unwrap());
        let mut changed = before.clone();
        // Rows of the last clip are in the checkpoint too, and are written again; all bytes before them count.
        changed[2] ^= 1;
        for damage in [Some(changed), None] {
            match damage {
                Some(bytes) => fs::write(&file, bytes).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let refused = resume(&config, &path, None).0.unwrap_err();
            let message = refused.to_string();
            assert!(matches!(refused, TrainerError::Checkpoint { .. }), "{name}: {message}");
            assert!(message.contains(named), "{name}: {message}");
        }
        // After the file is put back, the run resumes.
        fs::write(&file, before).unwrap();
        let (summary, ending) = resume(&config, &path, None);
        assert_eq!((summary.unwrap().outcome, ending.resumed), (Outcome::Finished, Some(4)));
    }
}

#[test]
fn what_came_after_the_checkpoint_is_cut_off() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path) = after_a_clip(parent.path());
    let whole = parent.path().join("whole");
    resume(&config, &whole, None).0.unwrap();
    // A process that was killed between a clip and the next checkpoint leaves more than the checkpoint relies on.
    for name in [paths::CYCLES, paths::TIMINGS] {
        let mut bytes = fs::read(path.join(name)).unwrap();
        bytes.extend(b"9,half a ro");
        fs::write(path.join(name), bytes).unwrap();
    }
    fs::copy(whole.join(paths::kept(1)), path.join(paths::kept(1))).unwrap();
    // The same files hold replicas of a later chunk too.
    for name in [paths::kept(0), paths::rays(0)] {
        fs::copy(whole.join(&name), path.join(&name)).unwrap();
    }
    let (summary, ending) = resume(&config, &path, Some(1));
    assert_eq!((summary.unwrap().outcome, ending.resumed), (Outcome::Interrupted, Some(4)));
    assert!(!path.join(paths::kept(1)).exists());
    assert_eq!(resume(&config, &path, None).0.unwrap().outcome, Outcome::Finished);
    assert!(files_of(&path) == files_of(&whole));
}

/// Removes a table in every cycle, as somebody else could.
struct Remover(PathBuf);

impl Observer for Remover {
    fn notify(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Cycle { .. }) {
            fs::remove_file(&self.0).unwrap();
        }
    }
}

#[test]
fn a_table_that_is_removed_while_the_run_writes_it_is_written_again() {
    let parent = tempfile::tempdir().unwrap();
    let (config, whole) = (config(&[]), parent.path().join("whole"));
    resume(&config, &whole, None).0.unwrap();
    for name in [paths::CYCLES, paths::TIMINGS] {
        let path = parent.path().join(name);
        let mut remover = Remover(path.join(name));
        let summary = resume_observed(&config, &path, Interrupter::default(), &mut remover);
        assert_eq!(summary.unwrap().outcome, Outcome::Finished);
        assert!(files_of(&path) == files_of(&whole), "{name}");
        let lines = |run: &Path| fs::read_to_string(run.join(name)).unwrap().lines().count();
        assert_eq!(lines(&path), lines(&whole), "{name}");
    }
}

#[test]
fn files_that_a_checkpoint_relies_on_are_not_written_again_without_need() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path) = after_a_clip(parent.path());
    let written = || {
        let written = |name| fs::metadata(path.join(name)).unwrap().modified().unwrap();
        [paths::kept(0), paths::rays(0)].map(written)
    };
    let before = written();
    assert_eq!(resume(&config, &path, Some(1)).1.resumed, Some(4));
    assert_eq!(written(), before);
}

#[test]
fn later_checkpoints_that_cannot_be_used_do_not_outlive_those_that_can() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path) = after_a_clip(parent.path());
    let folder = RunFolder::from(path.as_path());
    let used = folder.checkpoints().all().unwrap().pop().unwrap();
    // It has the SHA-256 of its content, but was not written by this version of rayclip.
    folder.checkpoints().save(b"of another version", 3).unwrap();
    let later = folder.checkpoints().all().unwrap().pop().unwrap();
    let (_, ending) = resume(&config, &path, Some(1));
    assert_eq!((ending.resumed, ending.skipped.len()), (Some(4), 1), "{:?}", ending.skipped);
    assert!(!later.path.exists() && used.number + 1 == later.number);
}
