//! Training on one batch: forward pass, backward pass, update.

use burn::tensor::Tensor;
use rayclip_model::Population;
use rayclip_run_folder::config::LossKind;

use super::{Optimizer, class_scores, cross_entropy};
use crate::data::Batch;
use crate::error::TrainerError;

/// Returns the factors of a dropout, see [`Population::forward_training`].
pub(crate) type Dropout<'a> = dyn FnMut(usize, f64, [usize; 3]) -> Tensor<3> + 'a;

/// Trains on one batch. Returns the networks and the loss of every replica, `[replica]`. Reads nothing from the
/// device.
///
/// # Errors
/// The device fails.
pub(crate) fn train_batch(
    network: Population,
    optimizer: &mut Optimizer,
    batch: Batch,
    loss: LossKind,
    dropout: &mut Dropout<'_>,
) -> Result<(Population, Tensor<1>), TrainerError> {
    let tracked = network.tracked();
    let (logits, state) = tracked.forward_training(batch.images, dropout);
    let scores = class_scores(loss, logits);
    let losses = cross_entropy(scores, batch.labels);
    // A sum over an axis: on a GPU, a sum over a whole tensor may add in any order.
    let gradients = losses.clone().sum_dim(0).backward();
    let trained = optimizer.apply_gradients(tracked.with_state(state), &gradients)?;
    Ok((trained, losses.inner()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};
    use rayclip_model::Graph;

    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn a_batch_that_is_seen_again_is_learnt() {
        let device = Device::flex();
        let graph = Graph::perceptron(4, &[8], 3, true);
        let weights = |replica, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        let mut network = Population::init(&graph, 2, &device, weights).unwrap();
        let mut optimizer = Optimizer::new(0.05);
        let images = Tensor::<3>::from_data(
            [[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]],
            &device,
        );
        let labels = Tensor::<3, Int>::from_data([[[0], [1], [2]]], &device);
        let mut all = vec![];
        for _ in 0..60 {
            let batch = Batch { images: images.clone(), labels: labels.clone() };
            let (next, losses) = train_batch(
                network,
                &mut optimizer,
                batch,
                LossKind::CrossEntropy,
                &mut |_, _, _| unreachable!("there is no dropout"),
            )
            .unwrap();
            network = next;
            all.push(losses.into_data().try_to_vec::<f32>().unwrap());
        }
        let (first, last) = (&all[0], &all[59]);
        assert!(first.iter().all(|loss| *loss > 0.5), "{first:?}");
        assert!(last.iter().all(|loss| *loss < 0.05), "{last:?}");
        assert_ne!(first[0], first[1]);
    }
}
