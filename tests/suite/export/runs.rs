//! Networks of run folders and of rayclip's own files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::{ends_with, output, refused, small_compare, small_data, succeed};

/// A run of two methods and two seeds.
fn run(folder: &Path) -> PathBuf {
    let data = small_data(folder);
    let own = ["--methods", "magnitude,scratch", "--seeds", "0..2", "--keep", "0.5"];
    let short = ["--hidden", "24", "--set", "training.batches_per_cycle=5"];
    succeed(folder, &small_compare(&data, "run", &[&own[..], &short].concat()));
    folder.join("run")
}

/// The last network that a run kept of a replica.
fn last(run: &Path, replica: &str) -> PathBuf {
    let entries = fs::read_dir(run.join("networks").join(replica)).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("start.safetensors"))
        .max()
        .unwrap()
}

fn export(folder: &Path, network: &str, out: &str, more: &[&str]) -> Vec<u8> {
    let flags = ["export", network, "--to", "safetensors", "--out", out];
    succeed(folder, &[&flags[..], more].concat());
    fs::read(folder.join(out)).unwrap()
}

/// Tensors by name, with their extents.
fn tensors(bytes: &[u8]) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        (name, view.shape().to_vec(), view.data().to_vec())
    };
    let mut all: Vec<_> = file.tensors().into_iter().map(tensor).collect();
    all.sort();
    all
}

#[test]
fn the_last_network_of_a_chosen_replica_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = run(folder);
    let message = refused(folder, &["export", "run", "--to", "onnx", "--out", "x.onnx"]);
    let there_are = "it has 4 networks: magnitude (seeds 0 to 1), scratch (seeds 0 to 1)";
    assert!(message.contains(there_are) && message.contains("--method and --seed"), "{message}");
    assert!(!folder.join("x.onnx").exists());

    let magnitude = fs::read(last(&run, "magnitude_seed_1")).unwrap();
    let chosen = ["--method", "magnitude", "--seed", "1"];
    assert!(export(folder, "run", "a.safetensors", &chosen) == magnitude);
    let scratch = fs::read(last(&run, "scratch_seed_1")).unwrap();
    assert!(export(folder, "run", "b.safetensors", &["--replica", "scratch_seed_1"]) == scratch);
    // The file with the last networks of all replicas has the same tensors.
    let file = run.join("network.safetensors");
    let of_file = export(folder, file.to_str().unwrap(), "c.safetensors", &chosen);
    assert_eq!(tensors(&of_file), tensors(&magnitude));
    let none = ["--method", "magnitude", "--seed", "7"];
    let flags = ["export", "run", "--to", "onnx", "--out", "x.onnx"];
    let message = refused(folder, &[&flags[..], &none].concat());
    assert!(message.contains("no network with the method magnitude and the seed 7; it has"));

    // A file that the run did not write is refused.
    let damaged = last(&run, "scratch_seed_0");
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let message = refused(folder, &[&flags[..], &["--replica", "scratch_seed_0"]].concat());
    assert!(message.contains("SHA-256 is not that of the manifest"), "{message}");

    // Only the summary tells which network of the file is whose.
    fs::remove_file(run.join("summary.json")).unwrap();
    let flags = ["export", "run/network.safetensors", "--to", "onnx", "--out", "x.onnx"];
    for chosen in [&[][..], &["--seed", "1"], &["--seed", "99"]] {
        let message = refused(folder, &[&flags[..], chosen].concat());
        assert!(message.contains("summary.json"), "{message}");
    }
}

#[test]
fn files_of_earlier_versions_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = run(folder);
    let path = last(&run, "magnitude_seed_0");
    let bytes = fs::read(&path).unwrap();
    // The metadata of a perceptron had no graph.
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut about: HashMap<String, String> = header.metadata().clone().unwrap();
    assert!(about.remove("graph").is_some_and(|graph| graph.contains("\"layers.0\"")));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let old = safetensors::serialize(file.tensors(), Some(about)).unwrap();
    fs::write(folder.join("old.safetensors"), old).unwrap();
    assert!(export(folder, "old.safetensors", "new.safetensors", &[]) == bytes);

    // Version 0.1 had no networks of rungs, and described a perceptron by its shape.
    fs::remove_dir_all(run.join("networks")).unwrap();
    fs::remove_file(run.join("manifest.json")).unwrap();
    let json = run.join("network.json");
    let described: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let width = &described["graph"]["nodes"][0]["op"]["linear"]["outputs"];
    let old = serde_json::json!({
        "shape": { "replicas": 4, "inputs": 64, "hidden": [width], "outputs": 10, "bias": false },
        "image_shape": [8, 8],
        "mean": described["mean"],
        "deviation": described["deviation"],
    });
    fs::write(&json, old.to_string()).unwrap();
    let chosen = ["--method", "magnitude", "--seed", "0"];
    let of_old = export(folder, "run", "of-old.safetensors", &chosen);
    assert_eq!(tensors(&of_old), tensors(&bytes));
    let (_, header) = SafeTensors::read_metadata(&of_old).unwrap();
    let about = header.metadata().clone().unwrap();
    assert_eq!((about["method"].as_str(), about["image_shape"].as_str()), ("magnitude", "[8, 8]"));
}

#[test]
fn what_is_written_is_verified_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder);
    let chosen = ["--replica", "magnitude_seed_0", "--verify", "--data", "data"];
    for to in ["safetensors", "pytorch", "burn"] {
        let flags = ["export", "run", "--to", to, "--out", to];
        let printed = succeed(folder, &[&flags[..], &chosen].concat());
        assert!(
            printed.contains("largest difference of the scores of 200 images: 0e0"),
            "{printed}"
        );
    }
    // A file of another network in the same folder is not what was written.
    let other =
        ["export", "run", "--to", "pytorch", "--out", "both", "--replica", "scratch_seed_1"];
    succeed(folder, &other);
    let flags = ["export", "run", "--to", "burn", "--out", "both"];
    let printed = succeed(folder, &[&flags[..], &chosen].concat());
    assert!(printed.contains("images: 0e0"), "{printed}");
    let before = fs::read(folder.join("pytorch/model.py")).unwrap();
    let flags =
        ["export", "run", "--to", "pytorch", "--out", "pytorch", "--replica", "scratch_seed_0"];
    let message = refused(folder, &flags);
    assert!(
        message.contains("weights.safetensors exists, and nothing was overwritten"),
        "{message}"
    );
    assert!(fs::read(folder.join("pytorch/model.py")).unwrap() == before);
    succeed(folder, &[&flags[..], &["--force"]].concat());

    // Weights that somebody changed are no longer those of the network.
    let file = folder.join("safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let place = bytes.len() - 1;
    bytes[place] ^= 0x40;
    fs::write(&file, bytes).unwrap();
    let flags = ["export", "safetensors", "--to", "burn", "--out", "other"];
    let result = output(folder, &flags);
    assert!(matches!(result.status.code(), Some(0 | 2)));
}

#[test]
fn a_wrong_call_is_answered_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    small_data(folder);
    fs::write(folder.join("net.toml"), "input = { channels = 4 }\nnodes = []").unwrap();
    fs::write(folder.join("noise"), [0xff, 0xfe, 0, 1]).unwrap();
    for (flags, expected) in [
        ("none --to onnx --out x", "there is no run here"),
        ("none.pt --to onnx --out x", "none.pt: there is no such file"),
        ("noise --to onnx --out x", "noise: it is no file with a network; expected a run folder"),
        ("net.toml --to onnx --out x", "it has no weights; name the file with the weights"),
        ("data --to onnx --out x", "neither the folder of a run nor that of an exported network"),
        ("data --to onxn --out x", "[possible values: onnx, safetensors, pytorch, burn]"),
        ("data --to burn --out x --with-preprocessing", "needs --to onnx"),
        ("data --to onnx --out x --verify", "--data"),
    ] {
        let words: Vec<&str> = ["export"].into_iter().chain(flags.split_whitespace()).collect();
        let message = ends_with(2, folder, &words);
        assert!(message.contains(expected), "{flags}: {message}");
        assert!(!folder.join("x").exists());
    }
}
