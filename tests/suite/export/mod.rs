//! `rayclip export`: networks in the formats of others have the scores that they have here.

mod graphs;
mod runs;
mod state_dicts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayclip_data::{PerChannel, ValueType, Values};
use rayclip_formats::{ImageDescription, metadata};
use rayclip_model::{Exported, Graph, Population};
use serde_json::{Value, json};

use crate::known_networks::{halved, network};
use crate::support::{python_with, script, skipped, succeed};

/// Images that networks are compared on.
const IMAGES: usize = 5;

/// A network in a file of rayclip, and its scores.
struct Sample {
    /// The file.
    path: PathBuf,
    /// Images, what becomes of them, and the scores of the network.
    recorded: PathBuf,
}

impl Sample {
    /// Writes a network, whose images are normalised channel by channel.
    fn write(folder: &Path, name: &str, network: &Population, rng: &mut ChaCha8Rng) -> Self {
        let graph = network.graph();
        let input = graph.input;
        let numbers = |first: f64| -> PerChannel {
            let numbers = (0..input.channels).map(|channel| first + 0.01 * channel as f64);
            numbers.collect::<Vec<_>>().into()
        };
        let is_vector = input.positions() == 1;
        let images = ImageDescription {
            shape: if is_vector {
                vec![input.channels]
            } else {
                vec![input.height, input.width, input.channels]
            },
            class_names: (0..graph.outputs()).map(|class| format!("class \"{class}\"")).collect(),
            mean: numbers(0.4),
            deviation: numbers(0.2),
            values: ValueType::Bytes,
        };
        let pixels: Vec<u8> = (0..IMAGES * input.numbers()).map(|_| rng.next_u32() as u8).collect();
        let normalised = images.normalised(&Values::Bytes(pixels.clone()), IMAGES).unwrap();
        let extents = [1, IMAGES * input.positions(), input.channels];
        let data = TensorData::new(normalised.clone(), extents);
        let scores = network.forward(Tensor::from_data(data, &Device::flex()));
        let scores: Vec<f32> = scores.into_data().try_to_vec().unwrap();
        assert!(scores.iter().all(|score| score.is_finite()), "{name}: {scores:?}");
        let path = folder.join(format!("{name}.safetensors"));
        let about = BTreeMap::from([("accuracy_test".to_owned(), "0.5".to_owned())]);
        let exported = Exported::all(network).unwrap();
        let bytes = exported[0].encode(&metadata(graph, Some(&images), &about)).unwrap();
        fs::write(&path, bytes).unwrap();
        let shape = [input.height, input.width, input.channels];
        let recorded =
            json!({ "shape": shape, "pixels": pixels, "images": normalised, "scores": scores });
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, recorded.to_string()).unwrap();
        Self { path, recorded: file }
    }

    /// Exports the network. Returns the path.
    fn export(&self, to: &str, name: &str, more: &[&str]) -> PathBuf {
        let folder = self.path.parent().unwrap();
        let out = self.path.with_extension(name);
        let [file, out_text] = [&self.path, &out].map(|path| path.to_str().unwrap());
        let flags = ["export", file, "--to", to, "--out", out_text];
        succeed(folder, &[&flags[..], more].concat());
        out
    }
}

/// Compares networks with the recorded scores, in PyTorch, onnxruntime and tract.
fn assert_same(python: &str, sample: &Sample, networks: &[PathBuf]) {
    let arguments = [&[sample.recorded.clone()][..], networks].concat();
    let printed = script(python, "export/scores.py", &arguments);
    let differences: Vec<f64> =
        printed.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(differences.len(), networks.len(), "{printed}");
    for (path, difference) in networks.iter().zip(differences) {
        // Others add in another order; fifty layers of MobileNet-V2 differ the most.
        assert!(difference < 1e-4, "{}: {difference}", path.display());
    }
}

#[test]
fn exported_networks_have_the_same_scores_elsewhere() {
    let Some(python) = python_with("torch, safetensors") else {
        let why = "there is no Python with torch and safetensors";
        return skipped("exported networks in PyTorch", why);
    };
    let has_onnx = python_with("onnx, onnxruntime").is_some();
    if !has_onnx {
        skipped("exported networks in onnxruntime", "there is no Python with onnx and onnxruntime");
    } else if python_with("tract").is_none() {
        skipped("exported networks in tract", "there is no Python with tract");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (name, graph) in graphs::all() {
        let mut population = network(&graph, &mut rng);
        for clips in 0..2 {
            if clips > 0 {
                population = halved(population);
            }
            let name = format!("{name}-{clips}");
            let sample = Sample::write(folder.path(), &name, &population, &mut rng);
            let mut networks = vec![sample.export("pytorch", "module", &[])];
            networks.push(sample.export("pytorch", "folded", &["--fold-batch-norm"]));
            if has_onnx {
                let both = ["--with-preprocessing", "--fold-batch-norm"];
                networks.push(sample.export("onnx", "onnx", &[]));
                networks.push(sample.export("onnx", "folded.onnx", &both));
                networks.push(sample.export("onnx", "pixels.onnx", &both[..1]));
            }
            assert_same(&python, &sample, &networks);
        }
    }
}

#[test]
fn what_is_exported_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for (name, graph) in graphs::small() {
        let population = network(&graph, &mut rng);
        let sample = Sample::write(folder.path(), name, &population, &mut rng);
        let original = fs::read(&sample.path).unwrap();
        // Through every format that is read, and back.
        let written = sample.export("burn", "burn", &[]);
        let burn = Sample { path: written, recorded: sample.recorded.clone() };
        let written = burn.export("pytorch", "of-burn", &[]);
        let module = Sample { path: written, recorded: sample.recorded.clone() };
        let again = module.export("safetensors", "again", &[]);
        let again = fs::read(again).unwrap();
        assert_eq!(header(&again), header(&original), "{name}");
        assert!(again == original, "{name}");
    }
}

/// Returns the header of a safetensors file.
fn header(file: &[u8]) -> Value {
    let (length, rest) = file.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    serde_json::from_slice(&rest[..length]).unwrap()
}

/// Returns the graph of a TOML text.
fn graph_of(text: &str) -> Graph {
    let graph: Graph = toml::from_str(text).unwrap();
    graph.validate(1).unwrap();
    graph
}
