use burn::tensor::Distribution;
use burn::tensor::activation::relu;

use super::*;
use crate::graph::Graph;
use crate::population::tests::seeded;

fn perceptron() -> Population {
    let graph = Graph::perceptron(5, &[7, 4], 2, true);
    let network = Population::init(&graph, 3, &Device::flex(), seeded).unwrap();
    // Make the biases non-zero.
    let shifted = network.try_update(|name, parameter| {
        Ok::<_, ()>(if name.ends_with("bias") { parameter + 0.1 } else { parameter })
    });
    shifted.unwrap()
}

fn images(replicas: usize) -> Tensor<3> {
    Tensor::random([replicas, 6, 5], Distribution::Normal(0.0, 1.0), &Device::flex())
}

#[test]
fn a_perceptron_is_a_chain_of_products_to_the_bit() {
    let network = perceptron();
    for images in [images(3), images(1)] {
        let layer = |layer: usize, input: Tensor<3>| {
            let parameter = |kind| network.parameters.of(&format!("layer_{layer}.{kind}"));
            input.matmul(parameter("weight")) + parameter("bias")
        };
        let by_hand = layer(2, relu(layer(1, relu(layer(0, images.clone())))));
        network.forward(images).into_data().assert_eq(&by_hand.into_data(), true);
    }
    let graph = Graph::perceptron(5, &[7], 2, false);
    let plain = Population::init(&graph, 3, &Device::flex(), seeded).unwrap();
    let weight = |layer: usize| plain.parameters.of(&format!("layer_{layer}.weight"));
    let images = images(3);
    let by_hand = relu(images.clone().matmul(weight(0))).matmul(weight(1));
    plain.forward(images).into_data().assert_eq(&by_hand.into_data(), true);
}

#[test]
fn values_come_in_the_order_in_which_they_are_wanted() {
    let (network, images) = (perceptron(), images(3));
    let logits = network.forward(images.clone()).into_data();
    let wanted = [Value::Node(4), Value::Node(1), Value::Input, Value::Node(1)];
    let values = network.values(images.clone(), &wanted);
    let [found, hidden, input, again] = values.try_into().unwrap();
    found.into_data().assert_eq(&logits, true);
    input.into_data().assert_eq(&images.into_data(), true);
    assert_eq!(hidden.dims(), [3, 6, 7]);
    again.into_data().assert_eq(&hidden.into_data(), true);
    assert!(network.values(Tensor::ones([3, 1, 5], &network.device()), &[]).is_empty());
}

#[test]
fn a_tap_sees_every_value_and_hands_on_what_is_read() {
    let (network, images) = (perceptron(), images(3));
    let mut seen = Vec::new();
    let logits = network.forward_tapped(images.clone(), |value, result| {
        seen.push(value);
        if value == Value::Node(3) { result.zeros_like() } else { result }
    });
    let all: Vec<Value> = std::iter::once(Value::Input).chain((0..5).map(Value::Node)).collect();
    assert_eq!(seen, all);
    // Only the bias is left.
    let bias = network.parameters.of("layer_2.bias").expand(logits.dims());
    logits.into_data().assert_eq(&bias.into_data(), true);
}

#[test]
fn a_tap_may_put_a_leaf_in_the_place_of_a_value() {
    let (network, images) = (perceptron(), images(3));
    let mut leaf = None;
    let logits = network.forward_tapped(images, |value, result| {
        if value != Value::Node(3) {
            return result;
        }
        let tracked = result.autodiff().require_grad();
        leaf = Some(tracked.clone());
        tracked
    });
    // The gradient of the sum of the logits is the sum of a neuron's outgoing weights.
    let gradients = logits.sum().backward();
    let gradient = leaf.unwrap().grad(&gradients).unwrap().narrow(1, 0, 1);
    let sums = network.parameters.of("layer_2.weight").sum_dim(2).swap_dims(1, 2);
    gradient
        .into_data()
        .assert_approx_eq::<f32>(&sums.into_data(), burn::tensor::Tolerance::default());
}
