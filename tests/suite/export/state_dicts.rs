//! State dicts as PyTorch saves them.

use std::fs;
use std::path::Path;

use super::{Sample, assert_same};
use crate::support::{output, python_with, refused, script, skipped, succeed};

/// The graph of the network `custom`.
const CUSTOM: &str = r#"
input = { height = 8, width = 8, channels = 3 }
nodes = [
    { name = "stem.0", op = { conv2d = { outputs = 6, kernel = 3, stride = 2 } } },
    { name = "stem.1", op = { batch_norm = {} } },
    { name = "gelu", op = "gelu" },
    { name = "flat", op = "flatten" },
    { name = "head", op = { linear = { outputs = 4 } } },
]
"#;

/// Exports a file to a PyTorch module. Returns what is said on the way.
fn export(folder: &Path, file: &str, more: &[&str]) -> String {
    let out = format!("{file}-module");
    let flags = ["export", file, "--to", "pytorch", "--out", &out];
    let result = output(folder, &[&flags[..], more].concat());
    let stderr = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(result.status.success(), "{file}: {stderr}");
    stderr
}

#[test]
fn state_dicts_of_pytorch_have_the_scores_that_they_have_there() {
    let Some(python) = python_with("torch, safetensors") else {
        return skipped("state dicts of PyTorch", "there is no Python with torch and safetensors");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    script(&python, "export/state_dicts.py", &[folder]);
    fs::write(folder.join("custom.toml"), CUSTOM).unwrap();
    let chain = "note: a chain of 2 linear layers (0, 2); relu between them is an assumption";
    let wrapper = "the prefix `module.` of all names is that of a wrapper";
    for (file, recorded, said, more) in [
        ("plain.pt", "plain", chain, &[][..]),
        ("old.pth", "plain", chain, &[]),
        ("checkpoint.pt", "plain", "the state dict is the entry `state_dict`", &[]),
        ("parallel.pt", "plain", wrapper, &[]),
        ("plain.safetensors", "plain", chain, &[]),
        ("views.pt", "plain", chain, &[]),
        ("double.pt", "plain", chain, &[]),
        ("float16.pt", "float16", chain, &[]),
        ("bfloat16.pt", "bfloat16", chain, &[]),
        ("chain.pt", "chain", "3 linear layers (reduce, middle, classify)", &[]),
        ("lenet.pt", "lenet", "those of lenet5; images of 28 × 28 are an assumption", &[]),
        ("lenet.pt", "lenet", "those of lenet5", &["--input", "28x28", "--force"]),
        ("custom.pt", "custom", "all names begin with `net.`", &["--graph", "custom.toml"]),
    ] {
        let stderr = export(folder, file, more);
        assert!(stderr.contains(said), "{file}: {stderr}");
        let [recorded, module] =
            [format!("{recorded}.json"), format!("{file}-module")].map(|name| folder.join(name));
        let sample = Sample { path: module.clone(), recorded };
        assert_same(&python, &sample, &[module]);
    }
}

#[test]
fn what_is_no_state_dict_is_refused_and_nothing_is_run() {
    let Some(python) = python_with("torch, safetensors") else {
        return skipped("wrong files of PyTorch", "there is no Python with torch and safetensors");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    script(&python, "export/state_dicts.py", &[folder]);
    fs::write(folder.join("custom.toml"), CUSTOM).unwrap();
    let other = CUSTOM.replace("outputs = 4", "outputs = 5").replace("stem.1", "stem.norm");
    fs::write(folder.join("other.toml"), &other).unwrap();
    fs::write(folder.join("wide.toml"), CUSTOM.replace("outputs = 4", "outputs = 5")).unwrap();
    for (file, more, expected) in [
        ("whole.pt", "", "whole.pt: it is a whole module (__main__.Chain)"),
        ("whole-old.pt", "", "it is a whole module (__main__.Chain)"),
        ("script.pt", "", "it is a whole module (TorchScript)"),
        ("evil.pt", "", "evil.pt: it asks Python to run posix.system, which is refused"),
        ("tensor.pt", "", "it holds one tensor without a name"),
        ("list.pt", "", "it holds no state dict"),
        ("empty.pt", "", "it holds no tensors"),
        ("quantised.pt", "", "the elements of 2.weight are qint8"),
        ("int8.pt", "", "the elements of 0.weight are int8"),
        (
            "nan.pt",
            "",
            "the tensor 2.bias has numbers that are not finite, 1 of 4, the first is NaN",
        ),
        ("custom.pt", "", "does not say what the network computes"),
        (
            "custom.pt",
            "--graph other.toml",
            "the tensor stem.0.weight [6, 3, 3, 3] is missing; is it net.stem.0.weight?",
        ),
        ("custom.pt", "--graph wide.toml", "the tensor head.weight is [4, 54], expected [5, 54]"),
        ("plain.pt", "--graph custom.toml", "the tensor stem.0.weight [6, 3, 3, 3] is missing"),
        ("plain.pt", "--seed 3", "it has one network; --method, --seed and --replica choose"),
        ("plain.pt", "--graph custom.pt", "does not say what the network computes"),
    ] {
        let flags = format!("export {file} --to safetensors --out x {more}");
        let words: Vec<&str> = flags.split_whitespace().collect();
        let message = refused(folder, &words);
        assert!(message.contains(expected), "{file} {more}: {message}");
        assert!(!folder.join("x").exists() && !folder.join("evil").exists());
    }
    // An old module with its source.
    let names = succeed(folder, &["export", "plain.pt", "--to", "safetensors", "--out", "x"]);
    assert_eq!(names.trim(), "written: x");
}
