//! The picture of a run.

use std::fs;

use crate::report::copy_of_run;
use crate::support::{refused, small_data, small_run, succeed};

#[test]
fn a_finished_run_is_shown_from_its_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let picture = succeed(folder.path(), &["watch", "run", "--once"]);
    for text in [
        "run  finished",
        "━ dtc",
        "━ scratch",
        "neurons: 60 at first, 10 now, 10 at the end",
        "|ray sum|, cycle 13",
    ] {
        assert!(picture.contains(text), "{text}\n{picture}");
    }
    assert!(!picture.contains("left") && !picture.contains("missing"), "{picture}");
    assert!(!picture.contains("q closes"), "no key ends a picture: {picture}");
    assert!(picture.lines().count() <= 24, "{picture}");
    assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    fs::remove_dir_all(run.join("rays")).unwrap();
    fs::write(run.join("config.toml"), "seed = ").unwrap();
    let picture = succeed(folder.path(), &["watch", "run"]);
    assert!(picture.contains("missing: run/config.toml") && picture.contains("(+1)"), "{picture}");
}

#[test]
fn a_run_at_its_beginning_and_one_that_fell_silent_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let text = fs::read_to_string(run.join("summary.json")).unwrap();
    let text = text.replacen("\"finished\"", "\"running\"", 1);
    fs::write(run.join("summary.json"), text).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let updated = |updated: f64| {
        let text = fs::read(run.join("progress.json")).unwrap();
        let mut progress: serde_json::Value = serde_json::from_slice(&text).unwrap();
        progress["batches_done"] = 100.into();
        progress["updated"] = updated.into();
        fs::write(run.join("progress.json"), progress.to_string()).unwrap();
        succeed(folder.path(), &["watch", "run"])
    };
    let picture = updated(now);
    assert!(picture.contains("run  running") && picture.contains("left"), "{picture}");
    // The clock was put back since.
    let picture = updated(now + 1e6);
    assert!(picture.contains("run  running") && picture.contains("left"), "{picture}");
    updated(1e9);
    let header: String =
        fs::read_to_string(run.join("cycles.csv")).unwrap().lines().next().unwrap().into();
    fs::write(run.join("cycles.csv"), header + "\n").unwrap();
    let picture = succeed(folder.path(), &["watch", "run"]);
    assert!(picture.contains("was it killed?") && picture.contains("no clip yet"), "{picture}");
}

#[test]
fn the_ladder_of_scratch_has_the_rungs_that_it_trains_at() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--method", "scratch", "--out", "run", "--quiet"];
    succeed(folder.path(), &small_run(&data, &own));
    let picture = succeed(folder.path(), &["watch", "run"]);
    assert!(picture.contains("neurons: 40 at first, 9 now, 9 at the end"), "{picture}");
    let rays = folder.path().join("run/rays");
    assert!(picture.contains("only dtc has them") && !rays.exists(), "{picture}");
}

#[test]
fn what_is_no_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(folder.path(), &["watch", "nowhere"]);
    assert!(message.contains("nowhere is not the folder of a run"), "{message}");
    assert!(message.contains("rayclip run"), "{message}");
    copy_of_run(folder.path(), "elsewhere");
    let message = refused(folder.path(), &["watch", "nowhere"]);
    assert!(message.contains("there are elsewhere"), "{message}");
    let message = refused(folder.path(), &["watch", "elswhere"]);
    assert!(message.contains("did you mean elsewhere?"), "{message}");
    let message = refused(folder.path(), &["watch", "elsewhere/cycles.csv"]);
    assert!(message.contains("is a file") && message.contains("mean elsewhere?"), "{message}");
}
