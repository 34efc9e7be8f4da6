//! Networks from PyTorch in ONNX files: clipped here, run by onnxruntime.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{output, python_with, refused, script, skipped, succeed};

/// What the scripts need.
const PACKAGES: &str = "torch, onnx, onnxruntime";

/// Exports networks from PyTorch into a folder, and returns their names; `None` (said on stderr) without PyTorch.
fn exported(python: &str, folder: &Path, names: &[&str]) -> Vec<String> {
    let mut arguments = vec![folder.display().to_string()];
    arguments.extend(names.iter().map(|name| (*name).to_owned()));
    let printed = script(python, "onnx/networks.py", &arguments);
    printed.lines().map(ToOwned::to_owned).collect()
}

/// Clips `NAME.onnx` into `small.onnx`, and returns what was printed.
fn clipped(folder: &Path, name: &str, flags: &[&str]) -> Value {
    let file = format!("{name}.onnx");
    let arguments = [&["clip", &file, "--out", "small.onnx", "--force", "--json"], flags].concat();
    serde_json::from_str(&succeed(folder, &arguments)).unwrap()
}

/// Returns how far the clipped network is from the original whose clipped channels are silent.
fn difference(python: &str, folder: &Path, name: &str) -> f64 {
    let files = [format!("{name}.onnx"), "small.onnx".into(), "small.onnx.channels.json".into()];
    let files: Vec<String> =
        files.iter().map(|file| folder.join(file).display().to_string()).collect();
    script(python, "onnx/clip.py", &files).trim().parse().unwrap()
}

fn free(printed: &Value) -> usize {
    let groups = printed["groups"].as_array().unwrap();
    groups.iter().filter(|group| group["fixed"].is_null()).count()
}

#[test]
fn networks_of_pytorch_are_clipped_and_compute_what_is_left() {
    let Some(python) = python_with(PACKAGES) else {
        return skipped(
            "clips of ONNX files",
            "there is no Python with torch, onnx and onnxruntime",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // How many groups can be clipped: one for every layer that makes channels, less those that are added.
    let expected = [
        ("perceptron", 2),
        ("lenet", 4),
        ("resnet", 5),
        ("mobile_v2", 4),
        ("mobile_v3", 6),
        ("efficient", 6),
        ("densenet", 6),
        ("unet", 7),
        ("transformer", 2),
        ("grouped", 3),
        ("tied", 1),
    ];
    exported(&python, folder, &[]);
    for (name, groups) in expected {
        for flags in [&["--keep", "0.5"][..], &["--target-macs", "0.7", "--method", "dtc"]] {
            let printed = clipped(folder, name, flags);
            assert_eq!(free(&printed), groups, "{name}: {printed}");
            let [before, after] =
                ["before", "after"].map(|when| printed[when]["macs"].as_f64().unwrap());
            if flags[0] == "--target-macs" {
                assert!(after <= 0.7 * before && after > 0.4 * before, "{name}: {printed}");
            }
            let difference = difference(&python, folder, name);
            assert!(difference < 1e-5, "{name} {flags:?}: {difference}");
        }
    }
}

#[test]
fn a_clip_of_a_clip_knows_the_original_channels() {
    let Some(python) = python_with(PACKAGES) else {
        return skipped("clips of clips", "there is no Python with torch, onnx and onnxruntime");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    exported(&python, folder, &["lenet"]);
    let kept = |file: &str| -> Vec<u64> {
        let map = fs::read(folder.join(file)).unwrap();
        let map: Value = serde_json::from_slice(&map).unwrap();
        let group = map["groups"].as_object().unwrap().values().nth(1).unwrap().clone();
        assert_eq!(group["channels"].as_u64(), Some(16));
        group["kept"].as_array().unwrap().iter().map(|channel| channel.as_u64().unwrap()).collect()
    };
    succeed(folder, &["clip", "lenet.onnx", "--keep", "0.5", "--out", "half.onnx"]);
    succeed(folder, &["clip", "half.onnx", "--keep", "0.5", "--out", "quarter.onnx"]);
    let (half, quarter) = (kept("half.onnx.channels.json"), kept("quarter.onnx.channels.json"));
    assert_eq!((half.len(), quarter.len()), (8, 4));
    assert!(quarter.iter().all(|channel| half.contains(channel)), "{half:?} {quarter:?}");
    // The weights of the first clip are the largest, so both clips at once keep the same.
    succeed(
        folder,
        &["clip", "lenet.onnx", "--keep", "0.5", "--groups", "0,[3-9]", "--out", "again.onnx"],
    );
    assert_eq!(
        fs::read(folder.join("half.onnx")).unwrap(),
        fs::read(folder.join("again.onnx")).unwrap()
    );
}

#[test]
fn a_wrong_clip_is_refused_and_overwrites_nothing() {
    let Some(python) = python_with(PACKAGES) else {
        return skipped("refused clips", "there is no Python with torch, onnx and onnxruntime");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    exported(&python, folder, &["lenet"]);
    fs::write(folder.join("there.onnx"), "mine").unwrap();
    let whole = fs::read(folder.join("lenet.onnx")).unwrap();
    fs::write(folder.join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    let refuse = |arguments: &str| {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        refused(folder, &words)
    };
    for (arguments, said) in [
        (
            "clip lenet.onnx --keep 0.5 --out there.onnx",
            "there.onnx exists; nothing was overwritten",
        ),
        ("clip lenet.onnx --keep 0.5 --out lenet.onnx --force", "is the network itself"),
        ("clip lenet.onnx --keep 0.5 --out small.pt", "ends in .onnx"),
        (
            "clip cut.onnx --keep 0.5 --out small.onnx",
            "cut.onnx: not an ONNX file, or a truncated one",
        ),
        ("clip gone.onnx --keep 0.5 --out small.onnx", "gone.onnx"),
        ("clip lenet.onnx --keep 1.5 --out small.onnx", "fraction"),
        ("clip lenet.onnx --target-macs 0.0001 --out small.onnx", "cannot be reached"),
        ("clip lenet.onnx --keep 0.5 --groups fc9 --out small.onnx", "fits no group"),
        ("clip lenet.onnx --keep 0.5 --method taylor --out small.onnx", "needs images"),
        ("clip lenet.onnx --out small.onnx", "--keep"),
    ] {
        let stderr = refuse(arguments);
        assert!(stderr.contains(said), "{arguments}: {stderr}");
    }
    assert_eq!(fs::read(folder.join("there.onnx")).unwrap(), b"mine");
    assert!(!folder.join("small.onnx").exists());
}

#[test]
fn networks_of_pytorch_are_run_here_and_written_again() {
    let Some(python) = python_with(PACKAGES) else {
        return skipped("ONNX files read", "there is no Python with torch, onnx and onnxruntime");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = [
        "perceptron",
        "lenet",
        "resnet",
        "mobile_v2",
        "mobile_v3",
        "efficient",
        "densenet",
        "tied",
    ];
    exported(&python, folder, &[]);
    for name in run {
        for flags in [&[][..], &["--fold-batch-norm"]] {
            let file = format!("{name}.onnx");
            let arguments =
                [&["export", &file, "--to", "onnx", "--out", "again.onnx", "--force"], flags];
            succeed(folder, &arguments.concat());
            let files = ["again.onnx", &format!("{name}.npz")].map(|file| folder.join(file));
            let printed = script(&python, "onnx/same.py", &files);
            let difference: f64 = printed.trim().parse().unwrap();
            assert!(difference < 1e-5, "{name} {flags:?}: {difference}");
        }
        assert!(
            succeed(folder, &["inspect", &format!("{name}.onnx")]).contains("trained on"),
            "{name}"
        );
    }
    // What is not computed here is named, and can be clipped all the same.
    for (name, obstacle) in
        [("unet", "ConvTranspose"), ("transformer", "not computed"), ("grouped", "4 groups")]
    {
        let file = format!("{name}.onnx");
        let stderr = refused(folder, &["export", &file, "--to", "onnx", "--out", "no.onnx"]);
        assert!(stderr.contains(obstacle) && stderr.contains("rayclip clip"), "{stderr}");
        let printed = succeed(folder, &["inspect", &file, "--json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed["runs_here"], false);
        assert!(!printed["obstacles"].as_array().unwrap().is_empty());
    }
}

#[test]
fn torch_pruning_finds_the_same_groups_in_the_networks_behind_the_files() {
    let Some(python) = python_with("torch, torch_pruning, onnx") else {
        let why = "there is no Python with torch, torch_pruning and onnx";
        return skipped("groups of ONNX files", why);
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Not densenet: Torch-Pruning 1.6.1 ties the parts of a concatenation whose positions are flattened, although each can
    // be cut alone.
    let names = ["lenet", "resnet", "mobile_v2", "mobile_v3", "efficient", "unet"];
    let path = folder.to_str().unwrap();
    script(&python, "onnx/groups.py", &[&["export", path][..], &names].concat());
    for name in names {
        let inspected = succeed(folder, &["inspect", &format!("{name}.onnx"), "--json"]);
        fs::write(folder.join(format!("{name}.json")), inspected).unwrap();
    }
    let compared = script(&python, "onnx/groups.py", &[&["compare", path][..], &names].concat());
    let groups: Vec<usize> = compared.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(groups, [4, 5, 4, 6, 6, 7]);
}

/// Returns how far the probabilities of rayclip are from the expected ones; or why it refuses the network.
fn misread(folder: &Path, name: &str) -> Result<f64, String> {
    let [file, images] = ["onnx", "npy"].map(|ending| format!("{name}.{ending}"));
    let flags = ["--mean", "0", "--std", "1", "--top", "100", "--device", "flex", "--json"];
    let result = output(folder, &[&["predict", &file, &images], &flags[..]].concat());
    if !result.status.success() {
        let stderr = String::from_utf8_lossy(&result.stderr).into_owned();
        let is_told = result.status.code() == Some(2) && stderr.contains(&file);
        return if is_told && !stderr.contains("crashed") {
            Err(stderr)
        } else {
            Ok(f64::INFINITY)
        };
    }
    let expected = fs::read(folder.join(format!("{name}.json"))).unwrap();
    let expected: Vec<Vec<f64>> = serde_json::from_slice(&expected).unwrap();
    let stdout = String::from_utf8(result.stdout).unwrap();
    let lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), expected.len());
    let of_image = |(line, expected): (&Value, &Vec<f64>)| {
        let classes = line["classes"].as_array().unwrap().iter();
        let class = |class: &Value| {
            let expected = expected[class["class"].as_u64().unwrap() as usize];
            (class["probability"].as_f64().unwrap() - expected).abs()
        };
        classes.map(class).fold(0.0, f64::max)
    };
    Ok(lines.iter().zip(&expected).map(of_image).fold(0.0, f64::max))
}

#[test]
fn what_is_easily_misread_is_read_right_or_refused() {
    let Some(python) = python_with(PACKAGES) else {
        return skipped("odd ONNX files", "there is no Python with torch, onnx and onnxruntime");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let written = script(&python, "onnx/odd.py", &[folder]);
    let (mut wrong, mut read) = (vec![], 0);
    for line in written.lines() {
        let (name, expected) = line.split_once(' ').unwrap();
        match (misread(folder, name), expected) {
            (Ok(difference), "same" | "either") if difference < 1e-5 => read += 1,
            (Err(_), "refused" | "either") => {}
            (found, _) => wrong.push((name, expected, found)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read > 8 && written.lines().count() > 20, "{read}");
}
