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
    let difference = (network.forward(probe.clone()) - expected.clone()).abs();
    let largest = |tensor: Tensor<3>| tensor.max_dim(2).max_dim(1);
    let both = Tensor::cat(vec![largest(difference), largest(expected.abs())], 2);
    let both = read(both, "checking the rebuilt layers")?;
    match both.chunks(2).position(|pair| pair[0] > TOLERANCE * pair[1]) {
        None => Ok(network),
        Some(place) => {
            let [difference, largest] = [both[2 * place], both[2 * place + 1]];
            let reason = format!("logits up to {largest} differ by {difference}");
            Err(fault(reason))
        }
    }
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
        // Feeding weights of neurons 1, 4 with leaving weights of 1, 5.
        let (kept, wrong) = ([vec![1, 4], vec![0, 5]], [vec![1, 5], vec![0, 5]]);
        let mut mixed = network();
        let donor = network().keep_neurons(0, &wrong);
        let expected = silenced(&mixed, 0, &kept).forward(probe());
        mixed = mixed.keep_neurons(0, &kept);
        mixed.layers[1] = donor.layers[1].clone();
        let difference = (mixed.forward(probe()) - expected).abs().max().into_scalar::<f32>();
        assert!(f64::from(difference) > TOLERANCE, "{difference}");
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
