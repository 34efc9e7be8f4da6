//! A finished run, whose files are damaged, or whose process was killed in its last moments: nothing that it left is
//! lost, and what is damaged is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::{copy_of_sealed_run, report};
use crate::support::{output, refused, small_data, small_run, succeed};

/// Files of which the manifest has copies.
const COPIED: [&str; 5] =
    ["config.toml", "summary.json", "progress.json", "network.json", "latency.csv"];

fn files(run: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, run: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                add(&entry.path(), run, files);
            } else {
                let name = entry.path().strip_prefix(run).unwrap().to_owned();
                files.insert(
                    name.to_str().unwrap().replace('\\', "/"),
                    fs::read(entry.path()).unwrap(),
                );
            }
        }
    }
    let mut found = BTreeMap::new();
    add(run, run, &mut found);
    found
}

fn manifest(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap()
}

/// A finished run as `run`, beside its data, and the flags that made it.
fn finished(folder: &Path) -> (PathBuf, Vec<String>) {
    let data = small_data(folder);
    let flags = small_run(&data, &["--out", "run", "--set", "compression.min_width=30"]);
    succeed(folder, &flags);
    (folder.join("run"), flags)
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_finished_run_vouches_for_every_file_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = finished(folder.path());
    let manifest = manifest(&run);
    assert_eq!(manifest["format"], 1);
    let named = manifest["files"].as_object().unwrap();
    let there = files(&run);
    let names: BTreeSet<&String> = named.keys().collect();
    let own = [".lock", "manifest.json"];
    let expected: BTreeSet<&String> =
        there.keys().filter(|name| !own.contains(&name.as_str())).collect();
    assert_eq!(names, expected);
    assert!(names.len() > 10 && named.contains_key("kept/cycle_00.json"), "{names:?}");
    for (name, digest) in named {
        assert_eq!(*digest, rayclip_data::sha256([there[name].as_slice()]), "{name}");
    }
}

#[test]
fn a_finished_run_that_is_damaged_is_restored_or_named_and_never_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let (run, flags) = finished(folder.path());
    let whole = files(&run);
    let names: Vec<String> = manifest(&run)["files"].as_object().unwrap().keys().cloned().collect();
    let resume = ["resume".to_owned(), "run".into()];
    let mut count = 0;
    for (name, ruin) in names.iter().flat_map(|name| [(name, false), (name, true)]) {
        // One of each folder, and every file beside.
        if name.contains('/') && !name.contains("cycle_01") {
            continue;
        }
        count += 1;
        let path = run.join(name);
        if ruin {
            damage(&path);
        } else {
            fs::remove_file(&path).unwrap();
        }
        let command = if count % 2 == 0 { &resume[..] } else { &flags };
        let result = output(folder.path(), command);
        let (stdout, stderr) =
            (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
        let code = result.status.code();
        assert!(stderr.contains(name.as_str()), "{name}: {stdout}{stderr}");
        let mut now = files(&run);
        if COPIED.contains(&name.as_str()) {
            assert_eq!(code, Some(0), "{name}: {stderr}");
            assert!(
                stderr.contains("restored: ") && stderr.contains("nothing was run"),
                "{stderr}"
            );
        } else {
            // Shown, as far as it can be without the file.
            let is_shown = name.contains('/') || name == "network.safetensors";
            assert_eq!(code, Some(if is_shown { 1 } else { 2 }), "{name}: {stderr}");
            assert!(stderr.contains("from a copy"), "{stderr}");
            assert_eq!(stdout.contains("after training"), is_shown, "{stdout}");
            if ruin {
                assert!(now[name] != whole[name]);
            } else {
                assert!(!now.contains_key(name));
            }
            now.insert(name.clone(), whole[name].clone());
            fs::write(&path, &whole[name]).unwrap();
        }
        assert!(now == whole, "{name}");
    }
    assert!(count >= 20, "{count}");
    // And whole again.
    let result = output(folder.path(), &resume);
    assert!(result.status.success() && files(&run) == whole);
}

#[test]
fn what_was_left_to_do_when_the_process_was_killed_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (run, flags) = finished(folder.path());
    let whole = files(&run);
    let checkpoint = || {
        fs::create_dir(run.join("checkpoints")).unwrap();
        let name = format!("7.{}.safetensors", rayclip_data::sha256([&b"it"[..]]));
        fs::write(run.join("checkpoints").join(name), "it").unwrap();
    };
    for command in [&flags[..], &["resume".to_owned(), "run".into()]] {
        // Between the summary and the manifest, also half-way through the latter.
        fs::remove_file(run.join("manifest.json")).unwrap();
        fs::write(run.join(".partial-1-7"), "{\"format").unwrap();
        checkpoint();
        succeed(folder.path(), command);
        assert!(files(&run) == whole);
        // Between the manifest and the removal of the checkpoints, of which a damaged run keeps its own.
        checkpoint();
        damage(&run.join("kept/cycle_00.json"));
        let result = output(folder.path(), command);
        assert_eq!(result.status.code(), Some(1));
        assert!(run.join("checkpoints").exists());
        fs::write(run.join("kept/cycle_00.json"), &whole["kept/cycle_00.json"]).unwrap();
        succeed(folder.path(), command);
        assert!(files(&run) == whole && !run.join("checkpoints").exists());
    }
}

#[test]
fn a_finished_run_of_the_first_release_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (run, flags) = finished(folder.path());
    fs::remove_file(run.join("manifest.json")).unwrap();
    let whole = files(&run);
    succeed(folder.path(), &flags);
    succeed(folder.path(), &["compare", "run"]);
    assert!(files(&run) == whole);
    let (code, stderr, _) = report(folder.path(), &["run"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    fs::remove_dir_all(run.join("report")).unwrap();
    // Nothing vouches for its files, but what says that it is finished is not taken for its contrary.
    for content in [Some(&b"{\"outcome\": \"fini"[..]), None] {
        match content {
            Some(content) => fs::write(run.join("summary.json"), content).unwrap(),
            None => fs::remove_file(run.join("summary.json")).unwrap(),
        }
        let before = files(&run);
        for command in [&flags[..], &["resume".to_owned(), "run".into()]] {
            let message = refused(folder.path(), command);
            assert!(message.contains("summary.json") && message.contains("--out"), "{message}");
        }
        assert!(files(&run) == before);
    }
}

#[test]
fn a_manifest_that_is_damaged_vouches_for_nothing_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (run, flags) = finished(folder.path());
    for text in ["{\"format\":1,", "{\"format\":1,\"files\":{\"../data/x\":\"00\"}}"] {
        fs::write(run.join("manifest.json"), text).unwrap();
        let before = files(&run);
        let result = output(folder.path(), &flags);
        let stderr = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("manifest.json"), "{stderr}");
        assert!(files(&run) == before);
        let (code, stderr, _) = report(folder.path(), &["run"]);
        assert!(code == Some(1) && stderr.contains("manifest.json"), "{stderr}");
        fs::remove_dir_all(run.join("report")).unwrap();
    }
}

#[test]
fn a_report_shows_copies_and_names_what_is_damaged_in_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_sealed_run(folder.path(), "run");
    let (_, _, sound) = report(folder.path(), &["run"]);
    for (name, remedy) in [
        ("summary.json", "rayclip resume run"),
        ("progress.json", "rayclip resume run"),
        ("timings.csv", "from a copy"),
        ("latency.csv", "rayclip resume run"),
        ("rays/cycle_01.safetensors", "from a copy"),
    ] {
        let path = run.join(name);
        let bytes = fs::read(&path).unwrap();
        damage(&path);
        let (code, stderr, page) = report(folder.path(), &["run"]);
        assert_eq!(code, Some(1), "{name}");
        assert!(stderr.contains(name) && stderr.contains(remedy), "{name}: {stderr}");
        assert!(page.contains(name), "{name} is not on the page");
        fs::write(path, bytes).unwrap();
    }
    // What is not shown is not looked at.
    fs::write(run.join("network.safetensors"), "damaged").unwrap();
    let (code, stderr, page) = report(folder.path(), &["run"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(page == sound);
    damage(&run.join("cycles.csv"));
    let message = refused(folder.path(), &["compare", "run"]);
    assert!(message.contains("cycles.csv"), "{message}");
}

#[test]
fn a_report_that_was_killed_at_any_moment_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_sealed_run(folder.path(), "run");
    succeed(folder.path(), &["report", "run", "--tensorboard"]);
    let out = run.join("report");
    // Event files have the time in them.
    let made = || {
        let content = |(name, bytes): (String, Vec<u8>)| {
            let timed = name.starts_with("tensorboard/");
            (name, if timed { vec![] } else { bytes })
        };
        files(&out).into_iter().map(content).collect::<BTreeMap<_, _>>()
    };
    let whole = made();
    let names: Vec<&String> = whole.keys().collect();
    for count in [0, 1, names.len() / 2, names.len()] {
        fs::remove_dir_all(&out).unwrap();
        for name in &names[..count] {
            let path = out.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "of an earlier one").unwrap();
        }
        for name in [".partial-1-2", ".partial-AbCdEf", "figures/.partial-1-3"] {
            let path = out.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "half").unwrap();
        }
        succeed(folder.path(), &["report", "run", "--tensorboard"]);
        assert!(made() == whole, "{count} of {}", names.len());
    }
    fs::write(out.join("thesis.tex"), "precious").unwrap();
    let message = refused(folder.path(), &["report", "run"]);
    assert!(message.contains("other than a report"), "{message}");
}

/// A process that runs out of file size stops in the middle of any write that is too long.
#[cfg(unix)]
#[test]
fn a_report_that_ran_out_of_file_size_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_sealed_run(folder.path(), "run");
    succeed(folder.path(), &["report", "run"]);
    let whole = files(&run.join("report"));
    let mut ended = 0;
    for blocks in [1, 8, 20, 40, 80, 160] {
        fs::remove_dir_all(run.join("report")).unwrap();
        let command = crate::support::rayclip(folder.path(), &["report", "run"]);
        let mut shell = std::process::Command::new("sh");
        let limited = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$@\"");
        shell.current_dir(folder.path()).args(["-c", &limited, "sh"]).arg(command.get_program());
        let status = shell.args(["report", "run"]).output().unwrap().status;
        ended += usize::from(!status.success());
        succeed(folder.path(), &["report", "run"]);
        assert!(files(&run.join("report")) == whole, "{blocks}");
    }
    assert!(ended >= 3, "{ended}");
}
