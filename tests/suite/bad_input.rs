//! Whatever is wrong gets one clear message, exit code 2, and overwrites nothing.

use std::fs;
use std::path::Path;

use crate::support::{ends_with, idx, rayclip, refused, small_data, small_run};

/// Stderr of the small run with `extra` flags, which must be refused.
fn refused_run(folder: &Path, extra: &[&str]) -> String {
    let data = folder.join("data");
    refused(folder, &small_run(&data, extra))
}

fn assert_parts(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    assert_eq!(message.matches("error:").count(), 1, "one message: {message}");
}

#[test]
fn damaged_data_is_named() {
    let labels = |value: u8| idx(&[600], &[value; 600]);
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        (
            "train-images-idx3-ubyte",
            idx(&[600, 8, 8], &[0; 100]),
            &["train-images", "38400", "100"],
        ),
        ("train-images-idx3-ubyte", vec![1, 2, 3, 4, 5, 6], &["train-images", "not an IDX file"]),
        ("train-images-idx3-ubyte", vec![0, 0], &["train-images", "truncated"]),
        ("train-images-idx3-ubyte", idx(&[0, 8, 8], &[]), &["train-images", "0 images"]),
        ("test-images-idx3-ubyte", idx(&[200, 4, 4], &[0; 3200]), &["test-images", "[4, 4]"]),
        ("train-labels-idx1-ubyte", idx(&[599], &[1; 599]), &["600 images", "599 labels"]),
        ("train-labels-idx1-ubyte", labels(3), &["test label", "out of range"]),
    ];
    for (name, bytes, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(small_data(folder.path()).join(name), bytes).unwrap();
        assert_parts(&refused_run(folder.path(), &["--out", "run"]), parts);
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn a_folder_without_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    assert_parts(&refused_run(folder.path(), &[]), &["data", "training images", "four IDX files"]);
    let message = refused(folder.path(), &["run", "--data", "nowhere"]);
    assert_parts(&message, &["--data nowhere", "no such data set, folder or file"]);
}

#[test]
fn a_wrong_configuration_is_named() {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--hidden", "0"], &["network.hidden", "at least 1"]),
        (&["--hidden", "40,0"], &["network.hidden"]),
        (&["--hidden", "10"], &["nothing to compress", "min_width"]),
        (&["--method", "dtcc"], &["--method", "dtcc", "dtc"]),
        (&["--preset", "papper"], &["papper", "corrected, paper, supplement"]),
        (&["--device", "gpu"], &["device", "gpu", "wgpu"]),
        (&["--set", "training.bach_size=5"], &["training.bach_size", "training.batch_size"]),
        (&["--set", "training.batch_size=five"], &["training.batch_size", "five"]),
        (&["--set", "training.learning_rate=-1"], &["learning_rate", "positive"]),
        (&["--set", "solver.tolerance=1e-15"], &["solver.tolerance", "1e-12"]),
        (&["--set", "nonsense"], &["key=value"]),
        (&["--replicas", "0"], &["replicas", "at least 1"]),
    ];
    for (flags, parts) in cases {
        assert_parts(&refused_run(folder.path(), &[flags, &["--out", "run"]].concat()), parts);
        assert!(!folder.path().join("run").exists());
    }
    for (text, parts) in [
        ("compression = 3", &["file.toml", "compression"][..]),
        ("[compression]\nlamda = 1", &["file.toml", "compression.lamda", "compression.lambda"]),
        ("seed = ", &["file.toml", "TOML"]),
        ("seed = \"one\"", &["seed", "one"]),
    ] {
        fs::write(folder.path().join("file.toml"), text).unwrap();
        assert_parts(&refused_run(folder.path(), &["--config", "file.toml"]), parts);
    }
    assert_parts(&refused_run(folder.path(), &["--config", "none.toml"]), &["none.toml"]);
}

#[test]
fn a_run_folder_that_exists_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    fs::create_dir(folder.path().join("run")).unwrap();
    fs::write(folder.path().join("run/notes.txt"), "mine").unwrap();
    assert_parts(&refused_run(folder.path(), &["--out", "run"]), &["run", "no run", "--out"]);
    assert_eq!(fs::read_dir(folder.path().join("run")).unwrap().count(), 1);
    // A place where no folder can be made, for any user.
    let message = refused_run(folder.path(), &["--out", "run/notes.txt/run"]);
    assert_parts(&message, &["run/notes.txt"]);
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_keeps_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = ["--out", "run", "--set", "training.learning_rate=1e30"];
    // The documented code of a run whose replica diverged; and nobody goes on who is not there.
    let message = ends_with(1, folder.path(), &small_run(&data, &flags));
    assert_parts(&message, &["the network diverged", "training loss is NaN", "learning_rate"]);
    assert!(!message.contains("frozen") && !message.contains("continue"), "{message}");
    let summary = fs::read_to_string(folder.path().join("run/summary.json")).unwrap();
    assert!(summary.contains("\"failed\""), "{summary}");
}

#[test]
fn mnist_without_a_network_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = rayclip(folder.path(), &["run", "--data", "mnist"])
        .env("RAYCLIP_CACHE", folder.path().join("cache"))
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_parts(&stderr, &["train-images-idx3-ubyte", "cache/mnist", "--data DIR", "digits"]);
}
