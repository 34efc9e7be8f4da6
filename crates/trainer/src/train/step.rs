//! Training on one batch: forward pass, backward pass, update.

use burn::tensor::Tensor;
use rayclip_model::Population;
use rayclip_run_folder::config::LossKind;
use tracing::info_span;

use super::Optimizer;
use super::loss::{class_scores, divergence, smoothed_cross_entropy};
use crate::data::Batch;
use crate::error::TrainerError;
use crate::trace::traced;

/// Returns the factors of a dropout, see [`Population::forward_training`].
pub(crate) type Dropout<'a> = dyn FnMut(usize, f64, [usize; 3]) -> Tensor<3> + 'a;

/// What the networks learn from others.
pub(crate) struct Distillation {
    /// The logits of the others for the batch, `[replica, image, class]`.
    pub(crate) logits: Tensor<3>,
    /// The part of the loss that compares the scores with theirs.
    pub(crate) weight: f64,
    pub(crate) temperature: f64,
}

/// What a step of training depends on besides the networks and the batch.
pub(crate) struct TrainStep<'a, 'b> {
    pub(crate) loss: LossKind,
    pub(crate) label_smoothing: f64,
    pub(crate) distillation: Option<Distillation>,
    pub(crate) learning_rate: f64,
    pub(crate) dropout: &'a mut Dropout<'b>,
}

/// Trains on one batch. Returns the networks and the loss of every replica, `[replica]`. Reads nothing from the
/// device.
///
/// # Errors
/// The device fails.
pub(crate) fn train_batch(
    network: Population,
    optimizer: &mut Optimizer,
    batch: Batch,
    step: &mut TrainStep<'_, '_>,
) -> Result<(Population, Tensor<1>), TrainerError> {
    let Batch { images, labels } = batch;
    let device = images.device();
    let tracked = network.tracked();
    let (state, losses) = traced(&info_span!("forward"), &device, || {
        let (logits, state) = tracked.forward_training(images, step.dropout);
        let scores = class_scores(step.loss, logits);
        let losses = match step.distillation.take() {
            None => smoothed_cross_entropy(scores, labels, step.label_smoothing),
            Some(Distillation { logits, weight, temperature }) => {
                let target = class_scores(step.loss, logits);
                let of_labels =
                    smoothed_cross_entropy(scores.clone(), labels, step.label_smoothing);
                of_labels * (1.0 - weight) + divergence(scores, target, temperature) * weight
            }
        };
        (state, losses)
    });
    // A sum over an axis: on a GPU, a sum over a whole tensor may add in any order.
    let mut gradients =
        traced(&info_span!("backward"), &device, || losses.clone().sum_dim(0).backward());
    let tracked = tracked.with_state(state);
    let trained = traced(&info_span!("update"), &device, || {
        optimizer.apply_gradients(tracked, &mut gradients, step.learning_rate)
    })?;
    Ok((trained, losses.inner()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};
    use rayclip_model::Graph;
    use rayclip_run_folder::config::presets::{Layers, resolve};

    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn a_batch_that_is_seen_again_is_learnt() {
        let device = Device::flex();
        let graph = Graph::perceptron(4, &[8], 3, true);
        let weights = |replica, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        let mut network = Population::init(&graph, 2, &device, weights).unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let mut optimizer = Optimizer::new(&config.training);
        let images = Tensor::<3>::from_data(
            [[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]],
            &device,
        );
        let labels = Tensor::<3, Int>::from_data([[[0], [1], [2]]], &device);
        let mut all = vec![];
        for _ in 0..60 {
            let batch = Batch { images: images.clone(), labels: labels.clone() };
            let mut step = TrainStep {
                loss: LossKind::CrossEntropy,
                label_smoothing: 0.0,
                distillation: None,
                learning_rate: 0.05,
                dropout: &mut |_, _, extents| Tensor::ones(extents, &Device::flex()),
            };
            let (next, losses) = train_batch(network, &mut optimizer, batch, &mut step).unwrap();
            network = next;
            all.push(losses.into_data().try_to_vec::<f32>().unwrap());
        }
        let (first, last) = (&all[0], &all[59]);
        assert!(first.iter().all(|loss| *loss > 0.5), "{first:?}");
        assert!(last.iter().all(|loss| *loss < 0.05), "{last:?}");
        assert_ne!(first[0], first[1]);
    }
}
