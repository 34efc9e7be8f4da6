//! The operations beside PyTorch's values (`golden/operations.py` computes them) and beside finite differences.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not there")]
#![expect(clippy::explicit_write, reason = "the harness captures eprintln, and skips must be seen")]

use std::collections::BTreeMap;

use std::fs;
use std::io::Write;
use std::path::Path;

use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rayclip_model::{Graph, Op, Population, Slide, Store};
use safetensors::SafeTensors;

/// The recorded cases: graphs and tensors by name.
struct Golden {
    graphs: BTreeMap<String, Graph>,
    bytes: Vec<u8>,
}

impl Golden {
    fn read() -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/operations.safetensors");
        let bytes = fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata: BTreeMap<String, String> =
            header.metadata().clone().unwrap().into_iter().collect();
        let graph = |(name, json): (String, String)| (name, serde_json::from_str(&json).unwrap());
        Self { graphs: metadata.into_iter().map(graph).collect(), bytes }
    }

    fn tensor(&self, name: &str, device: &Device) -> Tensor<3> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        let (words, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), device)
    }

    /// Returns the networks of a case. A parameter of the node `op` is recorded without the name of the node.
    fn network(&self, case: &str, device: &Device) -> Population {
        let mut graph = self.graphs[case].clone();
        // A network needs a parameter: a factor of one does not change the result.
        graph.append("one", Op::DepthwiseConv2d { slide: Slide::of(1), bias: false });
        graph.validate(2).unwrap();
        let tensor = |name: &str, extents| {
            if name == "one.weight" {
                return Ok::<_, ()>(Tensor::ones(extents, device));
            }
            let tensor = self.tensor(&recorded(case, "", name), device);
            assert_eq!(tensor.dims(), extents, "{case} {name}");
            Ok(tensor)
        };
        Population::from_tensors(&graph, 2, tensor).unwrap()
    }
}

fn recorded(case: &str, kind: &str, name: &str) -> String {
    format!("{case}.{kind}{}", name.strip_prefix("op.").unwrap_or(name))
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_close(found: Tensor<3>, expected: Tensor<3>, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 2e-5 * largest, "{what}: {found} {expected}");
    }
}

/// Computes the result in training, and the new state.
fn train(network: &Population, images: Tensor<3>) -> (Tensor<3>, Store) {
    network.forward_training(images, &mut |_, _, _| panic!("no case has a dropout"))
}

#[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
fn devices() -> Vec<Device> {
    let options = Device::wgpu_options().device_kind(DeviceKind::Cpu);
    let adapter = options.init_with_setup().ok().map(|(device, _)| device);
    if adapter.is_none() {
        writeln!(std::io::stderr(), "skipped on wgpu: there is no software adapter").unwrap();
    }
    [Device::flex(), Device::ndarray()].into_iter().chain(adapter).collect()
}

#[test]
fn results_gradients_and_statistics_are_those_of_pytorch() {
    let golden = Golden::read();
    assert!(golden.graphs.len() > 20);
    for (device, case) in devices().iter().flat_map(|d| golden.graphs.keys().map(move |c| (d, c))) {
        let network = golden.network(case, device).tracked();
        let images = golden.tensor(&format!("{case}.input"), device).autodiff().require_grad();
        let (result, state) = train(&network, images.clone());
        let what = format!("{case} on {device:?}");
        let expected = golden.tensor(&format!("{case}.result"), device);
        assert_close(result.clone().without_autodiff(), expected, &what);
        let upstream = golden.tensor(&format!("{case}.upstream"), device).autodiff();
        let gradients = (result * upstream).sum().backward();
        let of_images = images.grad(&gradients).unwrap();
        let expected = golden.tensor(&format!("{case}.gradient.input"), device);
        assert_close(of_images, expected, &format!("{what}: images"));
        let recorded_ones = |(name, _): &(&str, &Tensor<3>)| *name != "one.weight";
        for (name, parameter) in network.parameters().iter().filter(recorded_ones) {
            let expected = golden.tensor(&recorded(case, "gradient.", name), device);
            assert_close(parameter.grad(&gradients).unwrap(), expected, &format!("{what}: {name}"));
        }
        for (name, matrix) in state.iter() {
            let expected = golden.tensor(&recorded(case, "new.", name), device);
            assert_close(matrix.clone(), expected, &format!("{what}: {name}"));
        }
        assert_eq!(state.len(), network.state().len());
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    // Where a maximum or a sign changes within the step, a difference is no derivative.
    const KINKS: [&str; 8] =
        ["relu", "relu6", "leaky_relu", "hard_swish", "hard_sigmoid", "max_pool", "concat", "gate"];
    const STEP: f64 = 1e-2;
    let (golden, device) = (Golden::read(), Device::flex());
    for case in golden.graphs.keys().filter(|case| !KINKS.contains(&case.as_str())) {
        let images = golden.tensor(&format!("{case}.input"), &device);
        let upstream = golden.tensor(&format!("{case}.upstream"), &device);
        let network = golden.network(case, &device);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut noise = |like: &Tensor<3>| {
            let count = like.shape().num_elements();
            let values: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(count).collect();
            Tensor::<3>::from_data(TensorData::new(values, like.dims()), &device) * STEP
        };
        let along: Store = network
            .parameters()
            .iter()
            .map(|(name, parameter)| (name.to_owned(), noise(parameter)))
            .collect();
        let along_images = noise(&images);
        let at = |steps: f64| -> f64 {
            let moved = network.clone().try_update(|name, parameter| {
                Ok::<_, ()>(parameter + along.get(name).unwrap().clone() * steps)
            });
            let (result, _) = train(&moved.unwrap(), images.clone() + along_images.clone() * steps);
            let products = values(result * upstream.clone());
            products.into_iter().map(f64::from).sum()
        };
        let tracked = network.clone().tracked();
        let leaf = images.clone().autodiff().require_grad();
        let (result, _) = train(&tracked, leaf.clone());
        let gradients = (result * upstream.clone().autodiff()).sum().backward();
        // The slope, and the size of what adds up to it.
        let (mut slope, mut size) = (0.0, 0.0);
        let mut add = |gradient: Tensor<3>, along: &Tensor<3>| {
            for product in values(gradient * along.clone()).into_iter().map(f64::from) {
                slope += product;
                size += product.abs();
            }
        };
        add(leaf.grad(&gradients).unwrap(), &along_images);
        for (name, parameter) in tracked.parameters().iter() {
            add(parameter.grad(&gradients).unwrap(), along.get(name).unwrap());
        }
        let difference = (at(1.0) - at(-1.0)) / 2.0;
        assert!((difference - slope).abs() < 1e-2 * size, "{case}: {difference} {slope} {size}");
    }
}

#[test]
fn a_replica_alone_has_the_same_bits_and_images_may_be_shared() {
    let (golden, device) = (Golden::read(), Device::flex());
    for case in golden.graphs.keys() {
        let network = golden.network(case, &device);
        let images = golden.tensor(&format!("{case}.input"), &device);
        let (result, _) = train(&network, images.clone());
        let (alone, _) = train(&network.keep_replicas(&[1]), images.clone().narrow(0, 1, 1));
        alone.into_data().assert_eq(&result.narrow(0, 1, 1).into_data(), true);
        let shared = images.narrow(0, 0, 1);
        let (result, _) = train(&network, shared.clone());
        let (repeated, _) = train(&network, shared.repeat_dim(0, 2));
        let result = if result.dims()[0] == 1 { result.repeat_dim(0, 2) } else { result };
        result.into_data().assert_eq(&repeated.into_data(), true);
    }
}
