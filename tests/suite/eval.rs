//! `rayclip eval` and `rayclip predict`: what they say is what PyTorch and NumPy compute from the file of the network.

use std::fs;
use std::path::Path;

use image::GrayImage;
use serde_json::Value;

use crate::convolutional::GRAPH;
use crate::support::{
    python_with, refused, script, skipped, small_compare, small_data, small_run, succeed,
};
use crate::tabular::small_table;

pub(crate) const DEVICE: [&str; 2] = ["--device", "flex"];

/// The JSON of `rayclip eval FLAGS`.
fn evaluated(folder: &Path, flags: &[&str]) -> Value {
    let flags = [&["eval"][..], flags, &DEVICE, &["--json"]].concat();
    let stdout = succeed(folder, &flags);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// The lines of `rayclip predict FLAGS`.
pub(crate) fn predicted(folder: &Path, flags: &[&str]) -> Vec<Value> {
    let stdout = succeed(folder, &[&["predict"][..], flags, &DEVICE, &["--json"]].concat());
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What Python computes from the file of a network; `None` (said on stderr) where there is no such Python.
fn expected(network: &Path, images: &str, labels: &str) -> Option<Value> {
    let Some(python) = python_with("torch, numpy, safetensors") else {
        skipped("evaluation in Python", "there is no Python with torch, numpy and safetensors");
        return None;
    };
    let arguments = [network.to_str().unwrap(), images, labels];
    Some(serde_json::from_str(&script(&python, "evaluation.py", &arguments)).unwrap())
}

/// Compares what both have: counts exactly, other numbers within 1e-6. Returns how many numbers were compared.
fn compare(found: &Value, expected: &Value, at: &str) -> usize {
    let below = |name: &dyn std::fmt::Display| format!("{at}/{name}");
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let both = found.iter().filter(|(name, _)| expected.contains_key(*name));
            both.map(|(name, value)| compare(value, &expected[name], &below(name))).sum()
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{at}");
            let pairs = found.iter().zip(expected).enumerate();
            pairs.map(|(index, (a, b))| compare(a, b, &below(&index))).sum()
        }
        (Value::Number(a), Value::Number(b)) if !(a.is_u64() && b.is_u64()) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() < 1e-6, "{at}: {a} {b}");
            1
        }
        _ => {
            assert_eq!(found, expected, "{at}");
            1
        }
    }
}

/// A network that has learnt something, but not everything.
const LITTLE: [&str; 6] = [
    "--set",
    "training.batches_per_cycle=8",
    "--set",
    "training.learning_rate=0.004",
    "--keep",
    "0.6",
];

#[test]
fn every_number_is_what_python_computes_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    fs::write(folder.join("own.toml"), GRAPH).unwrap();
    let [images, labels] = ["images-idx3", "labels-idx1"]
        .map(|part| data.join(format!("test-{part}-ubyte")).to_str().unwrap().to_owned());
    let bias = ["--set", "network.bias=true"];
    // A convolutional network learns more slowly.
    let longer = ["--set", "training.batches_per_cycle=12"];
    let graph = [&["--network", "own.toml", "--min-width", "5"], &longer[..]].concat();
    for (name, more) in [("mlp", &bias[..]), ("own", &graph[..])] {
        succeed(folder, &small_run(&data, &[&LITTLE[..], more, &["--out", name]].concat()));
        let files = fs::read_dir(folder.join(name).join("networks/dtc_seed_0")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in [&files[0], &files[files.len() - 2]] {
            let flags = [file.to_str().unwrap(), "--data", "data", "--batch-size", "60"];
            let found = evaluated(folder, &flags);
            let Some(expected) = expected(file, &images, &labels) else { return };
            let accuracy = expected["top_1"]["value"].as_f64().unwrap();
            assert!((0.15..0.999).contains(&accuracy), "{name}: {accuracy} tells too little");
            assert!(compare(&found, &expected, name) > 240);
            assert!(found["top_k"]["count"].as_u64() > found["top_1"]["count"].as_u64());
        }
        // A run folder is its last network, on the images of the run.
        let of_run = evaluated(folder, &[name]);
        let last = expected(&files[files.len() - 2], &images, &labels).unwrap();
        assert!(compare(&of_run, &last, name) > 240);
        assert_eq!(
            (&of_run["network"]["method"], &of_run["network"]["seed"]),
            (&"dtc".into(), &0.into())
        );
        check_predictions(folder, name, &data, &last["probabilities"]);
    }
}

/// The first test images, as files and as an array, have the probabilities that Python computes.
fn check_predictions(folder: &Path, run: &str, data: &Path, probabilities: &Value) {
    let pixels = fs::read(data.join("test-images-idx3-ubyte")).unwrap().split_off(16);
    let mut files = vec![];
    for (number, image) in pixels.chunks(64).take(3).enumerate() {
        let file = format!("{number}.png");
        GrayImage::from_raw(8, 8, image.to_vec()).unwrap().save(folder.join(&file)).unwrap();
        files.push(file);
    }
    // Colour that is grey.
    let colour = image::open(folder.join("2.png")).unwrap().into_rgb8();
    colour.save(folder.join("2.png")).unwrap();
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 8, 8), }\n";
    let array = [
        b"\x93NUMPY\x01\x00".as_slice(),
        &(header.len() as u16).to_le_bytes(),
        header.as_bytes(),
        &pixels[..192],
    ]
    .concat();
    fs::write(folder.join("three.npy"), array).unwrap();
    let flags = [run, "0.png", "three.npy", "1.png", "2.png", "--top", "99"];
    let lines = predicted(folder, &flags);
    let names: Vec<(&str, Option<u64>)> = lines
        .iter()
        .map(|line| (line["image"].as_str().unwrap(), line["index"].as_u64()))
        .collect();
    let array = |index| ("three.npy", Some(index));
    assert_eq!(
        names,
        [("0.png", None), array(0), array(1), array(2), ("1.png", None), ("2.png", None)]
    );
    for (line, image) in lines.iter().zip([0, 0, 1, 2, 1, 2]) {
        let classes = line["classes"].as_array().unwrap();
        assert_eq!(classes.len(), 10);
        let mut last = f64::MAX;
        for class in classes {
            let probability = class["probability"].as_f64().unwrap();
            let expected = probabilities[image][class["class"].as_u64().unwrap() as usize].as_f64();
            assert!((probability - expected.unwrap()).abs() < 1e-6 && probability <= last);
            last = probability;
        }
    }
}

#[test]
fn tables_and_their_class_names_are_evaluated_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("table")).unwrap();
    for part in ["train", "test"] {
        small_table(&folder.join(format!("table/{part}.csv")));
    }
    let run = ["--label-column", "kind", "--hidden", "16", "--min-width", "6", "--out", "run"];
    succeed(folder, &small_run(Path::new("table"), &[&run[..], &LITTLE].concat()));
    let last = fs::read_dir(folder.join("run/networks/dtc_seed_0")).unwrap();
    let last = last
        .map(|file| file.unwrap().path())
        .filter(|file| !file.ends_with("start.safetensors"))
        .max();
    let found = evaluated(folder, &["run"]);
    assert_eq!(found["classes"][0]["name"], "ash");
    let table = folder.join("table/test.csv");
    let Some(expected) = expected(&last.unwrap(), table.to_str().unwrap(), "kind") else { return };
    assert!(compare(&found, &expected, "table") > 80);
}

#[test]
fn every_split_is_the_one_that_the_training_had() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    let flags =
        ["--methods", "magnitude,l2", "--seeds", "0..2", "--validation", "0.1", "--keep", "0.6"];
    succeed(folder, &small_compare(&data, "run", &flags));
    let replica = ["run", "--replica", "l2_seed_1"];
    for (split, images) in [("test", 200), ("validation", 60), ("train", 540)] {
        let found = evaluated(folder, &[&replica[..], &["--split", split]].concat());
        assert_eq!((found["images"].as_u64(), &found["split"]), (Some(images), &split.into()));
        let file = Path::new(found["network"]["file"].as_str().unwrap()).to_owned();
        let about = crate::plain_network::PlainNetwork::read(&folder.join(&file)).about;
        // The run measured the same.
        if let Some(accuracy) = about.get(&format!("accuracy_{split}")) {
            let own = found["top_1"]["value"].as_f64().unwrap();
            assert!((accuracy.parse::<f64>().unwrap() - own).abs() < 1e-6, "{split}");
        }
        let named = ["--method", "l2", "--seed", "1", "--split", split];
        let by_name = evaluated(folder, &[&["run"][..], &named].concat());
        assert_eq!(by_name["confusion"], found["confusion"]);
        // The file alone does not know what was held out.
        let alone = [file.to_str().unwrap(), "--data", "data", "--split", split];
        let alone = evaluated(folder, &[&alone[..], &["--validation", "0.1"]].concat());
        assert_eq!(alone["confusion"], found["confusion"]);
    }
    // What `pick` writes is the same network.
    let pick = [
        "pick",
        "run",
        "--neurons",
        "10",
        "--method",
        "l2",
        "--seed",
        "1",
        "--out",
        "p.safetensors",
    ];
    succeed(folder, &pick);
    let picked = evaluated(folder, &["p.safetensors", "--data", "data"]);
    assert_eq!(picked["confusion"], evaluated(folder, &replica)["confusion"]);
}

#[test]
fn tables_fit_the_terminal_and_say_what_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    succeed(folder, &small_run(&data, &[&LITTLE[..], &["--out", "run"]].concat()));
    let stdout = succeed(folder, &["eval", "run", "--latency-images", "7", "--device", "flex"]);
    let many = refused(folder, &["eval", "run", "--latency-images", "201", "--device", "flex"]);
    let expected = "--latency-images: expected at most 200, the test images of the data, found 201";
    assert!(many.contains(expected), "{many}");
    for line in stdout.lines().filter(|line| line.starts_with(['│', '┌'])) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in [
        "multiply-accumulates per image",
        "200 test images of data, 8 × 8, 10 classes",
        "accuracy (top 1)",
        "calibration error",
        "recall (accuracy)",
        "by the class that was predicted",
        "mean confidence",
        "repetitions",
        "│      7 ┆",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let found = evaluated(folder, &["run"]);
    let accuracy = format!("{:.4}", found["top_1"]["value"].as_f64().unwrap());
    assert!(stdout.contains(&accuracy), "{accuracy}: {stdout}");
    let counts: Vec<u64> = found["latency"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["images"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1, 32]);
}
