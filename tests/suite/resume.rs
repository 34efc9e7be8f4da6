//! Runs that are killed, interrupted or begun twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    output, rayclip, refused, small_compare, small_data, small_run, succeed, summary,
};

/// Files that tell of time, or of a process, and the one that has their SHA-256.
const TIMED: [&str; 5] = ["timings.csv", "progress.json", "latency.csv", "manifest.json", ".lock"];

fn files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![run.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if !TIMED.iter().any(|timed| entry.file_name() == *timed) {
                let name = entry.path().strip_prefix(run).unwrap().to_path_buf();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn assert_same(one: &Path, other: &Path) {
    let (ones, others) = (files(one), files(other));
    assert_eq!(ones.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
    for (name, bytes) in ones {
        assert!(others[&name] == bytes, "{} differs", name.display());
    }
}

/// Starts a run and waits until it has a checkpoint.
fn start(folder: &Path, flags: &[String], run: &str) -> Child {
    let mut command = rayclip(folder, flags);
    let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let checkpoints = folder.join(run).join("checkpoints");
    let began = Instant::now();
    let whole = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some())
    };
    while !fs::read_dir(&checkpoints).is_ok_and(|mut entries| entries.any(whole)) {
        assert!(began.elapsed() < Duration::from_mins(2), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    process
}

/// A run that takes a while.
fn long_run(data: &Path, name: &str) -> Vec<String> {
    small_run(data, &["--out", name, "--set", "training.batches_per_cycle=400"])
}

#[test]
fn twenty_kills_at_any_stage_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = ["verify-resume", "--kills", "20", "--device", "flex", "--data"];
    let flags = [&flags[..], &[data.to_str().unwrap()]].concat();
    let result = output(folder.path(), &flags);
    let stderr = String::from_utf8_lossy(&result.stderr);
    let stdout = String::from_utf8_lossy(&result.stdout);
    assert!(result.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("killed 20 times") && stdout.contains("writing"), "{stdout}");
}

#[test]
fn a_run_that_was_killed_is_gone_on_with_by_either_command() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let [whole, run, resumed] = ["whole", "run", "resumed"].map(|name| folder.path().join(name));
    succeed(folder.path(), &long_run(&data, "whole"));
    for (name, resume) in [("run", false), ("resumed", true)] {
        let flags = long_run(&data, name);
        let mut process = start(folder.path(), &flags, name);
        process.kill().unwrap();
        process.wait().unwrap();
        let again = if resume { vec!["resume".to_owned(), name.into()] } else { flags };
        let result = output(folder.path(), &again);
        let stderr = String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success() && stderr.contains("resumed: "), "{stderr}");
        let stdout = String::from_utf8_lossy(&result.stdout);
        assert!(stdout.contains("after training") && stdout.contains("run folder"), "{stdout}");
    }
    assert_same(&whole, &run);
    assert_same(&whole, &resumed);
    let progress: Value =
        serde_json::from_slice(&fs::read(run.join("progress.json")).unwrap()).unwrap();
    assert_eq!(progress["resumed"], 1);
    succeed(folder.path(), &["report", "run"]);
    let page = fs::read_to_string(run.join("report/report.html")).unwrap();
    assert!(page.contains("resumed once from a checkpoint"));

    // At its end, nothing is run again.
    let result = output(folder.path(), &["resume", "resumed"]);
    assert!(String::from_utf8_lossy(&result.stderr).contains("finished: nothing was run"));
    assert!(String::from_utf8_lossy(&result.stdout).contains("after training"));
}

#[test]
fn without_a_folder_the_unfinished_run_of_the_same_configuration_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let mut flags = long_run(&data, "");
    let out = flags.iter().position(|flag| flag == "--out").unwrap();
    flags.drain(out..out + 2);
    flags.push("--quiet".into());
    let mut process = start(folder.path(), &flags, "runs/data-dtc-corrected-seed0");
    process.kill().unwrap();
    process.wait().unwrap();
    let name = |flags: &[String]| {
        let stdout = succeed(folder.path(), flags);
        Path::new(stdout.trim()).file_name().unwrap().to_str().unwrap().to_owned()
    };
    let fresh = [&flags[..], &["--fresh".to_owned()]].concat();
    assert_eq!(name(&fresh), "data-dtc-corrected-seed0-2");
    assert_eq!(name(&flags), "data-dtc-corrected-seed0");
    assert_eq!(name(&flags), "data-dtc-corrected-seed0-3");
    let runs = folder.path().join("runs");
    assert_same(&runs.join("data-dtc-corrected-seed0"), &runs.join("data-dtc-corrected-seed0-3"));
}

#[test]
fn a_second_process_in_a_folder_is_told_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = long_run(&data, "run");
    let mut first = start(folder.path(), &flags, "run");
    for again in [&flags[..], &["resume".to_owned(), "run".into()]] {
        let message = refused(folder.path(), again);
        assert!(message.contains(&format!("process {} is using run", first.id())), "{message}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // The kernel has given the lock back.
    succeed(folder.path(), &["resume", "run"]);
    assert_eq!(fs::read(folder.path().join("run/.lock")).unwrap(), b"");
}

#[cfg(unix)]
#[test]
fn either_signal_ends_a_run_at_any_moment_and_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "whole"]));
    let run = folder.path().join("run");
    let flags = small_run(&data, &["--out", "run", "--checkpoint-every", "7"]);
    let mut codes = BTreeMap::new();
    for (number, signal) in ["INT", "TERM"].into_iter().cycle().enumerate().take(24) {
        let mut command = rayclip(folder.path(), &flags);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(12 * number as u64));
        let id = process.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        // Before it listens, the signal ends the process as it ends any.
        let code = process.wait().unwrap().code();
        *codes.entry(code).or_insert(0) += 1;
        assert!(matches!(code, None | Some(0 | 130)), "{code:?}");
        if code == Some(130) {
            assert_eq!(summary(&run)["outcome"], "interrupted");
        }
    }
    assert!(codes.contains_key(&Some(130)), "{codes:?}");
    succeed(folder.path(), &flags);
    assert_same(&folder.path().join("whole"), &run);
}

#[test]
fn a_comparison_is_gone_on_with_in_the_chunks_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--methods", "dtc,random,scratch", "--seeds", "0..3", "--at-once", "2"];
    let slow = ["--set", "training.batches_per_cycle=60"];
    let flags = |name: &str| small_compare(&data, name, &[&own[..], &slow].concat());
    succeed(folder.path(), &flags("whole"));
    let mut process = start(folder.path(), &flags("run"), "run");
    std::thread::sleep(Duration::from_millis(300));
    process.kill().unwrap();
    process.wait().unwrap();
    let mut again = flags("run");
    again.extend(["--at-once".to_owned(), "100".into()]);
    let stdout = succeed(folder.path(), &again);
    assert!(stdout.contains("paired by seed"), "{stdout}");
    assert_same(&folder.path().join("whole"), &folder.path().join("run"));
}

#[test]
fn a_checkpoint_that_is_damaged_is_named_and_the_one_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &long_run(&data, "whole"));
    let mut process = start(folder.path(), &long_run(&data, "run"), "run");
    let checkpoints = folder.path().join("run/checkpoints");
    while fs::read_dir(&checkpoints).map_or(0, Iterator::count) < 3 {
        assert!(process.try_wait().unwrap().is_none(), "the run has ended");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let names = fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| -> usize {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split('.').next().unwrap().parse().unwrap_or(0)
    };
    let last = names.max_by_key(number).unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&last, bytes).unwrap();
    let result = output(folder.path(), &["resume", "run"]);
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{stderr}");
    let name = last.file_name().unwrap().to_str().unwrap();
    assert!(stderr.contains("skipped: checkpoint") && stderr.contains(name), "{stderr}");
    assert!(stderr.contains("damaged"), "{stderr}");
    assert_same(&folder.path().join("whole"), &folder.path().join("run"));
}

#[test]
fn what_cannot_be_resumed_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let message = refused(folder.path(), &["resume", "nowhere"]);
    assert!(message.contains("nowhere") && message.contains("no such folder"), "{message}");
    fs::create_dir(folder.path().join("other")).unwrap();
    fs::write(folder.path().join("other/config.toml"), "seed = ").unwrap();
    let message = refused(folder.path(), &["resume", "other"]);
    assert!(message.contains("other/config.toml"), "{message}");
    // Another configuration, and other data, in a folder that holds an unfinished run.
    let mut process = start(folder.path(), &long_run(&data, "run"), "run");
    process.kill().unwrap();
    process.wait().unwrap();
    let mut other = long_run(&data, "run");
    other.extend(["--seed".to_owned(), "9".into()]);
    let message = refused(folder.path(), &other);
    assert!(message.contains("holds another run"), "{message}");
    let finished = small_run(&data, &["--out", "finished", "--quiet"]);
    succeed(folder.path(), &finished);
    succeed(folder.path(), &finished);
    let labels = data.join("train-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[8] = (bytes[8] + 1) % 10;
    fs::write(&labels, bytes).unwrap();
    let before = files(&folder.path().join("run"));
    let message = refused(folder.path(), &["resume", "run"]);
    assert!(message.contains("on other data"), "{message}");
    assert!(files(&folder.path().join("run")) == before);
    let message = refused(folder.path(), &finished);
    assert!(message.contains("on other data"), "{message}");
}
