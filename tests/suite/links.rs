//! Folders that somebody made to have files elsewhere written over or removed: no link in them is followed.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::report::copy_of_run;
use crate::support::{output, refused, small_data, small_run, succeed};

/// Names in a run folder that are written into.
const FOLDERS: [&str; 8] =
    ["checkpoints", "kept", "rays", "networks", "predictions", "tensorboard", "figures", "report"];

/// Files outside, with the names that a run writes, or removes.
const VICTIMS: [&str; 8] = [
    "cycle_00.json",
    "cycle_00.safetensors",
    "1.00.safetensors",
    ".partial-1-0",
    "report.html",
    "figures/accuracy.svg",
    "dtc-seed0/events.out.tfevents.0.rayclip",
    "12345",
];

/// A folder of victims; what it holds.
fn victims(folder: &Path) -> (PathBuf, impl Fn() -> BTreeMap<PathBuf, Vec<u8>>) {
    let outside = folder.join("outside");
    for name in VICTIMS {
        let path = outside.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("precious {name}")).unwrap();
    }
    let of = outside.clone();
    (outside, move || files(&of))
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(self::files(&entry.path()));
        } else if kind.is_file() {
            files.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// Puts a link in the place of what a path leads to.
fn put_link(target: &Path, path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.symlink_metadata().is_ok() {
        fs::remove_file(path).unwrap();
    }
    symlink(target, path).unwrap();
}

/// A small run that says that it goes on, and has no checkpoint.
fn unfinished(folder: &Path, flags: &[String]) -> PathBuf {
    succeed(folder, flags);
    let run = folder.join("run");
    fs::remove_file(run.join("manifest.json")).unwrap();
    let summary = fs::read_to_string(run.join("summary.json")).unwrap();
    let running = summary.replacen("\"finished\"", "\"running\"", 1);
    fs::write(run.join("summary.json"), running).unwrap();
    run
}

#[test]
fn a_run_folder_with_a_link_is_refused_and_what_it_leads_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = small_run(&data, &["--out", "run", "--set", "compression.min_width=30"]);
    let run = unfinished(folder.path(), &flags);
    let (outside, content) = victims(folder.path());
    let before = content();
    let own = files(&run);
    let resume = ["resume".to_owned(), "run".into()];
    for name in FOLDERS {
        let moved = folder.path().join("moved");
        if run.join(name).exists() {
            fs::rename(run.join(name), &moved).unwrap();
        }
        put_link(&outside, &run.join(name));
        for command in [&resume[..], &flags] {
            let message = refused(folder.path(), command);
            assert!(message.contains(&format!("run/{name} is a link")), "{message}");
        }
        assert!(content() == before, "{name}");
        fs::remove_file(run.join(name)).unwrap();
        if moved.exists() {
            fs::rename(&moved, run.join(name)).unwrap();
        }
    }
    // The lock: a link to a file, one that leads nowhere, and another name of a file elsewhere.
    let victim = outside.join("12345");
    for target in [&victim, &outside.join("nothing")] {
        put_link(target, &run.join(".lock"));
        let message = refused(folder.path(), &resume);
        assert!(message.contains("run/.lock is a link"), "{message}");
        assert!(content() == before);
    }
    fs::remove_file(run.join(".lock")).unwrap();
    fs::hard_link(&victim, run.join(".lock")).unwrap();
    let message = refused(folder.path(), &flags);
    assert!(message.contains("run/.lock") && message.contains("hard link"), "{message}");
    assert!(content() == before && files(&run).len() == own.len());
    fs::remove_file(run.join(".lock")).unwrap();

    // Files are replaced, whatever their names stood for.
    for name in ["cycles.csv", "timings.csv", "progress.json", "network.json", "latency.csv"] {
        put_link(&victim, &run.join(name));
    }
    fs::remove_file(run.join("network.safetensors")).unwrap();
    fs::hard_link(&victim, run.join("network.safetensors")).unwrap();
    succeed(folder.path(), &resume);
    assert!(content() == before);
    let again = files(&run);
    for (name, bytes) in &own {
        let timed = ["timings.csv", "progress.json", "latency.csv", "summary.json"];
        if !timed.iter().any(|timed| name.ends_with(timed)) {
            assert!(again[name] == *bytes, "{}", name.display());
        }
    }
    // A folder that somebody names may be a link.
    symlink(&run, folder.path().join("named")).unwrap();
    succeed(folder.path(), &["resume", "named"]);
}

#[test]
fn links_among_event_files_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let (outside, content) = victims(folder.path());
    let before = content();
    let short = ["--tensorboard", "--set", "compression.min_width=36", "--out"];
    let flags = |name: &'static str| small_run(&data, &[&short[..], &[name]].concat());
    let events = |run: &str| folder.path().join(run).join("tensorboard");
    succeed(folder.path(), &flags("run"));
    let file = events("run").join("dtc-seed0/events.out.tfevents.0.rayclip");
    let whole = fs::read(&file).unwrap().len();
    unfinished(folder.path(), &flags("run"));
    put_link(&outside.join("dtc-seed0/events.out.tfevents.0.rayclip"), &file);
    succeed(folder.path(), &flags("run"));
    assert!(content() == before);
    assert!(!file.is_symlink() && fs::read(&file).unwrap().len() == whole);

    unfinished(folder.path(), &flags("run"));
    put_link(&outside.join("dtc-seed0"), &events("run").join("dtc-seed0"));
    let result = output(folder.path(), &flags("run"));
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success() && stderr.contains("dtc-seed0 is a link"), "{stderr}");
    assert!(content() == before);
}

#[test]
fn a_report_is_written_through_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let (outside, content) = victims(folder.path());
    let before = content();
    let refuses = |arguments: &[&str], name: &str| {
        let message = refused(folder.path(), arguments);
        assert!(message.contains(&format!("{name} is a link")), "{message}");
        assert!(content() == before, "{name}");
    };
    put_link(&outside, &run.join("report"));
    refuses(&["report", "run"], "run/report");
    fs::remove_file(run.join("report")).unwrap();
    succeed(folder.path(), &["report", "run", "--tensorboard"]);
    for name in ["figures", "tensorboard"] {
        put_link(&outside, &run.join("report").join(name));
        refuses(&["report", "run", "--tensorboard"], &format!("run/report/{name}"));
        refuses(&["report", "run", "--out", "run/report"], &format!("run/report/{name}"));
        fs::remove_file(run.join("report").join(name)).unwrap();
    }
    // Files are replaced, and links in the folder of event files removed.
    succeed(folder.path(), &["report", "run", "--tensorboard"]);
    put_link(&outside.join("report.html"), &run.join("report/report.html"));
    put_link(&outside.join("figures/accuracy.svg"), &run.join("report/figures/accuracy.svg"));
    put_link(&outside.join("report.html"), &run.join("report/statistics.arrow"));
    put_link(&outside.join("dtc-seed0"), &run.join("report/tensorboard/dtc-seed0"));
    succeed(folder.path(), &["report", "run", "--tensorboard"]);
    assert!(content() == before);
    let page = fs::read_to_string(run.join("report/report.html")).unwrap();
    assert!(page.contains("<svg") && !run.join("report/report.html").is_symlink());
    let events = run.join("report/tensorboard/dtc-seed0/events.out.tfevents.0.rayclip");
    assert!(fs::metadata(events).unwrap().len() > 1000);
}

#[test]
fn runs_side_by_side_are_written_through_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let (outside, content) = victims(folder.path());
    let before = content();
    fs::write(folder.path().join("grid.toml"), "[grid]\nseed = [1]\n").unwrap();
    let mut sweep = small_run(&data, &["--out", "sweep"]);
    "sweep".clone_into(&mut sweep[0]);
    sweep.insert(1, "grid.toml".into());
    fs::create_dir(folder.path().join("sweep")).unwrap();
    fs::create_dir(outside.join("cells")).unwrap();
    put_link(&outside.join("cells"), &folder.path().join("sweep/cells"));
    let message = refused(folder.path(), &sweep);
    assert!(message.contains("sweep/cells is a link"), "{message}");
    fs::remove_file(folder.path().join("sweep/cells")).unwrap();
    succeed(folder.path(), &sweep);
    let cell = fs::read_dir(folder.path().join("sweep/cells")).unwrap().next().unwrap().unwrap();
    // A run of its own elsewhere, and an empty folder.
    fs::rename(cell.path(), folder.path().join("elsewhere")).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for name in ["elsewhere", "empty"] {
        let target = folder.path().join(name);
        let own = files(&target);
        put_link(&target, &cell.path());
        let message = refused(folder.path(), &sweep);
        assert!(message.contains("is a link"), "{message}");
        assert!(files(&target) == own);
    }
    put_link(&outside.join("12345"), &folder.path().join("sweep/grid.toml"));
    put_link(&outside.join("12345"), &folder.path().join("sweep/.lock"));
    let message = refused(folder.path(), &sweep);
    assert!(message.contains("sweep/.lock is a link"), "{message}");

    fs::create_dir(folder.path().join("paper")).unwrap();
    put_link(&outside, &folder.path().join("paper/.lock"));
    let mut reproduce = vec!["reproduce", "--out", "paper", "--device", "flex", "--data"];
    reproduce.extend([data.to_str().unwrap(), "--seeds", "0..2", "--set", "network.hidden=[24]"]);
    let message = refused(folder.path(), &reproduce);
    assert!(message.contains("paper/.lock is a link"), "{message}");
    fs::remove_file(folder.path().join("paper/.lock")).unwrap();
    for preset in ["corrected", "paper", "supplement"] {
        symlink(folder.path().join("empty"), folder.path().join("paper").join(preset)).unwrap();
    }
    let message = refused(folder.path(), &reproduce);
    assert!(message.contains("is a link"), "{message}");
    fs::remove_dir(outside.join("cells")).unwrap();
    assert!(content() == before && files(&folder.path().join("empty")).is_empty());
}

#[test]
fn a_new_folder_is_numbered_past_links() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let mut flags = small_run(&data, &["--quiet", "--set", "compression.min_width=36"]);
    flags.extend(["--seed".to_owned(), "3".into()]);
    let first = folder.path().join("runs/data-dtc-corrected-seed3");
    fs::create_dir(folder.path().join("runs")).unwrap();
    symlink(folder.path().join("nowhere"), &first).unwrap();
    let told = succeed(folder.path(), &flags);
    assert!(told.trim().ends_with("data-dtc-corrected-seed3-2"), "{told}");
    assert!(first.is_symlink() && !folder.path().join("nowhere").exists());
}
