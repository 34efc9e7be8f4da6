//! Where output cannot go, what files say to a terminal, and runs that are looked at from elsewhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    ends_with, output, rayclip, refused, small_data, small_run, succeed, summary,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Kills `command` once the run in `run` has so many rows.
fn killed_with_rows(mut command: Command, run: &Path, rows: usize) {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while fs::read_to_string(run.join("cycles.csv")).unwrap_or_default().lines().count() <= rows {
        assert!(began.elapsed() < Duration::from_mins(2), "no clip");
        assert!(process.try_wait().unwrap().is_none(), "the run has ended");
        std::thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

/// As [`small_run`], of some seconds.
fn long_run(data: &Path, extra: &[&str]) -> Vec<String> {
    small_run(data, &[&["--set", "training.batches_per_cycle=300"][..], extra].concat())
}

/// A finished run without the list of its files: what is changed in it then is as in a folder that has none.
fn without_manifest(run: &Path) {
    let _none = fs::remove_file(run.join("manifest.json"));
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_a_full_device_refuses_are_missed() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "run"]));
    let problem = r#"{"a":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]},"y":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}}"#;
    let numbers = [1.0_f64, 2.0, 3.0].map(f64::to_le_bytes).concat();
    let bytes = [&(problem.len() as u64).to_le_bytes(), problem.as_bytes(), &numbers].concat();
    fs::write(folder.path().join("p.safetensors"), bytes).unwrap();
    let another = small_run(&data, &["--out", "another"]);
    let another: Vec<&str> = another.iter().map(String::as_str).collect();
    let solve = ["solve", "p.safetensors", "--lambda", "0.1", "--device", "flex", "--out", "x"];
    let commands: [&[&str]; 10] = [
        &["devices"],
        &["devices", "--json"],
        &["--help"],
        &["--version"],
        &["run", "--help"],
        &["watch", "run", "--once"],
        &["report", "run"],
        &["resume", "run"],
        &solve,
        &another,
    ];
    for arguments in commands {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let result = rayclip(folder.path(), arguments).stdout(full).output().unwrap();
        let stderr = text(&result.stderr);
        assert_eq!(result.status.code(), Some(2), "{arguments:?}: {stderr}");
        let message = "error: cannot write the results to stdout: No space left on device";
        assert_eq!(stderr.matches("error:").count(), 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
        // What a reader has left that went away is no error.
        let mut command = rayclip(folder.path(), arguments);
        if arguments.contains(&"solve") {
            fs::remove_file(folder.path().join("x")).unwrap();
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(process.stdout.take());
        let result = process.wait_with_output().unwrap();
        assert!(result.status.code() != Some(2), "{arguments:?}: {}", text(&result.stderr));
    }
    // The run itself is there.
    assert_eq!(summary(&folder.path().join("another"))["outcome"], "finished");
}

#[test]
fn a_comparison_with_a_run_that_is_not_finished_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "finished"]));
    let flags = long_run(&data, &["--out", "run", "--method", "l2"]);
    killed_with_rows(rayclip(folder.path(), &flags), &folder.path().join("run"), 3);
    succeed(folder.path(), &["compare", "finished"]);
    for flags in [&["compare", "finished", "run"][..], &["compare", "finished", "run", "--json"]] {
        let result = output(folder.path(), flags);
        let said = text(&result.stdout) + &text(&result.stderr);
        assert_eq!(result.status.code(), Some(1), "{said}");
        assert!(said.contains("is not finished"), "{said}");
    }
}

/// What obeys nobody, forges no message and ends: what was said of `what`.
fn assert_tame(said: &str, what: &str) {
    let obeyed = |c: char| rayclip_data::is_obeyed(c) && !['\n', '\t'].contains(&c);
    assert!(!said.contains(obeyed), "{what}: {said:?}");
    assert!(!said.lines().any(|line| line.starts_with("forged")), "{what}: {said}");
    let longest = said.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest < 4500, "{what}: a line of {longest} characters");
}

const HOSTILE: &str = "x\u{1b}[2J\u{9b}1m\u{202e}\u{7}\r\nforged: all is well\n";

/// Writes `text` with its first `from` replaced.
fn spoiled(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_files_say_reaches_no_terminal_raw() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = folder.path().join("run");
    let fresh = |name: &str| {
        let _none = fs::remove_dir_all(&run);
        let flags = ["--out", "run", "--quiet", "--set", "compression.min_width=30"];
        succeed(folder.path(), &small_run(&data, &flags));
        without_manifest(&run);
        run.join(name)
    };
    let json = serde_json::to_string(HOSTILE).unwrap();
    let long = serde_json::to_string(&format!("{HOSTILE}{}", "y".repeat(1 << 20))).unwrap();
    let commands: [&[&str]; 6] = [
        &["report", "run", "--out", "page"],
        &["compare", "run"],
        &["compare", "run", "run", "--json"],
        &["watch", "run", "--once"],
        &["resume", "run"],
        &["run", "--config", "run/config.toml", "--data", "data", "--out", "again"],
    ];
    let of_toml = serde_json::to_string(&format!("{HOSTILE}{}", "y".repeat(1 << 14))).unwrap();
    let spoils: [(&str, &str, String); 9] = [
        ("summary.json", "\"data\"", format!("{json}: 1, \"data\"")),
        ("summary.json", "\"name\": \"data\"", format!("\"name\": {json}")),
        ("summary.json", "\"device\": \"flex\"", format!("\"device\": {long}")),
        ("summary.json", "\"error\": null", format!("\"error\": {long}")),
        ("summary.json", "\"test\": 200", format!("\"test\": {long}")),
        ("cycles.csv", ",dtc,", format!(",\"{HOSTILE}\",")),
        ("config.toml", "seed = 0", format!("seed = {json}")),
        ("config.toml", "batch_size = 50", format!("batch_size = {of_toml}")),
        ("config.toml", "[data]", format!("{json} = 1\n[data]")),
    ];
    for (name, from, to) in spoils {
        let path = fresh(name);
        spoiled(&path, from, &to);
        for arguments in commands {
            let result = output(folder.path(), arguments);
            let what = format!("{name} {from} {arguments:?}");
            assert_tame(&text(&result.stdout), &what);
            assert_tame(&text(&result.stderr), &what);
            assert!(result.status.code().is_some(), "{what}");
        }
        let _none = fs::remove_dir_all(folder.path().join("again"));
    }
    // A value of a file is refused by the name of the file.
    let path = fresh("config.toml");
    spoiled(&path, "batch_size = 50", "batch_size = \"many\"");
    let again = ["run", "--config", "run/config.toml"];
    let message = refused(folder.path(), &again);
    assert!(
        message.contains("training.batch_size") && message.contains("run/config.toml"),
        "{message}"
    );
    // Names of folders and files are no better.
    fs::create_dir(folder.path().join("runs")).unwrap();
    fs::rename(&run, folder.path().join("runs").join(HOSTILE.replace('/', ""))).unwrap();
    assert_tame(&refused(folder.path(), &["report", "runs"]), "a name");
}

#[test]
fn a_finished_run_without_its_latency_says_so_without_colours() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = folder.path().join("run");
    killed_with_rows(rayclip(folder.path(), &long_run(&data, &["--out", "run"])), &run, 2);
    fs::create_dir_all(run.join("latency.csv/not-empty")).unwrap();
    let result = output(folder.path(), &["resume", "run"]);
    let stderr = text(&result.stderr);
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("WARN") && stderr.contains("lacks latency.csv: "), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
    let without = summary(&run)["without"][0].as_str().unwrap().to_owned();
    assert!(without.starts_with("latency.csv: cannot write "), "{without}");
}

#[test]
fn a_run_is_resumed_from_another_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let relative = long_run(Path::new("data"), &["--out", "run"]);
    let run = folder.path().join("run");
    succeed(folder.path(), &long_run(&data, &["--out", "whole"]));
    killed_with_rows(rayclip(folder.path(), &relative), &run, 2);
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    // Other images of the same name lie there.
    let decoy = elsewhere.join("data");
    small_data(&elsewhere);
    fs::write(decoy.join("train-labels-idx1-ubyte"), "none").unwrap();
    let result = output(&elsewhere, &["resume", "../run"]);
    let stderr = text(&result.stderr);
    assert!(result.status.success() && stderr.contains("resumed: "), "{stderr}");
    for name in ["network.safetensors", "cycles.csv", "summary.json"] {
        let of = |run: &str| fs::read(folder.path().join(run).join(name)).unwrap();
        assert!(of("run") == of("whole"), "{name}");
    }
    // By whatever path the images are named, it is the same run.
    let mut again = long_run(&data, &["--out", "../run"]);
    for images in [data.to_str().unwrap(), "../data"] {
        again[2] = images.to_owned();
        let result = output(&elsewhere, &again);
        assert!(
            text(&result.stderr).contains("finished: nothing was run"),
            "{}",
            text(&result.stderr)
        );
    }
    // Images that are nowhere are asked for by both names.
    without_manifest(&run);
    fs::rename(&data, folder.path().join("moved")).unwrap();
    fs::remove_dir_all(&decoy).unwrap();
    let message = refused(&elsewhere, &["resume", "../run"]);
    assert!(
        message.contains(data.to_str().unwrap()) && message.contains("data.source"),
        "{message}"
    );
}

#[test]
fn a_finished_run_is_shown_where_its_device_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = small_run(&data, &["--out", "run"]);
    succeed(folder.path(), &flags);
    let run = folder.path().join("run");
    without_manifest(&run);
    // This machine has no such device, or this rayclip was built without it.
    spoiled(&run.join("config.toml"), "device = \"flex\"", "device = \"cuda\"");
    if output(folder.path(), &small_run(&data, &["--out", "cuda", "--device", "cuda"]))
        .status
        .success()
    {
        return crate::support::skipped(
            "a_finished_run_is_shown_where_its_device_is_not",
            "cuda works",
        );
    }
    let auto: Vec<String> = {
        let at = flags.iter().position(|flag| flag == "--device").unwrap();
        [&flags[..at], &flags[at + 2..]].concat()
    };
    for again in [vec!["resume".to_owned(), "run".into()], auto] {
        let result = output(folder.path(), &again);
        let stderr = text(&result.stderr);
        assert!(result.status.success(), "{again:?}: {stderr}");
        assert!(stderr.contains("finished: nothing was run"), "{stderr}");
        assert!(text(&result.stdout).contains("after training"), "{}", text(&result.stdout));
    }
    let message = ends_with(2, folder.path(), &flags);
    assert!(message.contains("another run"), "{message}");
}
