use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::graph::Value;

pub(crate) fn seeded(replica: usize, layer: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(replica as u64);
    rng.set_stream(layer as u64);
    rng
}

#[test]
fn a_replica_is_the_same_network_alone() {
    let device = Device::flex();
    let graph = Graph::perceptron(5, &[7, 4], 2, true);
    let three = Population::init(&graph, 3, &device, seeded).unwrap();
    assert_eq!((three.graph(), three.replicas()), (&graph, 3));
    assert_eq!(three.device(), device);
    let third = Population::init(&graph, 1, &device, |_, layer| seeded(2, layer)).unwrap();
    let images = Tensor::<3>::ones([1, 6, 5], &device);
    let logits = third.forward(images.clone()).into_data();
    let of_three = three.forward(images.clone().repeat_dim(0, 3)).narrow(0, 2, 1);
    of_three.into_data().assert_eq(&logits, true);
    // Images that all replicas share.
    let shared = three.forward(images.clone()).narrow(0, 2, 1);
    shared.into_data().assert_eq(&logits, true);

    let kept = three.keep_replicas(&[0, 2]);
    assert_eq!(kept.finite().unwrap(), [true, true]);
    let last = kept.forward(images.repeat_dim(0, 2)).narrow(0, 1, 1);
    last.into_data().assert_eq(&logits, true);
    let spoiled = Tensor::<3>::from_data([[[1.0]], [[f32::NAN]]], &device);
    let broken = kept.try_update(|name, parameter| {
        let spoil = name == "layer_1.weight";
        Ok::<_, ModelError>(if spoil { parameter * spoiled.clone() } else { parameter })
    });
    assert_eq!(broken.unwrap().finite().unwrap(), [true, false]);
}

#[test]
fn the_parameters_are_those_of_the_graph() {
    let device = Device::flex();
    let graph = Graph::perceptron(3, &[4], 2, true);
    let network = Population::init(&graph, 2, &device, seeded).unwrap();
    let found = network.parameters().iter();
    let found: Vec<_> = found.map(|(name, value)| (name.to_owned(), value.dims())).collect();
    let extents = graph.extents().into_iter();
    let expected: Vec<_> = extents.map(|(name, [a, b])| (name, [2, a, b])).collect();
    assert_eq!(found, expected);
    assert!(network.state().is_empty());
    let again = Population::from_tensors(&graph, 2, |name, extents| {
        let tensor = network.parameters().get(name).cloned();
        tensor.filter(|tensor| tensor.dims() == extents).ok_or(())
    });
    let again = again.unwrap().with_parameters(network.clone().into_parameters());
    let images = Tensor::<3>::ones([2, 3, 3], &device);
    let logits = network.forward(images.clone()).into_data();
    again.forward(images).into_data().assert_eq(&logits, true);
    let refused = Population::from_tensors(&graph, 2, |name, _| Err(name.to_owned()));
    assert_eq!(refused.unwrap_err(), "layer_0.weight");
}

#[test]
fn replicas_of_several_populations_lie_side_by_side() {
    let device = Device::flex();
    let graph = Graph::perceptron(3, &[4], 2, true);
    let two = Population::init(&graph, 2, &device, seeded).unwrap();
    let swapped = Population::cat(&[two.keep_replicas(&[1]), two.keep_replicas(&[0])]).unwrap();
    let images = Tensor::ones([2, 1, 3], &device);
    let logits = swapped.keep_replicas(&[1, 0]).forward(images.clone()).into_data();
    logits.assert_eq(&two.forward(images).into_data(), true);
    assert!(Population::cat(&[]).is_none());
}

#[test]
fn every_parameter_of_a_tracked_network_has_a_gradient() {
    let device = Device::flex();
    let graph = Graph::perceptron(3, &[4], 2, true);
    let network = Population::init(&graph, 2, &device, seeded).unwrap();
    let tracked = network.tracked();
    let gradients = tracked.forward(Tensor::ones([2, 5, 3], &device)).sum().backward();
    for (name, parameter) in tracked.parameters().iter() {
        let gradient = parameter.grad(&gradients);
        assert_eq!(gradient.unwrap().dims(), parameter.dims(), "{name}");
    }
    let hidden = tracked.values(Tensor::ones([2, 5, 3], &device), &[Value::Node(1)]);
    assert_eq!(hidden[0].dims(), [2, 5, 4]);
}

#[test]
#[should_panic(expected = "channels of layer_1 are fixed")]
fn the_output_cannot_be_cut() {
    let graph = Graph::perceptron(3, &[4], 2, true);
    let network = Population::init(&graph, 1, &Device::flex(), seeded).unwrap();
    let _ = network.cut(&graph.groups()[2], &[vec![0]]);
}

#[test]
fn a_graph_that_is_not_valid_has_no_networks() {
    let graph = Graph::perceptron(3, &[0], 2, true);
    let refused = Population::init(&graph, 2, &Device::flex(), seeded).unwrap_err();
    assert!(matches!(refused, ModelError::Zero { what } if what == "channels of layer_0"));
}
