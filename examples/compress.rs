//! Builds a network, trains it, makes it smaller in steps with training in between, and computes with the smaller one.
//!
//! `cargo run --release --package rayclip-trainer --example compress`
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayclip_data::{Dataset, LoadOptions as DataOptions, Source};
use rayclip_formats::{ExportOptions, Format, LoadOptions, export, load, metadata};
use rayclip_model::{Activation, Exported, Graph, Op, Population, Shape, Slide};
use rayclip_run_folder::presets::{self, Layers, Setting};
use rayclip_trainer::{Backend, RunDir, RunOptions, Taken, resolve, run};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let folder = tempfile::tempdir()?;

    // The network: a graph, and weights by name. `load("weights.pt", …)` reads weights of others.
    let network =
        Population::init(&graph(), 1, &device, |_, layer| ChaCha8Rng::seed_from_u64(layer as u64))?;
    let file = folder.path().join("network.safetensors");
    let tensors = Exported::all(&network)?.swap_remove(0);
    fs::write(&file, tensors.encode(&metadata(&graph(), None, &BTreeMap::new()))?)?;

    // Train it, clip it in two steps to a quarter of its multiply-accumulates, and train after each.
    let dataset = Source::from_name("digits").load(&DataOptions::default(), &|_, _| ())?;
    compress(&file, dataset, &device, &folder.path().join("run"))?;

    // The smaller network, as Burn computes it and as a file.
    let small = load(&folder.path().join("run"), &LoadOptions::default())?;
    let black = Tensor::<3>::zeros([1, 28 * 28, 1], &device); // [replica, image · position, channel]
    let scores = small.population(&device)?.forward(black).into_data().try_to_vec::<f32>()?;
    export(&small, Format::Onnx, ExportOptions::default())?
        .write(&folder.path().join("small.onnx"), false)?;
    println!("{:?} → {:?} channels", graph().widths(), small.graph.widths());
    println!("{} → {} parameters", graph().parameters(), small.graph.parameters());
    println!("test accuracy {}; scores of a black image: {scores:?}", small.about["accuracy_test"]);
    Ok(())
}

/// A convolution and a hidden layer, for images of 28 × 28 pixels in ten classes.
fn graph() -> Graph {
    let mut graph = Graph::new(Shape { height: 28, width: 28, channels: 1 });
    graph.append("conv", Op::Conv2d { outputs: 16, slide: Slide::of(5), bias: true });
    graph.append("relu", Op::Activation(Activation::Relu));
    graph.append("pool", Op::MaxPool(Slide::of(4).stride(4)));
    graph.append("flat", Op::Flatten);
    graph.append("hidden", Op::Linear { outputs: 64, bias: true });
    graph.append("act", Op::Activation(Activation::Relu));
    graph.append("scores", Op::Linear { outputs: 10, bias: true });
    graph
}

/// Makes the network in a file smaller. The run folder gets all results, and a run that is interrupted goes on from it.
fn compress(
    file: &Path,
    dataset: Dataset,
    device: &Device,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let settings = [
        format!("network.name={}", file.display()),
        "network.pretrained=true".into(),
        "data.normalization=training-pixels".into(),
        "training.batch_size=128".into(),
        "training.batches_per_cycle=100".into(),
        "compression.methods=['l2']".into(),
        "compression.target_macs=0.25".into(),
        "compression.steps=2".into(),
        "compression.min_width=1".into(),
    ];
    let settings = settings.iter().map(|text| Setting::parse(text)).collect::<Result<_, _>>()?;
    let mut config = presets::resolve(&Layers { settings, ..Layers::default() })?;
    resolve(&mut config, &dataset, None, &mut || Ok(device.clone()))?;
    let Taken::Open(run_dir) = RunDir::take(folder, &config)? else { return Ok(()) };
    let backend = Backend { device, name: "flex" };
    run(&config, dataset, backend, &RunOptions::default(), &run_dir, &mut ())?;
    Ok(())
}
