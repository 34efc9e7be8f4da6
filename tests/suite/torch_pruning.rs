//! The groups of the networks with a name are those of Torch-Pruning, and a clip cuts the same parameters.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use burn::tensor::{Device, Int, Tensor};
use rayclip_model::{Exported, Graph, Population};
use serde_json::Value;

use crate::support::{python_with, script, skipped, succeed};

/// A network in which the entries of every matrix are 0, 1, 2, …, so that a cut shows which of them are left.
fn numbered(graph: &Graph) -> Population {
    let device = Device::flex();
    let numbers = |extents: [usize; 3]| {
        let count = extents.iter().product::<usize>() as i64;
        Tensor::<1, Int>::arange(0..count, &device).float().reshape(extents)
    };
    let Ok(network) =
        Population::from_tensors(graph, 1, |_, extents| Ok::<_, Infallible>(numbers(extents)));
    network
}

/// Cuts the first and the middle channel from every group.
fn cut(mut network: Population) -> Population {
    for index in 0..network.graph().free_groups().len() {
        let group = network.graph().free_groups().swap_remove(index);
        let kept = (1..group.width).filter(|channel| *channel != group.width / 2).collect();
        network = network.cut(&group, &[kept]);
    }
    network
}

#[test]
fn torch_pruning_finds_the_same_groups_and_cuts_the_same_parameters() {
    let Some(python) = python_with("torch, torch_pruning, safetensors") else {
        let why = "there is no Python with torch, torch_pruning and safetensors";
        return skipped("groups of Torch-Pruning", why);
    };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["inspected.json", "whole.safetensors", "cut.safetensors"];
    let paths = paths.map(|name| folder.path().join(name));
    // LeNet-5 flattens images of 25 positions; the others have one position there.
    for (name, groups) in
        [("lenet5", 4), ("vgg11-bn", 8), ("resnet20", 12), ("resnet56", 30), ("mobilenet-v2", 25)]
    {
        let inspected = succeed(folder.path(), &["inspect", name, "--json"]);
        let json: Value = serde_json::from_str(&inspected).unwrap();
        let graph: Graph = serde_json::from_value(json["graph"].clone()).unwrap();
        fs::write(&paths[0], inspected).unwrap();
        let whole = numbered(&graph);
        for (network, path) in [(whole.clone(), &paths[1]), (cut(whole), &paths[2])] {
            let exported = Exported::all(&network).unwrap();
            fs::write(path, exported[0].encode(&BTreeMap::new()).unwrap()).unwrap();
        }
        let compared = script(&python, "torch_pruning_groups.py", &paths);
        assert_eq!(compared.trim(), groups.to_string(), "{name}");
    }
}
