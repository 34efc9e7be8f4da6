//! `--trace`: where the time of a run goes.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{cycles, refused, small_compare, small_data, succeed};

/// How often each span was seen in each other one, from the events of a trace. Every span must end.
fn spans(events: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut open: BTreeMap<u64, Vec<(String, f64)>> = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] != "M") {
        let (name, time) = (event["name"].as_str().unwrap().to_owned(), event["ts"].as_f64());
        let of_thread = open.entry(event["tid"].as_u64().unwrap()).or_default();
        if event["ph"] == "B" {
            let parent = of_thread.last().map_or("", |(name, _)| name).to_owned();
            *seen.entry((parent, name.clone())).or_default() += 1;
            of_thread.push((name, time.unwrap()));
        } else {
            assert_eq!(event["ph"], "E", "{event}");
            let (ended, began) = of_thread.pop().unwrap();
            assert!(ended == name && began <= time.unwrap(), "{event}");
        }
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    seen
}

#[test]
fn a_trace_has_the_parts_of_a_run_and_changes_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = ["--methods", "dtc,scratch", "--seeds", "0..1", "--validation", "0.1"];
    let flags = [&flags[..], &["--target-parameters", "0.5", "--steps", "1"]].concat();
    let traced = [&flags[..], &["--trace", "trace.json"]].concat();
    succeed(folder.path(), &small_compare(&data, "plain", &flags));
    succeed(folder.path(), &small_compare(&data, "traced", &traced));
    let trace = folder.path().join("trace.json");
    let events: Vec<Value> = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    let spans = spans(&events);
    let times = |parent: &str, name: &str| {
        spans.get(&(parent.to_owned(), name.to_owned())).copied().unwrap_or(0)
    };
    // Two cycles of 30 batches, and as many of the fresh network.
    assert_eq!(times("", "batch"), 120, "{spans:?}");
    for part in ["gather", "forward", "backward", "update"] {
        assert_eq!(times("batch", part), 120, "{spans:?}");
    }
    assert_eq!(times("score", "rays"), 1, "{spans:?}");
    for part in ["solve", "certificate"] {
        assert_eq!(times("rays", part), 1, "{spans:?}");
    }
    assert_eq!([times("", "clip"), times("clip", "rebuild")], [1, 1], "{spans:?}");
    for part in ["upload", "evaluation", "checkpoint", "latency"] {
        assert!(times("", part) > 0, "{part}: {spans:?}");
    }
    let [plain, traced] = ["plain", "traced"].map(|name| cycles(&folder.path().join(name)));
    assert_eq!(plain, traced);
}

#[test]
fn a_trace_overwrites_nothing_and_needs_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.json"), "mine").unwrap();
    for (file, reason) in [("mine.json", "exists"), ("none/trace.json", "No such file")] {
        let told = refused(folder.path(), &["run", "--out", "run", "--trace", file]);
        assert!(told.contains("--trace: cannot create") && told.contains(reason), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("mine.json")).unwrap(), "mine");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_command_that_is_refused_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--data", "none"], ["--set", "training.batch_size=0"]] {
        let told = refused(
            folder.path(),
            &[&["run", "--device", "flex", "--trace", "t.json"], &flags[..]].concat(),
        );
        assert!(!told.contains("--trace"), "{told}");
        assert!(!folder.path().join("t.json").exists(), "{flags:?}");
    }
}
