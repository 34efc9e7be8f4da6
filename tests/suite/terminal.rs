//! What a person at a terminal, a shell and a script get to see.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{output, refused, small_compare, small_data, small_run, succeed};

/// Stdout and stderr of a run that must succeed.
fn both(folder: &Path, arguments: &[String]) -> (String, String) {
    let output = output(folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
    }
}

#[test]
fn rows_fit_and_say_what_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let (stdout, stderr) = both(folder.path(), &small_run(&data, &["--out", "one"]));
    fits(
        stdout
            .lines()
            .take_while(|line| !line.contains('─'))
            .collect::<Vec<_>>()
            .join("\n")
            .as_str(),
    );
    let head = "cycle  neurons  sparsity  after clip  trained  parameters  train s   clip s";
    assert!(stdout.lines().any(|line| line == head), "{stdout}");
    let whole = "whole: 1 network, 40 → 9 neurons in 11 clips, 360 batches";
    assert!(stderr.contains(whole), "{stderr}");

    let methods = "dtc,dtc-coefficient,dtc-coefficient-l2,magnitude,l1,l2,taylor,random,scratch";
    let extra = ["--methods", methods, "--seeds", "0..2", "--at-once", "8"];
    let (stdout, stderr) = both(folder.path(), &small_compare(&data, "many", &extra));
    let rows: Vec<&str> = stdout.lines().take_while(|line| !line.contains("seeds, mean")).collect();
    fits(&rows.join("\n"));
    let labels = [
        "chunk 1 of 2: seed 0 of 2, methods dtc, ",
        "chunk 2 of 2: seed 1 of 2, methods dtc, ",
        "scratch: seeds 0–1; rows at 4 of the 11 clips only (compression.scratch_at)",
    ];
    for label in labels {
        let found = rows.iter().any(|line| line.starts_with(label) || line.contains("8 methods"));
        assert!(found, "{label}: {stdout}");
    }
    assert!(rows.iter().any(|line| line.contains("3 dtc-coefficient-l2")), "{stdout}");
    assert!(stderr.contains("whole: 9 methods × 2 seeds in 2 chunks and 1 of scratch"), "{stderr}");
}

#[test]
fn shells_and_man_get_what_they_read() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, part) in [
        ("bash", "complete -F _rayclip"),
        ("zsh", "#compdef rayclip"),
        ("fish", "complete -c rayclip"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = succeed(folder.path(), &["completions", shell]);
        for text in [part, "verify-resume", "at-once", "data-lasso", "supplement"] {
            assert!(script.contains(text), "{shell}: {text}");
        }
    }
    let message = refused(folder.path(), &["completions", "bsh"]);
    assert!(message.contains("bash, zsh, fish, powershell"), "{message}");
    let page = succeed(folder.path(), &["man"]);
    assert!(page.contains(".TH rayclip 1") && page.contains("rayclip\\-compare(1)"), "{page}");
    let page = succeed(folder.path(), &["man", "bench", "solver"]);
    assert!(page.contains("\\-\\-repeats") && page.contains("Examples"), "{page}");
    let message = refused(folder.path(), &["man", "rnu"]);
    assert!(message.contains("no command rnu") && message.contains("verify-resume"), "{message}");
}

#[test]
fn every_wrong_value_is_answered_with_the_flag_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("folder/config.toml"), "").unwrap();
    let cases: [(&[&str], &[&str]); 16] = [
        (&["run", "--device", "gpu"], &["--device", "auto, wgpu, ndarray, flex, cuda", "'wgpu'"]),
        (&["run", "--method", "dct"], &["--method", "data-lasso", "'dtc'"]),
        (&["run", "--hidden", "64x32"], &["--hidden", "commas", "64,32"]),
        (&["run", "--seed", "-1"], &["--seed", "from 0 to", "nearest is 0"]),
        (&["compare", "--seeds", "0-5"], &["--seeds", "0..20", "0..5", "0..=5"]),
        (
            &["run", "--set", "compression.keep=abc"],
            &["--set", "compression.keep", "a number", "abc", "0.9"],
        ),
        (
            &["run", "--set", "compression.clip=larges"],
            &["--set", "compression.clip", "`smallest` or `largest`", "mean `largest`?"],
        ),
        (&["run", "--data", "cifar10"], &["--data cifar10", "digits", "mnist", "IDX"]),
        (&["run", "--data", "mnits"], &["--data mnits", "did you mean mnist?"]),
        (&["run", "--data", "data/train-labels-idx1-ubyte"], &["is a file", "did you mean data?"]),
        (
            &["run", "--config", "folder"],
            &["--config folder", "is a folder", "folder/config.toml?"],
        ),
        (&["run", "--out", "file"], &["file is a file", "--out"]),
        (&["run", "--out", "file/run"], &["file is a file", "--out"]),
        (&["report", "file"], &["file is a file", "folder of a run"]),
        (&["resume", "nowhere"], &["nowhere is not the folder of a run", "rayclip run"]),
        (&["run", "--epochs", "3"], &["'--epochs'", "training.batches_per_cycle"]),
    ];
    for (arguments, parts) in cases {
        let message = refused(folder.path(), arguments);
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: no `{part}` in {message}");
        }
        assert_eq!(message.matches("error:").count(), 1, "{message}");
        assert!(!message.contains("--preset") && !message.contains("--replicas"), "{message}");
    }
}

#[test]
fn a_folder_with_another_run_says_which_and_a_run_compares_with_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "run", "--quiet"]));
    let flags = small_run(&data, &["--out", "run", "--seed", "5", "--set", "compression.keep=0.8"]);
    let message = refused(folder.path(), &flags);
    for part in [
        "run holds another run (dtc on ",
        "seed 0)",
        "seed is 0 there and 5 here",
        "compression.keep is 0.9 there and 0.8 here",
        "--out",
    ] {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
    assert!(!message.contains("training."), "{message}");
    let message = refused(folder.path(), &["compare", "run", "./run"]);
    assert!(message.contains("run and ./run are the same run"), "{message}");
}

#[test]
fn lines_of_json_are_those_of_the_schema() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/json-lines.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let grid = "[grid]\n\"compression.lambda\" = [0.1, 0.3]\n";
    fs::write(folder.path().join("grid.toml"), grid).unwrap();
    let problem: Vec<u8> =
        (0..8).flat_map(|i| (f64::from(i * i % 5) - 1.5).to_le_bytes()).collect();
    let view = |extents: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F64, extents, bytes).unwrap()
    };
    let tensors = [("a", view(vec![2, 3], &problem[..48])), ("y", view(vec![2], &problem[48..]))];
    let file = safetensors::serialize(tensors, None).unwrap();
    fs::write(folder.path().join("p.safetensors"), file).unwrap();

    let own = |arguments: &[&str]| arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut sweep = small_run(&data, &["--out", "sweep", "--json"]);
    "sweep".clone_into(&mut sweep[0]);
    sweep.insert(1, "grid.toml".into());
    let methods = ["--methods", "dtc,scratch", "--seeds", "0..2", "--json"];
    image::GrayImage::from_pixel(8, 8, [9].into()).save(folder.path().join("a.png")).unwrap();
    let compress = [
        &["compress", "run/networks/dtc_seed_0/start.safetensors", "--data", "data", "--json"][..],
        &["--max-drop", "0.5", "--keep", "0.5", "--device", "flex", "--out", "small"],
        &["--set", "training.batches_per_cycle=2", "--set", "training.learning_rate=1e-9"],
    ];
    let commands: [(Vec<String>, &[&str]); 12] = [
        (small_run(&data, &["--out", "run", "--json"]), &["started", "chunk", "cycle", "finished"]),
        (own(&["pick", "run", "--neurons", "1000", "--json"]), &["picked"]),
        (own(&compress.concat()), &["compressed", "stopped"]),
        (own(&["eval", "run", "--device", "flex", "--json"]), &["evaluated"]),
        (own(&["predict", "run", "a.png", "--device", "flex", "--json"]), &["predicted"]),
        (small_compare(&data, "compared", &methods), &["statistic", "difference"]),
        (own(&["compare", "compared", "run", "--json"]), &["statistic", "difference"]),
        (sweep, &["cell", "result"]),
        (own(&["solve", "p.safetensors", "--lambda", "0.3", "--json"]), &[]),
        (
            own(&[
                "solve",
                "p.safetensors",
                "--lambda",
                "0.3",
                "--check",
                "p.solution.safetensors",
                "--json",
            ]),
            &[],
        ),
        (own(&["bench", "solver", "--sizes", "64x32x2", "--device", "flex", "--json"]), &[]),
        (own(&["devices", "--json"]), &[]),
    ];
    for (command, events) in commands {
        let lines: Vec<Value> = succeed(folder.path(), &command)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(!lines.is_empty(), "{command:?}");
        for line in &lines {
            assert_eq!(broken(&schema, &schema, line), None, "{command:?}: {line}");
        }
        for event in events {
            assert!(lines.iter().any(|line| line["event"] == *event), "{command:?}: {event}");
        }
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_name() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/json-lines.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let line = |text: &str| broken(&schema, &schema, &serde_json::from_str(text).unwrap());
    let resumed = r#"{"event": "resumed", "batches_done": 3, "was": null}"#;
    assert_eq!(line(resumed), None);
    assert!(line(&resumed.replace("null", "null, \"more\": 1")).is_some());
    assert!(line(&resumed.replace(", \"was\": null", "")).unwrap().contains("was"));
    assert!(line(&resumed.replace('3', "-3")).is_some());
    assert!(line(&resumed.replace('3', "\"3\"")).is_some());
    assert!(line(&resumed.replace("resumed", "nothing")).is_some());
    assert!(line(r#"{"event": "missing", "text": 1}"#).unwrap().contains("text"));
}

/// What in a value breaks a schema of the few words that ours has.
fn broken(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return broken(root, root.pointer(name.trim_start_matches('#')).unwrap(), value);
    }
    if let Some(all) = schema["oneOf"].as_array() {
        // What is wrong with the line of the same event tells the most.
        let own = all.iter().find(|one| is_of_event(root, one, value));
        if let Some(own) = own {
            return broken(root, own, value);
        }
        let why: Vec<String> = all.iter().filter_map(|one| broken(root, one, value)).collect();
        return (why.len() + 1 != all.len()).then(|| why.join("; "));
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema names the type {other}"),
    };
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(|name| name.as_str().unwrap()).collect(),
        Value::String(name) => vec![name.as_str()],
        _ => vec![],
    };
    if !types.is_empty() && !types.into_iter().any(is) {
        return Some(format!("{value} is not of type {}", schema["type"]));
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        return Some(format!("{value} is not the constant {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        return Some(format!("{value} is none of {}", schema["enum"]));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        return Some(format!("{number} is below {least}"));
    }
    let items = value.as_array().filter(|_| schema.get("items").is_some());
    if let Some(why) = items.into_iter().flatten().find_map(|v| broken(root, &schema["items"], v)) {
        return Some(why);
    }
    let fields = value.as_object()?;
    // The constant first: it says which line it is meant to be.
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let why = fields.get(name).and_then(|value| broken(root, property, value));
        if let Some(why) = why {
            return Some(format!("{name}: {why}"));
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    let missing = required.map(|name| name.as_str().unwrap()).find(|n| !fields.contains_key(*n));
    if let Some(name) = missing {
        return Some(format!("{name} is missing"));
    }
    let is_closed = schema["additionalProperties"] == Value::Bool(false);
    let unknown = fields.keys().find(|name| schema["properties"].get(name.as_str()).is_none());
    unknown.filter(|_| is_closed).map(|name| format!("{name} is not in the schema"))
}

/// Whether a schema is that of the lines whose `event` a value has.
fn is_of_event(root: &Value, schema: &Value, value: &Value) -> bool {
    let name = schema["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
    let event = root.pointer(name).map(|schema| &schema["properties"]["event"]["const"]);
    event.is_some_and(|event| !event.is_null() && *event == value["event"])
}
