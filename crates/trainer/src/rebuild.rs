//! Smaller layers after a clip, and the check that nothing but the clipped neurons is gone.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use rayclip_model::Mlp;

use crate::TrainerError;
use crate::device::read;
use crate::optimizer::Optimizer;

/// Logits of the rebuilt network may differ from those of the larger one by this much, relative to the
/// largest: the same products are summed in another order.
const TOLERANCE: f64 = 1e-3;

/// Keeps the neurons `kept[replica]` of hidden layer `layer`, in the network and in the moments.
///
/// Asserts, on the images `probe` (`[replica or 1, image, pixel]`), that the smaller network's logits are
/// those of the larger one with the clipped neurons zeroed, and that the optimizer holds the live
/// parameters and nothing else.
///
/// # Errors
/// An assertion fails, or the device does.
pub(crate) fn rebuild(
    network: Mlp,
    optimizer: &mut Optimizer,
    (cycle, layer): (usize, usize),
    kept: &[Vec<usize>],
    probe: &Tensor<3>,
) -> Result<Mlp, TrainerError> {
    let expected = silenced(&network, layer, kept).forward(probe.clone());
    let network = network.keep_neurons(layer, kept);
    optimizer.keep_neurons(layer, kept);
    let fault = |reason| TrainerError::Rebuild { layer, cycle, reason };
    optimizer.check(&network).map_err(fault)?;
    match difference(&network, expected, probe)? {
        None => Ok(network),
        Some(reason) => Err(fault(reason)),
    }
}

/// Says by how much the logits of a network differ from the expected ones, where it is too much.
fn difference(
    network: &Mlp,
    expected: Tensor<3>,
    probe: &Tensor<3>,
) -> Result<Option<String>, TrainerError> {
    let difference = (network.forward(probe.clone()) - expected.clone()).abs();
    let largest = |tensor: Tensor<3>| tensor.max_dim(2).max_dim(1);
    let both = Tensor::cat(vec![largest(difference), largest(expected.abs())], 2);
    let both = read(both, "checking the rebuilt layers")?;
    let mut wrong = both.chunks(2).filter(|pair| pair[0] > TOLERANCE * pair[1]);
    Ok(wrong.next().map(|pair| format!("logits up to {} differ by {}", pair[1], pair[0])))
}

/// The network with the other neurons of a layer zeroed.
fn silenced(network: &Mlp, layer: usize, kept: &[Vec<usize>]) -> Mlp {
    let mut silenced = network.clone();
    let leaving = &mut silenced.layers[layer + 1].weight;
    let weight = leaving.val();
    let [replicas, m, _] = weight.dims();
    let mut alive = vec![0.0_f32; replicas * m];
    for (replica, ids) in kept.iter().enumerate() {
        for id in ids {
            alive[replica * m + id] = 1.0;
        }
    }
    let alive = Tensor::from_data(TensorData::new(alive, [replicas, m, 1]), &weight.device());
    *leaving = Param::initialized(leaving.id, weight * alive);
    silenced
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};
    use rayclip_model::MlpShape;

    use super::*;
    use crate::streams::{Purpose, stream};

    fn network() -> Mlp {
        let shape = MlpShape { replicas: 2, inputs: 4, hidden: vec![6, 5], outputs: 3, bias: true };
        Mlp::init(&shape, &Device::flex(), |replica, layer| {
            stream(replica as u64, Purpose::Weights, [layer, 0])
        })
        .unwrap()
    }

    fn probe() -> Tensor<3> {
        Tensor::random([1, 9, 4], Distribution::Normal(0.0, 1.0), &Device::flex())
    }

    #[test]
    fn a_rebuilt_network_is_the_silenced_one() {
        let kept = [vec![1, 4], vec![0, 5]];
        let mut optimizer = Optimizer::new(0.01, 3);
        let smaller = rebuild(network(), &mut optimizer, (0, 0), &kept, &probe()).unwrap();
        assert_eq!(smaller.shape().hidden, [2, 5]);
    }

    #[test]
    fn neurons_in_another_order_than_their_weights_are_noticed() {
        let kept = [vec![1, 4], vec![0, 5]];
        let probe = probe();
        let expected = silenced(&network(), 0, &kept).forward(probe.clone());
        let mut rebuilt = network().keep_neurons(0, &kept);
        assert_eq!(difference(&rebuilt, expected.clone(), &probe).unwrap(), None);
        // In the first replica the feeding weights of neurons 1, 4 with the leaving ones of 1, 5.
        let other = network().keep_neurons(0, &[vec![1, 5], vec![0, 5]]);
        rebuilt.layers[1] = other.layers[1].clone();
        let reason = difference(&rebuilt, expected, &probe).unwrap().unwrap();
        assert!(reason.contains("differ by"), "{reason}");
    }

    #[test]
    fn moments_of_another_shape_are_noticed() {
        let mut optimizer = Optimizer::new(0.01, 2);
        let kept = [vec![1, 4], vec![0, 5]];
        let message =
            rebuild(network(), &mut optimizer, (3, 0), &kept, &probe()).unwrap_err().to_string();
        assert!(message.contains("cycle 3") && message.contains("moments"), "{message}");
    }
}
