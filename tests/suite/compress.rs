//! `rayclip compress`, and `clip` of networks that rayclip knows: a network of the user goes in, a smaller one comes out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::support::{ends_with, output, refused, small_data, succeed};

/// Flags of a compression of a second.
const QUICK: [&str; 8] = [
    "--device",
    "flex",
    "--set",
    "training.batch_size=50",
    "--set",
    "training.batches_per_cycle=5",
    "--set",
    "training.final_batches=5",
];

/// A folder with images, and a network that a run trained on them: `net.safetensors`.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    let run = ["run", "--data", "data", "--network", "net.toml", "--out", "first", "--steps", "1"];
    let run = [&run[..], &QUICK, &["--target-macs", "0.9", "--method", "l2"]].concat();
    fs::write(folder.path().join("net.toml"), GRAPH).unwrap();
    let long = ["--set", "training.first_batches=[60]", "--set", "compression.min_width=1"];
    succeed(folder.path(), &[&run[..], &long].concat());
    let network = folder.path().join("first/networks/l2_seed_0/start.safetensors");
    fs::copy(network, folder.path().join("net.safetensors")).unwrap();
    folder
}

/// A convolution, a flattened image, a hidden layer.
const GRAPH: &str = r#"
input = { height = 8, width = 8, channels = 1 }
nodes = [
    { name = "conv", op = { conv2d = { outputs = 8, kernel = 3, padding = 1 } } },
    { name = "relu", op = "relu" },
    { name = "pool", op = { max_pool = { kernel = 2 } } },
    { name = "flat", op = "flatten" },
    { name = "hidden", op = { linear = { outputs = 24 } } },
    { name = "act", op = "relu" },
    { name = "scores", op = { linear = { outputs = 10 } } },
]
"#;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn compressed(folder: &Path, flags: &[&str]) -> Value {
    let flags = [&["compress", "net.safetensors", "--data", "data", "--json"], &QUICK[..], flags];
    let lines = lines(&succeed(folder, &flags.concat()));
    lines.into_iter().find(|line| line["event"] == "compressed").unwrap()
}

#[test]
fn a_network_of_the_user_becomes_smaller_and_is_written_as_a_file() {
    let folder = workplace();
    let folder = folder.path();
    let flags =
        ["--target-macs", "0.5", "--out", "run", "--save", "small.onnx", "--distill", "0.3"];
    let result = compressed(folder, &flags);
    let macs = |which: &str| result[which]["macs"].as_f64().unwrap();
    assert!(macs("smaller") <= 0.5 * macs("original"), "{result}");
    // The original has the accuracies that the first run measured on the same images.
    let first: Value =
        serde_json::from_slice(&fs::read(folder.join("first/summary.json")).unwrap()).unwrap();
    assert_eq!(result["original"]["accuracy_test"], first["replicas"][0]["accuracy_before"]);
    // The file has the accuracy that the run measured.
    for network in ["small.onnx", "run"] {
        let flags = ["eval", network, "--data", "data", "--device", "flex", "--json"];
        let of_file = &lines(&succeed(folder, &flags))[0];
        let found = &of_file["top_1"]["value"];
        let expected = &result["smaller"]["accuracy_test"];
        assert_eq!(found, expected, "{network}: {of_file}");
    }
    // The test images decide nothing, and a tenth of the training images is held out.
    let config = fs::read_to_string(folder.join("run/config.toml")).unwrap();
    assert!(config.contains("validation = 0.1") && config.contains("pretrained = true"));
    assert!(folder.join("run/original.safetensors").is_file());
    // The run goes on without the file of the user.
    fs::rename(folder.join("net.safetensors"), folder.join("moved.safetensors")).unwrap();
    assert!(succeed(folder, &["resume", "run"]).contains("run"));
}

#[test]
fn the_accuracy_that_may_be_lost_decides_how_far_it_goes() {
    let folder = workplace();
    let folder = folder.path();
    let to_the_end = compressed(folder, &["--max-drop", "1", "--keep", "0.4", "--out", "all"]);
    assert_eq!(to_the_end["widths"], serde_json::json!([1, 1]), "{to_the_end}");
    // Networks that are not trained again are soon too bad.
    let rate = ["--set", "training.learning_rate=1e-12", "--keep", "0.9"];
    let strict = compressed(folder, &[&["--max-drop", "0.3", "--out", "some"], &rate[..]].concat());
    let lost = |which: &Value| which["accuracy_validation"].as_f64().unwrap();
    assert!(lost(&strict["original"]) - lost(&strict["smaller"]) <= 0.3, "{strict}");
    assert!(strict["widths"][0].as_u64() > Some(1), "{strict}");
    // It is the one before the fall.
    let summary: Value =
        serde_json::from_slice(&fs::read(folder.join("some/summary.json")).unwrap()).unwrap();
    let stopped_at = summary["replicas"][0]["stopped_at"].as_u64().unwrap();
    assert_eq!(strict["clip"].as_u64(), stopped_at.checked_sub(1), "{strict}");
    // No network is good enough.
    let flags = ["--max-drop", "0.0001", "--out", "none", "--save", "none.onnx", "--keep", "0.2"];
    let none = ["compress", "net.safetensors", "--data", "data"];
    let none = [&none[..], &QUICK, &flags, &rate[..2]].concat();
    let told = output(folder, &none);
    assert_eq!(told.status.code(), Some(1));
    let stdout = String::from_utf8(told.stdout).unwrap();
    assert!(stdout.contains("no smaller network kept the accuracy"), "{stdout}");
    assert!(!folder.join("none.onnx").exists());
}

#[test]
fn methods_are_compared_on_the_network_of_the_user() {
    let folder = workplace();
    let flags = ["compare", "--network", "net.safetensors", "--pretrained", "--data", "data"];
    let more =
        ["--methods", "l2,scratch", "--seeds", "0..3", "--target-macs", "0.5", "--steps", "1"];
    let first = ["--set", "training.first_batches=[0]", "--min-width", "1", "--out", "both"];
    let text = succeed(folder.path(), &[&flags[..], &QUICK, &more, &first].concat());
    assert!(text.contains("l2") && text.contains("scratch"), "{text}");
    let rows = fs::read_to_string(folder.path().join("both/cycles.csv")).unwrap();
    // Fresh networks guess right after the clip; those with weights do not.
    let after_clip = |method: &str| {
        let heads: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
        let column = heads.iter().position(|head| *head == "accuracy_after_clip").unwrap();
        let of_method = rows.lines().filter(|row| row.contains(&format!(",{method},")));
        let values: Vec<f64> =
            of_method.map(|row| row.split(',').nth(column).unwrap().parse().unwrap()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    assert!(after_clip("l2") > after_clip("scratch") + 0.2, "{rows}");
}

/// Tensors of a file by name: extents and numbers.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn tensors(file: &Path) -> Tensors {
    let bytes = fs::read(file).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |(name, view): (String, TensorView<'_>)| {
        let values = view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        (name, (view.shape().to_vec(), values.collect()))
    };
    file.tensors().into_iter().map(tensor).collect()
}

/// Keeps positions along an axis of a tensor.
fn keep((extents, values): &mut (Vec<usize>, Vec<f32>), axis: usize, positions: &[usize]) {
    let inner: usize = extents[axis + 1..].iter().product();
    let line = extents[axis] * inner;
    let kept = values.chunks(line).flat_map(|line| {
        positions.iter().flat_map(move |at| line[at * inner..(at + 1) * inner].to_vec())
    });
    *values = kept.collect();
    extents[axis] = positions.len();
}

#[test]
fn every_tensor_is_cut_as_the_channel_map_says() {
    let folder = workplace();
    let folder = folder.path();
    succeed(folder, &["clip", "net.safetensors", "--keep", "0.5", "--out", "half.safetensors"]);
    let map = fs::read(folder.join("half.safetensors.channels.json")).unwrap();
    let map: Value = serde_json::from_slice(&map).unwrap();
    let mut expected = tensors(&folder.join("net.safetensors"));
    for group in map["groups"].as_object().unwrap().values() {
        for cut in group["tensors"].as_array().unwrap() {
            let number = |key: &str| cut[key].as_u64().unwrap() as usize;
            let (axis, offset, block) = (number("axis"), number("offset"), number("block"));
            let kept = group["kept"].as_array().unwrap().iter();
            let kept = kept.map(|channel| channel.as_u64().unwrap() as usize);
            let positions = kept.flat_map(|channel| {
                let first = offset + channel * block;
                first..first + block
            });
            let tensor = expected.get_mut(cut["tensor"].as_str().unwrap()).unwrap();
            keep(tensor, axis, &positions.collect::<Vec<_>>());
        }
    }
    let found = tensors(&folder.join("half.safetensors"));
    assert_eq!(found["conv.weight"].0, [4, 1, 3, 3]);
    assert_eq!(found["hidden.weight"].0, [12, 4 * 16]);
    assert_eq!(found, expected);
    // What was measured on the larger network is not said of the smaller one.
    let file = fs::read(folder.join("half.safetensors")).unwrap();
    let text = String::from_utf8_lossy(&file);
    assert!(!text.contains("accuracy_test") && text.contains("rayclip.channels"));
}

#[test]
fn a_clip_of_a_clip_of_a_run_knows_the_channels_of_the_run() {
    let folder = workplace();
    let folder = folder.path();
    succeed(folder, &["clip", "first", "--keep", "0.5", "--out", "half.safetensors"]);
    succeed(folder, &["clip", "half.safetensors", "--keep", "0.5", "--out", "quarter.onnx"]);
    let group = |name: &str| {
        let map = fs::read(folder.join(format!("{name}.channels.json"))).unwrap();
        let map: Value = serde_json::from_slice(&map).unwrap();
        map["groups"]["hidden"].clone()
    };
    let (half, quarter) = (group("half.safetensors"), group("quarter.onnx"));
    assert_eq!(half["channels"], quarter["channels"]);
    let half = half["kept"].as_array().unwrap();
    assert!(quarter["kept"].as_array().unwrap().iter().all(|channel| half.contains(channel)));
    let flags = ["eval", "quarter.onnx", "--data", "data", "--device", "flex", "--json"];
    assert_eq!(lines(&succeed(folder, &flags)).len(), 1);
}

#[test]
fn what_cannot_be_compressed_is_named_with_the_remedy() {
    let folder = workplace();
    let folder = folder.path();
    fs::write(folder.join("there.onnx"), "").unwrap();
    let base = "compress net.safetensors --data data --device flex";
    for (command, expected) in [
        (base.to_owned(), "--target-macs"),
        (format!("{base} --target-macs 0.5 --network x.onnx"), "--network"),
        (format!("{base} --target-macs 0.5 --save there.onnx"), "there.onnx exists"),
        (format!("{base} --target-macs 0.5 --save small.pt"), "ends in .onnx or .safetensors"),
        (format!("{base} --target-macs 0.5 --distill 1.5"), "training.distillation"),
        (format!("{base} --target-macs 0"), "above 0 and below 1"),
        (format!("{base} --target-macs 0.5 --method scratch"), "rayclip compare"),
        (format!("{base} --target-macs 0.5 --save gone/small.onnx"), "gone/small.onnx"),
        (format!("{base} --target-macs 0.5 --set training.loss=batch-axis"), "cross-entropy"),
        (format!("{base} --max-drop 2"), "compression.max_drop"),
        (format!("{base} --max-drop 0.1 --validation 0"), "held-out images"),
        (format!("{base} --target-macs 0.000001"), "compression.target_macs"),
        ("compress gone.onnx --data data --target-macs 0.5".into(), "no such file"),
        ("compress net.toml --data data --target-macs 0.5".into(), "it has no weights"),
        ("compress net.safetensors --data digits --target-macs 0.5".into(), "8 × 8"),
        ("run --pretrained --data data".into(), "network.name"),
        ("run --network resnet20 --pretrained --data data".into(), "has no weights"),
        ("run --network lenet5 --graph net.toml --data data".into(), "network.graph"),
        ("clip net.safetensors --keep 0.5 --out net.safetensors --force".into(), "itself"),
        ("clip net.safetensors --keep 0.5 --bind a=1 --out s.onnx".into(), "--bind"),
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let message = refused(folder, &words);
        assert!(message.contains(expected), "{command}: {message}");
    }
    // Several networks.
    let several = ends_with(
        2,
        folder,
        &[
            &base.split(' ').collect::<Vec<_>>()[..],
            &["--target-macs", "0.5", "--set", "replicas=2"],
        ]
        .concat(),
    );
    assert!(several.contains("rayclip compare"), "{several}");
}
