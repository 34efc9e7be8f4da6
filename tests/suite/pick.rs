//! `rayclip pick`: one network of a run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::plain_network::PlainNetwork;
use crate::support::{cycles, output, refused, small_compare, small_data, small_run, succeed};

/// A run of two methods and seeds, with images held out or not.
fn run(folder: &Path, name: &str, extra: &[&str]) {
    let data = small_data(folder);
    let own = ["--methods", "magnitude,scratch", "--seeds", "0..2", "--keep", "0.6"];
    succeed(folder, &small_compare(&data, name, &[&own[..], extra].concat()));
}

fn picked(folder: &Path, flags: &[&str]) -> Value {
    let stdout = succeed(folder, &[&["pick"], flags, &["--json"]].concat());
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn the_smallest_network_that_is_accurate_enough_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "run", &["--validation", "0.2"]);
    let rows = cycles(&folder.join("run"));
    let value = |row: &std::collections::BTreeMap<String, String>, name: &str| {
        row[name].parse::<f64>().unwrap()
    };
    // The accuracy of some row in the middle.
    let mut accuracies: Vec<f64> =
        rows.iter().map(|row| value(row, "validation_after_training")).collect();
    accuracies.sort_by(f64::total_cmp);
    let least = accuracies[accuracies.len() / 2];
    let enough = rows.iter().filter(|row| value(row, "validation_after_training") >= least);
    let smallest = enough.map(|row| value(row, "parameters")).fold(f64::MAX, f64::min);
    let event =
        picked(folder, &["run", "--accuracy", &least.to_string(), "--out", "small.safetensors"]);
    assert_eq!((&event["event"], &event["chosen_on"]), (&"picked".into(), &"validation".into()));
    let network = &event["network"];
    assert_eq!(network["parameters"].as_f64().unwrap(), smallest);
    let small = fs::read(folder.join("small.safetensors")).unwrap();
    let about = PlainNetwork::read(&folder.join("small.safetensors")).about;
    let validation: f64 = about["accuracy_validation"].parse().unwrap();
    assert!((validation - network["accuracy_validation"].as_f64().unwrap()).abs() < 1e-12);
    let source = format!(
        "run/networks/{}_seed_{}/cycle_{:02}.safetensors",
        network["method"].as_str().unwrap(),
        network["seed"],
        network["clip"].as_u64().unwrap()
    );
    assert!(fs::read(folder.join(source)).unwrap() == small);

    // 40 → 24, 14, 8. A size is filled; the default name tells what is in the file, and twice is as good as once.
    for _ in 0..2 {
        let stdout = succeed(
            folder,
            &["pick", "run", "--neurons", "30", "--method", "magnitude", "--seed", "1"],
        );
        assert!(stdout.contains("written to magnitude_seed_1_24.safetensors"), "{stdout}");
        assert!(stdout.contains("│ magnitude ┆    1 ┆    0 ┆      24 ┆"), "{stdout}");
        assert!(stdout.contains("chosen by its size alone"), "{stdout}");
    }
    let stdout = succeed(folder, &["pick", "run", "--max-drop", "1", "--out", "m.safetensors"]);
    assert!(stdout.contains("on held-out images: its test accuracy is an unbiased"), "{stdout}");
    // A fresh network has lost nothing: there is nothing that it could have lost.
    assert!(stdout.contains("magnitude") && !stdout.contains("scratch"), "{stdout}");
    let drop = ["run", "--max-drop", "0", "--parameters", "1", "--json"];
    let result = output(folder, &[&["pick"][..], &drop].concat());
    assert_eq!(result.status.code(), Some(1));
    let event: Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(event["event"], "nothing-qualifies");
    assert_eq!(event["network"]["neurons"], 8);

    // Another network is not written over this one.
    let again = ["pick", "run", "--neurons", "40", "--out", "small.safetensors"];
    let message = refused(folder, &again);
    assert!(message.contains("small.safetensors exists") && message.contains("--out"), "{message}");
    assert!(fs::read(folder.join("small.safetensors")).unwrap() == small);
}

#[test]
fn without_held_out_images_it_says_what_that_means() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "run", &["--keep-networks", "halvings"]);
    let stdout = succeed(folder, &["pick", "run", "--accuracy", "0.2"]);
    assert!(stdout.contains("its test accuracy is too high on average"), "{stdout}");
    assert_eq!(picked(folder, &["run", "--accuracy", "0.2"])["chosen_on"], "test");
    // Before the first clip there is a network, too.
    let start = picked(folder, &["run", "--neurons", "40"]);
    assert_eq!(
        (&start["network"]["clip"], &start["network"]["neurons"]),
        (&Value::Null, &40.into())
    );
    let result = output(folder, &["pick", "run", "--accuracy", "1", "--neurons", "9"]);
    let stderr = String::from_utf8_lossy(&result.stderr);
    if result.status.code() == Some(1) {
        assert!(stderr.contains("no network has an accuracy of 1 on the test images"), "{stderr}");
        assert!(String::from_utf8_lossy(&result.stdout).contains("neurons"));
    } else {
        assert!(result.status.success(), "{stderr}");
    }
}

#[test]
fn what_cannot_be_picked_from_gets_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "run", &[]);
    fs::write(folder.join("file"), "").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["run"], "--accuracy 0.98"),
        (&["run", "--accuracy", "98"], "between 0 and 1"),
        (&["run", "--neurons", "0"], "at least 1"),
        (&["run", "--neurons", "9", "--method", "dtc"], "it has magnitude, scratch"),
        (&["run", "--neurons", "9", "--seed", "7"], "it has 0 to 1"),
        (&["nowhere", "--neurons", "9"], "nowhere"),
        (&["file", "--neurons", "9"], "file"),
        (&["data", "--neurons", "9"], "not the folder of a run"),
        (&["run", "--neurons", "9", "--out", "none/here"], "none/here"),
    ];
    for (flags, part) in cases {
        let message = refused(folder, &[&["pick"], flags].concat());
        assert!(message.contains(part), "{flags:?}: {message}");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
    // A file that is another network than it should be, or a damaged one.
    let networks = folder.join("run/networks/magnitude_seed_0");
    let [one, other] =
        ["cycle_00", "cycle_01"].map(|name| networks.join(format!("{name}.safetensors")));
    let whole = fs::read(&one).unwrap();
    let pick =
        ["pick", "run", "--neurons", "24", "--method", "magnitude", "--seed", "0", "--out", "x"];
    for bytes in [fs::read(&other).unwrap(), whole[..100].to_vec(), vec![0; 20]] {
        fs::write(&one, bytes).unwrap();
        let message = refused(folder, &pick);
        assert!(message.contains("cycle_00.safetensors is damaged"), "{message}");
    }
    fs::write(&one, &whole).unwrap();
    // A manifest vouches for every byte.
    let manifest = folder.join("run/manifest.json");
    let name = "networks/magnitude_seed_0/cycle_00.safetensors";
    let digest = rayclip_data::sha256([whole.as_slice()]);
    let text = |digest: &str| format!(r#"{{"format":1,"files":{{"{name}":"{digest}"}}}}"#);
    fs::write(&manifest, text("0")).unwrap();
    assert!(refused(folder, &pick).contains("its SHA-256 is not that of the manifest"));
    fs::write(&manifest, text(&digest)).unwrap();
    succeed(folder, &pick);
    fs::remove_dir_all(folder.join("run/networks/magnitude_seed_0")).unwrap();
    fs::remove_dir_all(folder.join("run/networks/scratch_seed_0")).unwrap();
    let message = refused(folder, &["pick", "run", "--neurons", "24", "--seed", "0"]);
    assert!(message.contains("has no network to pick"), "{message}");
}

#[test]
fn of_an_old_run_the_last_network_is_picked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    let flags = ["--out", "run", "--replicas", "2", "--set", "network.bias=true"];
    succeed(folder, &small_run(&data, &flags));
    let newest = fs::read(folder.join("run/networks/dtc_seed_1/cycle_10.safetensors")).unwrap();
    // As a run of before networks were kept.
    fs::remove_dir_all(folder.join("run/networks")).unwrap();
    let old = ["pick", "run", "--neurons", "9", "--seed", "1", "--out", "old.safetensors"];
    let result = output(folder, &old);
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{stderr}");
    assert!(stderr.contains("only the last network of each replica"), "{stderr}");
    assert!(fs::read(folder.join("old.safetensors")).unwrap() == newest);
    let result = output(folder, &["pick", "run", "--neurons", "30", "--parameters", "1"]);
    assert_eq!(result.status.code(), Some(1));
}

#[test]
fn nothing_is_picked_by_files_that_are_not_as_the_run_left_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    succeed(folder, &small_run(&data, &["--out", "run", "--quiet"]));
    let run = folder.join("run");
    let pick = ["pick", "run", "--neurons", "14", "--out", "picked.safetensors"];
    let table = fs::read(run.join("cycles.csv")).unwrap();
    fs::write(run.join("cycles.csv"), [&table[..], b" "].concat()).unwrap();
    let message = refused(folder, &pick);
    assert!(message.contains("cycles.csv: it is damaged"), "{message}");
    fs::write(run.join("cycles.csv"), table).unwrap();
    fs::remove_file(run.join("summary.json")).unwrap();
    let message = refused(folder, &pick);
    assert!(
        message.contains("summary.json") && message.contains("rayclip resume run"),
        "{message}"
    );
    succeed(folder, &["resume", "run"]);
    assert!(!folder.join("picked.safetensors").exists());
    // One network less is no other network.
    let networks = run.join("networks/dtc_seed_0");
    fs::remove_file(networks.join("cycle_00.safetensors")).unwrap();
    let result = output(folder, &pick);
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success() && stderr.contains("missing: 1 networks"), "{stderr}");
    assert!(stderr.contains("cycle_00.safetensors"), "{stderr}");
    // A comparison shows the rest, and says so.
    let result = output(folder, &["compare", "run"]);
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("damaged: ") && stderr.contains("cycle_00.safetensors"), "{stderr}");
}
