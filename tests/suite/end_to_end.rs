//! Whole runs on a small data set.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{cycles, rayclip, small_data, small_run, succeed};

const PROMISED_COLUMNS: [&str; 10] = [
    "replica",
    "method",
    "seed",
    "cycle",
    "group",
    "width_before",
    "width_after",
    "sparsity",
    "accuracy_after_clip",
    "accuracy_after_training",
];

/// Runs with `extra` flags into `folder/name` and returns stdout.
fn run(folder: &Path, data: &Path, name: &str, extra: &[&str]) -> String {
    succeed(folder, &small_run(data, &[&["--out", name], extra].concat()))
}

fn column(run: &Path, name: &str) -> Vec<String> {
    cycles(run).into_iter().map(|mut row| row.remove(name).unwrap()).collect()
}

#[test]
fn a_run_goes_down_the_ladder_and_leaves_everything_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let stdout = run(folder.path(), &data, "run", &[]);
    let out = folder.path().join("run");
    let rows = cycles(&out);
    for name in PROMISED_COLUMNS {
        assert!(rows[0].contains_key(name), "no column {name}");
    }
    let widths = column(&out, "width_after");
    assert_eq!(widths, ["36", "32", "28", "25", "22", "19", "17", "15", "13", "11", "9"]);
    for accuracy in column(&out, "accuracy_after_training") {
        assert!(accuracy.parse::<f64>().unwrap() > 0.5, "{accuracy}");
    }
    assert!(stdout.contains("after training") && stdout.contains("run folder: run"), "{stdout}");
    // Cycle, neurons, sparsity, two accuracies, parameters, two times.
    let is_row = |line: &&str| {
        line.trim_start().starts_with(|c: char| c.is_ascii_digit())
            && line.split_whitespace().count() == 8
    };
    assert_eq!(stdout.lines().filter(is_row).count(), widths.len(), "{stdout}");

    // Kept neurons are in the first numbering, and every clip keeps a part of the last.
    let mut last: Vec<u64> = (0..40).collect();
    for (cycle, width) in widths.iter().enumerate() {
        let text = fs::read(out.join(format!("kept/cycle_{cycle:02}.json"))).unwrap();
        let kept: Value = serde_json::from_slice(&text).unwrap();
        let ids: Vec<u64> = kept["replicas"][0]["groups"]["layer_0"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_u64().unwrap())
            .collect();
        assert_eq!(ids.len().to_string(), *width);
        assert!(ids.iter().all(|id| last.contains(id)));
        last = ids;
    }

    let bytes = fs::read(out.join("network.safetensors")).unwrap();
    let network = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(network.tensor("layer_0.weight").unwrap().shape(), [1, 64, 9]);
    assert_eq!(network.tensor("layer_1.weight").unwrap().shape(), [1, 9, 10]);
    let json: Value = serde_json::from_slice(&fs::read(out.join("network.json")).unwrap()).unwrap();
    assert_eq!(json["image_shape"], serde_json::json!([8, 8]));
    let summary: Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["outcome"], "finished");
    assert_eq!(summary["parameters_after"], 64 * 9 + 9 * 10);
}

#[test]
fn the_same_seed_gives_the_same_run_and_its_config_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    run(folder.path(), &data, "first", &["--seed", "5"]);
    succeed(folder.path(), &["run", "--config", "first/config.toml", "--out", "second", "--quiet"]);
    run(folder.path(), &data, "other", &["--seed", "6"]);
    let network =
        |name: &str| fs::read(folder.path().join(name).join("network.safetensors")).unwrap();
    assert_eq!(network("first"), network("second"));
    assert_ne!(network("first"), network("other"));
}

#[test]
fn a_replica_in_a_batch_is_the_run_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    for device in ["flex", "ndarray"] {
        let of = |name: &str| folder.path().join(format!("{name}-{device}"));
        let name = |name: &str| of(name).display().to_string();
        run(folder.path(), &data, &name("three"), &["--replicas", "3", "--device", device]);
        run(folder.path(), &data, &name("alone"), &["--seed", "2", "--device", device]);
        let third: Vec<_> =
            cycles(&of("three")).into_iter().filter(|row| row["seed"] == "2").collect();
        let alone = cycles(&of("alone"));
        assert_eq!(third.len(), alone.len());
        for (third, alone) in third.iter().zip(&alone) {
            for name in ["accuracy_after_clip", "accuracy_after_training", "train_loss"] {
                assert_eq!(third[name], alone[name], "{name} on {device}");
            }
        }
    }
}

#[test]
fn every_method_and_preset_runs_on_several_layers() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let quick = ["--hidden", "24,16,12", "--set", "training.batches_per_cycle=5"];
    for preset in ["corrected", "paper", "supplement"] {
        for method in ["dtc", "magnitude", "l2", "random"] {
            let name = format!("{preset}-{method}");
            let flags = ["--preset", preset, "--method", method];
            run(folder.path(), &data, &name, &[&quick[..], &flags].concat());
            let rows = cycles(&folder.path().join(&name));
            let last = |layer: &str| {
                rows.iter().rev().find(|row| row["group"] == layer).unwrap()["width_after"].clone()
            };
            assert_eq!(["layer_0", "layer_1", "layer_2"].map(last), ["10", "10", "10"], "{name}");
        }
    }
}

#[test]
fn lines_and_table_show_every_layer_and_one_sparsity() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let quick = ["--hidden", "20,14,8", "--set", "training.batches_per_cycle=2"];
    let stdout = run(folder.path(), &data, "run", &quick);
    let lines: Vec<&str> = stdout.lines().filter(|line| line.contains("×10×8 ")).collect();
    let last = lines.last().unwrap();
    // 42 neurons at first; 10 + 10 + 8 are left.
    assert!(last.contains("10×10×8") && last.contains("0.3333"), "{stdout}");
    let row = stdout.lines().rfind(|line| line.contains('┆')).unwrap();
    assert!(row.contains("10 × 10 × 8") && row.contains("0.3333"), "{stdout}");
}

#[test]
fn json_is_one_object_a_line_and_quiet_is_the_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let stdout = run(folder.path(), &data, "json", &["--json", "--set", "network.bias=true"]);
    let events: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(events.iter().filter(|event| event["event"] == "cycle").count(), 11);
    assert_eq!(events.last().unwrap()["outcome"], "finished");
    assert_eq!(run(folder.path(), &data, "quiet", &["--quiet"]), "quiet\n");
}

#[test]
fn runs_without_a_folder_get_numbered_ones() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let quick = ["--quiet", "--set", "training.batches_per_cycle=1"];
    let first = succeed(folder.path(), &small_run(&data, &quick));
    let second = succeed(folder.path(), &small_run(&data, &quick));
    assert_eq!(first, "runs/data-dtc-corrected-seed0\n");
    assert_eq!(second, "runs/data-dtc-corrected-seed0-2\n");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_after_the_current_batch_and_leaves_a_valid_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let long = ["--out", "run", "--set", "training.batches_per_cycle=1000000"];
    let child = rayclip(folder.path(), &small_run(&data, &long))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = folder.path().join("run");
    while !out.join("config.toml").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let interrupt = ["-INT".to_owned(), child.id().to_string()];
    assert!(std::process::Command::new("kill").args(interrupt).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["outcome"], "interrupted");
    let header = fs::read_to_string(out.join("cycles.csv")).unwrap();
    assert!(header.starts_with("replica,method,seed,cycle,group,"), "{header}");
    assert!(out.join("network.safetensors").exists());
}
