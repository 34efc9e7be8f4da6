//! The module that is exported for Burn: a program that contains it loads the file beside it, and computes the same.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_formats::{ExportOptions, Format, Kind, Loaded, Source, export};
use rayclip_model::{Exported, Graph, HostTensor};

/// What rayclip writes for the graph beside it. `RAYCLIP_WRITE_GOLDEN=1` writes it anew.
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, unreachable_pub, reason = "the file is generated")]
#[path = "burn/network.rs"]
mod network;

/// A network with every operation.
fn loaded() -> Loaded {
    let graph: Graph = toml::from_str(include_str!("every_operation.toml")).unwrap();
    graph.validate(1).unwrap();
    let mut state = 7_u64;
    let mut draw = |name: &str| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
        if name.ends_with("running_var") { value + 1.0 } else { value }
    };
    let tensor = |(name, extents): (String, Vec<usize>)| {
        let values = (0..extents.iter().product()).map(|_| draw(&name)).collect();
        (name, HostTensor { extents, values })
    };
    let tensors: Exported = graph.exported_extents().into_iter().map(tensor).collect();
    let source = Source { path: "n".into(), kind: Kind::Network };
    let (about, notes) = (BTreeMap::new(), vec![]);
    Loaded { graph, tensors, images: None, about, notes, source }
}

#[test]
fn a_program_with_the_exported_module_computes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = loaded();
    let exported = export(&loaded, Format::Burn, ExportOptions::default()).unwrap();
    let paths = exported.write(folder.path(), false).unwrap();
    let [weights, source] = paths.as_slice() else { panic!("{paths:?}") };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/burn/network.rs");
    let source = fs::read_to_string(source).unwrap();
    if std::env::var_os("RAYCLIP_WRITE_GOLDEN").is_some() {
        fs::write(&golden, &source).unwrap();
    }
    assert!(source == fs::read_to_string(&golden).unwrap(), "{source}");

    let device = Device::flex();
    let own = loaded.population(&device).unwrap();
    let module = network::Network::load(weights.to_str().unwrap(), &device).unwrap();
    let (count, input) = (3, loaded.graph.input);
    let numbers = count * input.numbers();
    let pixels: Vec<f32> = (0..numbers).map(|at| ((at * 7919) % 101) as f32 / 50.0 - 1.0).collect();
    let rows = [1, count * input.positions(), input.channels];
    let expected = own.forward(Tensor::from_data(TensorData::new(pixels.clone(), rows), &device));
    let images = [count, input.height, input.width, input.channels];
    let images = Tensor::<4>::from_data(TensorData::new(pixels, images), &device);
    let found = module.forward(images.permute([0, 3, 1, 2]));
    let values = |data: TensorData| data.try_to_vec::<f32>().unwrap();
    let (found, expected) = (values(found.into_data()), values(expected.into_data()));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}
