//! Networks with a name have the logits of modules that are written by hand in PyTorch, before and after clips.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayclip_model::{Exported, Graph, KnownNetwork, Population, Shape};
use serde_json::json;

use crate::support::{python_with, script, skipped};

const SHAPE: Shape = Shape { height: 16, width: 16, channels: 3 };
const IMAGES: usize = 4;

/// Draws numbers between −1 and 1.
pub(crate) fn drawn(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.next_u32() as f32 / 2_f32.powi(31) - 1.0).collect()
}

/// Returns a network whose normalisations have drawn parameters and statistics too.
pub(crate) fn network(graph: &Graph, rng: &mut ChaCha8Rng) -> Population {
    let mut draw = |name: &str, extents: [usize; 3]| {
        let [_, rows, columns] = extents;
        let is_scale = name.ends_with("weight") || name.ends_with("running_var");
        let number = |number: f32| match (rows, is_scale) {
            (1, true) => 1.0 + 0.5 * number,
            (1, false) => 0.3 * number,
            _ => number * (6.0 / rows as f32).sqrt(),
        };
        let values = drawn(rng, rows * columns).into_iter().map(number).collect();
        Tensor::from_data(TensorData::new(values, extents), &Device::flex())
    };
    let Ok(network) = Population::from_tensors(graph, 1, |name, extents| {
        Ok::<_, Infallible>(draw(name, extents))
    });
    network
}

/// Keeps every second channel of every group.
pub(crate) fn halved(mut network: Population) -> Population {
    for index in 0..network.graph().free_groups().len() {
        let group = network.graph().free_groups().swap_remove(index);
        network = network.cut(&group, &[(0..group.width).step_by(2).collect()]);
    }
    network
}

#[test]
fn modules_written_by_hand_have_the_same_logits_before_and_after_clips() {
    let Some(python) = python_with("torch, safetensors") else {
        let why = "there is no Python with torch and safetensors";
        return skipped("logits of networks with a name", why);
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let pixels = drawn(&mut rng, IMAGES * SHAPE.positions() * SHAPE.channels);
    let rows = [1, IMAGES * SHAPE.positions(), SHAPE.channels];
    let images = Tensor::<3>::from_data(TensorData::new(pixels.clone(), rows), &Device::flex());
    for known in [KnownNetwork::Resnet20, KnownNetwork::MobilenetV2] {
        let mut network = network(&known.graph(SHAPE, 10), &mut rng);
        let (mut logits, mut paths) = (vec![], vec![]);
        for clips in 0..4 {
            if clips > 0 {
                network = halved(network);
            }
            let path = folder.path().join(format!("{known}-{clips}.safetensors"));
            let exported = Exported::all(&network).unwrap();
            fs::write(&path, exported[0].encode(&BTreeMap::new()).unwrap()).unwrap();
            logits.push(network.forward(images.clone()).into_data().try_to_vec::<f32>().unwrap());
            paths.push(path);
        }
        let shape = [SHAPE.height, SHAPE.width, SHAPE.channels];
        let recorded = json!({ "shape": shape, "images": pixels, "logits": logits });
        let file = folder.path().join("logits.json");
        fs::write(&file, recorded.to_string()).unwrap();
        let arguments = [vec![known.name().into(), file], paths].concat();
        let printed = script(&python, "known_networks.py", &arguments);
        let differences: Vec<f64> =
            printed.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert_eq!(differences.len(), 4, "{known}: {printed}");
        assert!(differences.iter().all(|difference| *difference < 1e-4), "{known}: {printed}");
    }
}
