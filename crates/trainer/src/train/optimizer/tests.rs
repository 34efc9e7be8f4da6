use burn::tensor::{Distribution, Tolerance};
use rayclip_model::Graph;
use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

use super::*;
use crate::streams::{Purpose, stream};

fn network(graph: &Graph, seed: impl Fn(usize) -> u64) -> Population {
    let weights = |replica, layer| stream(seed(replica), Purpose::Weights, [layer, 0]);
    Population::init(graph, 2, &Device::flex(), weights).unwrap()
}

fn stepped(optimizer: &mut Optimizer, network: Population) -> Population {
    let inputs = network.graph().input.channels;
    let images = Tensor::ones([network.replicas(), 3, inputs], &Device::flex());
    let tracked = network.tracked();
    let mut gradients = tracked.forward(images).square().sum().backward();
    optimizer.apply_gradients(tracked, &mut gradients, 0.01).unwrap()
}

fn optimizer(settings: &[&str]) -> Optimizer {
    let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
    Optimizer::new(&resolve(&Layers { settings, ..Layers::default() }).unwrap().training)
}

fn weight(network: &Population) -> Vec<f32> {
    values(network.parameters().get("layer_0.weight").unwrap())
}

fn values(tensor: &Tensor<3>) -> Vec<f32> {
    tensor.clone().into_data().try_to_vec().unwrap()
}

#[test]
fn the_first_step_moves_every_weight_by_the_learning_rate() {
    let before = network(&Graph::perceptron(4, &[], 3, true), |_| 1);
    let after = stepped(&mut optimizer(&[]), before.clone());
    for (after, before) in weight(&after).iter().zip(weight(&before)) {
        assert!(((after - before).abs() - 0.01).abs() < 1e-5, "{after} {before}");
    }
}

#[test]
fn sgd_and_weight_decay_are_their_formulas() {
    let before = network(&Graph::perceptron(4, &[], 3, true), |_| 1);
    let plain = stepped(&mut optimizer(&["training.optimizer=sgd"]), before.clone());
    let tracked = before.clone().tracked();
    let images = Tensor::ones([2, 3, 4], &Device::flex());
    let gradients = tracked.forward(images).square().sum().backward();
    let gradient =
        values(&tracked.parameters().get("layer_0.weight").unwrap().grad(&gradients).unwrap());
    let start = weight(&before);
    for ((after, before), g) in weight(&plain).iter().zip(&start).zip(&gradient) {
        assert!((after - (before - 0.01 * g)).abs() < 1e-5, "{after} {before} {g}");
    }
    // The second step has the velocity 0.9 v + g; with Nesterov, the step is g + 0.9 v.
    let nesterov = ["training.optimizer=sgd", "training.nesterov=true"];
    let ahead = stepped(&mut optimizer(&nesterov), before.clone());
    for ((after, before), g) in weight(&ahead).iter().zip(&start).zip(&gradient) {
        assert!((after - (before - 0.019 * g)).abs() < 1e-5, "{after} {before} {g}");
    }
    let decay = ["training.optimizer=sgd", "training.weight_decay=0.5"];
    let pulled = stepped(&mut optimizer(&decay), before.clone());
    for ((after, plain), before) in weight(&pulled).iter().zip(weight(&plain)).zip(&start) {
        assert!((after - (plain - 0.01 * 0.5 * before)).abs() < 1e-5, "{after} {before}");
    }
    let decoupled = ["training.optimizer=adamw", "training.weight_decay=0.5"];
    let (adam, adamw) = (
        stepped(&mut optimizer(&[]), before.clone()),
        stepped(&mut optimizer(&decoupled), before.clone()),
    );
    for ((after, plain), before) in weight(&adamw).iter().zip(weight(&adam)).zip(&start) {
        assert!((after - (plain - 0.01 * 0.5 * before)).abs() < 1e-5, "{after} {before}");
    }
    // Biases are not pulled.
    let bias = |network: &Population| values(network.parameters().get("layer_0.bias").unwrap());
    assert_eq!(bias(&pulled), bias(&plain));
}

#[test]
fn a_large_gradient_is_scaled_to_the_limit_and_a_small_one_is_left() {
    let before = network(&Graph::perceptron(4, &[], 3, false), |replica| replica as u64);
    let settings = ["training.optimizer=sgd", "training.clip_norm=0.5"];
    let after = stepped(&mut optimizer(&settings), before.clone());
    let moved: Vec<f32> =
        weight(&after).iter().zip(weight(&before)).map(|(after, before)| after - before).collect();
    for of_replica in moved.chunks(12) {
        let norm = of_replica.iter().map(|step| step * step).sum::<f32>().sqrt();
        assert!((norm - 0.01 * 0.5).abs() < 1e-5, "{norm}");
    }
    let wide = ["training.optimizer=sgd", "training.clip_norm=1e6"];
    let free = stepped(&mut optimizer(&["training.optimizer=sgd"]), before.clone());
    let limited = stepped(&mut optimizer(&wide), before);
    assert_eq!(weight(&free), weight(&limited));
}

#[test]
fn the_pass_of_flex_is_burns_rule() {
    let device = Device::flex();
    let draw =
        |scale: f64| Tensor::<3>::random([2, 40, 9], Distribution::Normal(0.0, scale), &device);
    let Rule::Adam { adam, .. } = optimizer(&[]).rule else { panic!("the default is Adam") };
    let (mut ours, mut ours_state) = (draw(1.0), None);
    let (mut burns, mut burns_state) = (ours.clone(), None);
    for gradient in [draw(1.0), draw(1e-3), draw(10.0)] {
        let (value, state) = flex::step(0.01, ours, gradient.clone(), ours_state).unwrap();
        (ours, ours_state) = (value, Some(state));
        (burns, burns_state) = adam.step(0.01, burns, gradient, burns_state);
    }
    let tolerance = Tolerance::rel_abs(1e-4, 1e-6);
    ours.into_data().assert_approx_eq::<f32>(&burns.into_data(), tolerance);
    let (ours, burns) = (ours_state.unwrap().momentum, burns_state.unwrap().momentum);
    assert_eq!(ours.time, burns.time);
    let moments = (ours.moment_2.into_data(), burns.moment_2.into_data());
    moments.0.assert_approx_eq::<f32>(&moments.1, tolerance);
}

#[test]
fn carried_moments_are_those_of_the_kept_neurons() {
    let mut network = network(&Graph::perceptron(4, &[6], 3, true), |replica| replica as u64);
    let group = network.graph().free_groups().remove(0);
    let mut optimizer = optimizer(&[]);
    network = stepped(&mut optimizer, network);
    let moment = |optimizer: &Optimizer, name: &str| {
        optimizer.moments().unwrap().stores[0].get(name).unwrap().clone()
    };
    let whole = values(&moment(&optimizer, "layer_0.weight"));
    let kept = [vec![1, 4], vec![0, 5]];
    optimizer.cut(&group, &kept);
    assert!(optimizer.check(&network).unwrap_err().contains("layer_0.weight"));
    network = network.cut(&group, &kept);
    assert_eq!(optimizer.check(&network), Ok(()));
    let cut = values(&moment(&optimizer, "layer_0.weight"));
    for (replica, ids) in kept.iter().enumerate() {
        for row in 0..4 {
            for (column, id) in ids.iter().enumerate() {
                let of_cut = cut[(replica * 4 + row) * 2 + column];
                assert_eq!(of_cut, whole[(replica * 4 + row) * 6 + id]);
            }
        }
    }
    assert_eq!(moment(&optimizer, "layer_1.weight").dims(), [2, 2, 3]);
    optimizer.keep_replicas(&[1]);
    assert_eq!(values(&moment(&optimizer, "layer_0.weight")), cut[4 * 2..]);
    let network = network.keep_replicas(&[1]);
    assert_eq!(stepped(&mut optimizer, network).graph().widths(), [2]);
}
