//! Rebuilds smaller networks after a clip, and checks that only the clipped neurons are gone.

use burn::tensor::Tensor;
use rayclip_model::{Group, Population};
use tracing::info_span;

use crate::device::read;
use crate::error::TrainerError;
use crate::train::Optimizer;

/// Largest difference between the logits of the rebuilt and the larger network, relative to the largest logit. The
/// same products are summed in another order.
const TOLERANCE: f64 = 1e-3;

/// What is rebuilt: a group of the networks in a cycle. `probe` are the images for the check, `[replica or 1,
/// image, pixel]`.
pub(crate) struct Rebuilt<'a> {
    pub(crate) cycle: usize,
    pub(crate) group: &'a Group,
    pub(crate) probe: &'a Tensor<3>,
}

/// Keeps the neurons `kept[replica]` of a group, in the networks and in the moments.
///
/// Checks that the smaller networks have the same logits as the larger ones with the clipped neurons silenced, and
/// that the optimizer has moments for the live parameters and nothing else.
///
/// # Errors
/// A check fails, or the device fails.
pub(crate) fn rebuild(
    network: Population,
    optimizer: &mut Optimizer,
    rebuilt: &Rebuilt<'_>,
    kept: &[Vec<usize>],
) -> Result<Population, TrainerError> {
    let Rebuilt { cycle, group, probe } = *rebuilt;
    let _span = info_span!("rebuild", group = group.name).entered();
    let expected = network.forward_silenced(probe.clone(), group, kept);
    let network = network.cut(group, kept);
    optimizer.cut(group, kept);
    let fault = |reason| TrainerError::Rebuild { group: group.name.clone(), cycle, reason };
    optimizer.check(&network).map_err(fault)?;
    match difference(&network, expected, probe)? {
        None => Ok(network),
        Some(reason) => Err(fault(reason)),
    }
}

/// Compares the logits of the networks with the expected ones. Returns the difference in words if it is too large.
fn difference(
    network: &Population,
    expected: Tensor<3>,
    probe: &Tensor<3>,
) -> Result<Option<String>, TrainerError> {
    let difference = (network.forward(probe.clone()) - expected.clone()).abs();
    let largest = |tensor: Tensor<3>| tensor.max_dim(2).max_dim(1);
    let both = Tensor::cat(vec![largest(difference), largest(expected.abs())], 2);
    let both = read(both, "checking the rebuilt networks")?;
    let mut wrong = both.chunks(2).filter(|pair| pair[0] > TOLERANCE * pair[1]);
    Ok(wrong.next().map(|pair| format!("logits up to {} differ by {}", pair[1], pair[0])))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};
    use rayclip_model::{Graph, Store};

    use rayclip_run_folder::config::presets::{Layers, resolve};

    use super::*;
    use crate::streams::{Purpose, stream};
    use crate::train::Moments;

    fn optimizer() -> Optimizer {
        Optimizer::new(&resolve(&Layers::default()).unwrap().training)
    }

    fn network() -> Population {
        let graph = Graph::perceptron(4, &[6, 5], 3, true);
        let weights = |replica, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        Population::init(&graph, 2, &Device::flex(), weights).unwrap()
    }

    fn group(network: &Population) -> Group {
        network.graph().free_groups().remove(0)
    }

    fn probe() -> Tensor<3> {
        Tensor::random([1, 9, 4], Distribution::Normal(0.0, 1.0), &Device::flex())
    }

    const KEPT: [[usize; 2]; 2] = [[1, 4], [0, 5]];

    #[test]
    fn a_rebuilt_network_is_the_silenced_one() {
        let (group, probe) = (group(&network()), probe());
        let rebuilt = Rebuilt { cycle: 0, group: &group, probe: &probe };
        let kept = KEPT.map(Vec::from);
        let smaller = rebuild(network(), &mut optimizer(), &rebuilt, &kept).unwrap();
        assert_eq!(smaller.graph().widths(), [2, 5]);
    }

    #[test]
    fn neurons_in_another_order_than_their_weights_are_noticed() {
        let (group, probe, kept) = (group(&network()), probe(), KEPT.map(Vec::from));
        let expected = network().forward_silenced(probe.clone(), &group, &kept);
        let right = network().cut(&group, &kept);
        assert_eq!(difference(&right, expected.clone(), &probe).unwrap(), None);
        // In the first replica, neurons 1 and 4 have their incoming weights, but the outgoing weights of neurons 1
        // and 5.
        let other = network().cut(&group, &[vec![1, 5], vec![0, 5]]);
        let mut mixed = right.parameters().clone();
        let leaving = other.parameters().get("layer_1.weight").unwrap().clone();
        mixed.insert("layer_1.weight".into(), leaving);
        let wrong = right.with_parameters(mixed);
        let reason = difference(&wrong, expected, &probe).unwrap().unwrap();
        assert!(reason.contains("differ by"), "{reason}");
    }

    #[test]
    fn moments_of_another_shape_are_noticed() {
        let (group, probe, kept) = (group(&network()), probe(), KEPT.map(Vec::from));
        let mut optimizer = optimizer();
        let none = Store::default();
        optimizer.restore(Some(Moments { steps: 1, stores: vec![none.clone(), none] }));
        let rebuilt = Rebuilt { cycle: 3, group: &group, probe: &probe };
        let refused = rebuild(network(), &mut optimizer, &rebuilt, &kept).unwrap_err().to_string();
        assert!(refused.contains("cycle 3") && refused.contains("moments"), "{refused}");
        assert!(refused.contains("layer_0"), "{refused}");
    }
}
