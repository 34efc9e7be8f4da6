//! Tests of the repairs after a clip, on a network of three hidden neurons, of which 0 and 2 are alike.

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_data::Split;
use rayclip_model::{Graph, Population, Shape, Value};
use rayclip_run_folder::config::presets::{Layers, resolve};
use rayclip_run_folder::{Method, Replica};

use super::*;
use crate::data::{Calibration, DeviceImages, PixelScale};

/// The network before the clip, and the one without neuron 2 after a repair.
struct Repaired {
    before: Population,
    after: Population,
    images: Tensor<3>,
}

/// Clips neuron 2, whose incoming weights are `scale` times those of neuron 0, and repairs.
fn repaired(
    scale: f32,
    bias: bool,
    repair: impl Fn(Population, &Population, &[Clipped], &Calibration<'_>) -> Population,
) -> Repaired {
    let device = Device::flex();
    let feeding = vec![1.0, 0.2, scale, 0.1, 1.0, 0.1 * scale];
    let leaving = vec![1.0, 0.0, 0.5, 0.5, 3.0, -1.0];
    let graph = Graph::perceptron(2, &[3], 2, bias);
    let tensor = |name: &str, extents: [usize; 3]| {
        let values = match name {
            "layer_0.weight" => feeding.clone(),
            "layer_1.weight" => leaving.clone(),
            _ => vec![0.0; extents.iter().product()],
        };
        Ok::<_, String>(Tensor::from_data(TensorData::new(values, extents), &device))
    };
    let before = Population::from_tensors(&graph, 1, tensor).unwrap();
    let images: Vec<u8> = (0..200).map(|i| (i * 73 % 256) as u8).collect();
    let split = Split { images: images.into(), labels: vec![0; 100] };
    let scale = &PixelScale::all(0.0, 1.0);
    let images = DeviceImages::upload(split, Shape::vector(2), scale, &device);
    let replicas = [Replica { number: 0, seed_index: 0, method: Method::Random, seed: 0 }];
    let config = resolve(&Layers::default()).unwrap();
    let calibration = Calibration::draw(&images, &replicas, 0, &config);
    let group = graph.free_groups().remove(0);
    let cut = before.clone().cut(&group, &[vec![0, 1]]);
    let clipped = [Clipped { group, kept: vec![vec![0, 1]] }];
    let after = repair(cut, &before, &clipped, &calibration);
    let images = images.batch(&[(0..100).collect()]).unwrap().images;
    Repaired { before, after, images }
}

fn weights(network: &Population) -> Vec<f32> {
    let weight = network.parameters().get("layer_1.weight").unwrap().clone();
    weight.into_data().try_to_vec().unwrap()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    let is_near = |(a, b): (&f32, &f32)| (a - b).abs() < tolerance;
    assert!(found.iter().zip(expected).all(is_near), "{found:?} {expected:?}");
}

#[test]
fn a_refit_makes_up_for_a_neuron_that_another_repeats() {
    let refitted = repaired(1.0, false, |cut, before, clipped, calibration| {
        refit(cut, before, clipped, calibration).unwrap()
    });
    assert_near(&weights(&refitted.after), &[4.0, -1.0, 0.5, 0.5], 0.1);
}

#[test]
fn a_merge_adds_what_leaves_a_neuron_to_what_leaves_its_like() {
    let merged = repaired(2.0, false, |_, before, clipped, calibration| {
        let Clipped { group, kept } = &clipped[0];
        merge(before.clone(), group, kept, calibration).unwrap().cut(group, kept)
    });
    // Neuron 2 fires twice as much as neuron 0.
    assert_near(&weights(&merged.after), &[7.0, -2.0, 0.5, 0.5], 1e-4);
    let difference =
        merged.after.forward(merged.images.clone()) - merged.before.forward(merged.images);
    let difference: Vec<f32> = difference.abs().max_dim(1).into_data().try_to_vec().unwrap();
    assert!(difference.iter().all(|d| *d < 1e-3), "{difference:?}");
}

#[test]
fn a_rescaled_layer_receives_the_mean_and_the_variance_of_before() {
    let moments = |network: &Population, images: &Tensor<3>| -> Vec<f32> {
        let output = network.values(images.clone(), &[Value::Node(2)]).remove(0);
        let (mean, square) = (output.clone().mean_dim(1), output.square().mean_dim(1));
        Tensor::cat(vec![mean, square], 2).into_data().try_to_vec().unwrap()
    };
    for bias in [true, false] {
        let Repaired { before, after, images } =
            repaired(1.0, bias, |cut, before, clipped, calibration| {
                rescale(cut, before, clipped, calibration).unwrap()
            });
        let (before, after) = (moments(&before, &images), moments(&after, &images));
        assert!((before[2] - after[2]).abs() < 0.05 * before[2], "{before:?} {after:?}");
        // Without a bias, there is a factor only.
        let tolerance = if bias { 0.05 * before[0].abs() } else { before[0].abs() };
        assert!((before[0] - after[0]).abs() < tolerance, "{before:?} {after:?}");
    }
}
