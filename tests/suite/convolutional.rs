//! Convolutional networks: PyTorch computes what the files of a run hold, before and after clips.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::*;

/// Two residual stages, a concatenation and a gate.
pub(crate) const GRAPH: &str = r#"
input = { height = 8, width = 8, channels = 1 }
nodes = [
    { name = "stem", op = { conv2d = { outputs = 12, kernel = 3, padding = 1, bias = false } } },
    { name = "stem_norm", op = { batch_norm = {} } },
    { name = "stem_relu", op = "relu" },
    { name = "one", op = { conv2d = { outputs = 12, kernel = 3, padding = 1 } } },
    { name = "one_add", op = "add", inputs = ["one", "stem_relu"] },
    { name = "one_gelu", op = "gelu" },
    { name = "down", op = { conv2d = { outputs = 16, kernel = 3, stride = 2, padding = [1, 0, 1, 1] } } },
    { name = "down_silu", op = "silu" },
    { name = "two", op = { depthwise_conv2d = { kernel = 3, padding = 1 } } },
    { name = "two_add", op = "add", inputs = ["two", "down_silu"] },
    { name = "mean", op = "global_average_pool" },
    { name = "squeeze", op = { linear = { outputs = 16 } } },
    { name = "gate", op = "sigmoid" },
    { name = "gated", op = "mul", inputs = ["two_add", "gate"] },
    { name = "side", op = { conv2d = { outputs = 10, kernel = 1 } }, inputs = ["down_silu"] },
    { name = "both", op = "concat", inputs = ["side", "gated"] },
    { name = "pool", op = { max_pool = { kernel = 2 } } },
    { name = "flat", op = "flatten" },
    { name = "scores", op = { linear = { outputs = 10 } } },
]
"#;

#[test]
fn pytorch_computes_what_a_clipped_network_computes() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let images = data.join("test-images-idx3-ubyte");
    fs::write(folder.path().join("own.toml"), GRAPH).unwrap();
    for name in ["own.toml", "resnet20", "mobilenet-v2"] {
        let out = format!("run-{name}");
        let more = [
            "--network",
            name,
            "--method",
            "l2",
            "--out",
            &out,
            "--min-width",
            "3",
            "--keep",
            "0.5",
            "--set",
            "training.batches_per_cycle=3",
            "--set",
            "training.batch_size=100",
            "--set",
            "training.shift=1",
        ];
        succeed(folder.path(), &small_run(&data, &more));
        let run = folder.path().join(&out);
        let graph: Value =
            serde_json::from_slice(&fs::read(run.join("graph.json")).unwrap()).unwrap();
        assert!(graph["nodes"].as_array().unwrap().len() > 10, "{name}");
        let Some(python) = python_with("torch, safetensors") else {
            skipped("networks in PyTorch", "there is no Python with torch and safetensors");
            continue;
        };
        let entries = fs::read_dir(run.join("networks/l2_seed_0")).unwrap();
        let mut files: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.retain(|file| file.starts_with("cycle_"));
        assert!(files.len() >= 2, "{name}: {files:?}");
        let networks = files.iter().map(|file| Path::new("l2_seed_0").join(file));
        let arguments: Vec<PathBuf> = [run, images.clone()].into_iter().chain(networks).collect();
        let printed = script(&python, "graph_in_pytorch.py", &arguments);
        let compared: Vec<Vec<f64>> = printed.lines().map(numbers).collect();
        assert_eq!(compared.len(), files.len(), "{name}: {printed}");
        let agree = |network: &Vec<f64>| network[0] >= 0.9 && network[1] == 1.0;
        assert!(compared.iter().all(agree), "{name}: {files:?} {printed}");
    }
}

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn networks_with_widths_of_their_own_are_reported_and_picked() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    fs::write(folder.path().join("own.toml"), GRAPH).unwrap();
    let more = ["--network", "own.toml", "--methods", "l2,taylor,scratch", "--seeds", "0..2"];
    let global =
        ["--ranking", "global", "--target-macs", "0.5", "--steps", "2", "--min-width", "2"];
    let short = ["--set", "training.batches_per_cycle=3", "--set", "training.final_batches=5"];
    succeed(folder.path(), &small_compare(&data, "run", &[&more[..], &global, &short].concat()));
    let run = folder.path().join("run");
    let last: Vec<_> = cycles(&run).into_iter().filter(|row| row["cycle"] == "1").collect();
    let widths = |replica: &str| -> Vec<&str> {
        let rows = last.iter().filter(|row| row["replica"] == replica);
        rows.map(|row| row["width_after"].as_str()).collect()
    };
    assert!((1..4).any(|replica| widths(&replica.to_string()) != widths("0")), "{last:?}");
    let before = summary(&run)["macs_before"].as_f64().unwrap();
    for row in &last {
        assert!(row["macs"].parse::<f64>().unwrap() <= 0.5 * before, "{row:?}");
        assert_eq!(row["batches"], "6", "{row:?}");
    }
    let page = folder.path().join(succeed(folder.path(), &["report", "run"]).trim());
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("Alike is how many multiply-accumulates they may have"), "{text}");
    assert!(page.with_file_name("figures").join("group_widths.svg").exists());
    // The largest network is the one before the first clip, and the smallest one has been clipped.
    for [flag, value, out] in [["--neurons", "1000", "large"], ["--max-drop", "1", "small"]] {
        succeed(folder.path(), &["pick", "run", flag, value, "--out", out]);
    }
}

#[test]
fn a_network_is_inspected_as_tables_json_and_drawing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.toml"), GRAPH).unwrap();
    let text = succeed(folder.path(), &["inspect", "own.toml"]);
    for part in
        ["one_add", "depthwise conv2d 3 × 3, padding 1", "fixed: the channels are the output"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json: Value =
        serde_json::from_str(&succeed(folder.path(), &["inspect", "own.toml", "--json"])).unwrap();
    let groups = json["groups"].as_array().unwrap();
    let names: Vec<&str> = groups
        .iter()
        .filter(|group| group["fixed"].is_null())
        .map(|g| g["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["stem", "down", "side"]);
    // The JSON has the graph as a file: it is read back as the same network.
    fs::write(folder.path().join("again.json"), json["graph"].to_string()).unwrap();
    let again = succeed(folder.path(), &["inspect", "again.json", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), json);
    let drawing = succeed(folder.path(), &["inspect", "resnet20", "--dot"]);
    assert!(drawing.starts_with("digraph") && drawing.contains("\"conv1\" -> \"bn1\""));
    let stderr = refused(folder.path(), &["inspect", "resnet21"]);
    assert!(stderr.contains("did you mean `resnet20`?"), "{stderr}");
}

#[test]
fn a_target_is_reached_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    fs::write(folder.path().join("own.toml"), GRAPH).unwrap();
    let more = [
        "--network",
        "own.toml",
        "--method",
        "l1",
        "--target-macs",
        "0.4",
        "--steps",
        "2",
        "--protect",
        "side",
        "--min-width",
        "2",
        "--out",
        "run",
    ];
    succeed(folder.path(), &small_run(&data, &more));
    let run = folder.path().join("run");
    let summary = summary(&run);
    assert_eq!(summary["clips"], 2);
    let widths: Vec<u64> =
        summary["widths"].as_array().unwrap().iter().map(|width| width.as_u64().unwrap()).collect();
    assert_eq!(widths[2], 10, "side is protected: {widths:?}");
    let macs: f64 = cycles(&run).last().unwrap()["macs"].parse().unwrap();
    let part = macs / summary["macs_before"].as_f64().unwrap();
    assert!(part <= 0.4 && part > 0.3, "{part}");
    succeed(folder.path(), &["report", "run"]);
    let page = fs::read_to_string(run.join("report/report.html")).unwrap();
    assert!(page.contains("from 12 × 16 × 10 hidden neurons to "), "{page}");
    assert!(page.contains("id=\"figure-group_widths\""), "{page}");
    let impossible =
        ["--network", "own.toml", "--protect", "*", "--target-macs", "0.1", "--out", "no"];
    let stderr = refused(folder.path(), &small_run(&data, &impossible));
    assert!(stderr.contains("cannot be reached"), "{stderr}");
    for (milliseconds, expected) in [("1e9", "needs no clip"), ("1e-9", "cannot be reached")] {
        let target = ["--network", "own.toml", "--target-latency", milliseconds, "--out", "no"];
        let stderr = refused(folder.path(), &small_run(&data, &target));
        assert!(stderr.contains("target_latency") && stderr.contains(expected), "{stderr}");
    }
}
