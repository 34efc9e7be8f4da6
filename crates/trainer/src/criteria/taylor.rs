//! `taylor`: the first-order change of the loss without the neuron.
//!
//! # References
//! Molchanov, Tyree, Karras, Aila, Kautz, *Pruning convolutional neural networks for resource efficient inference*
//! (ICLR 2017), equation 8.

use burn::tensor::Tensor;
use rayclip_model::{Population, Reading, Value};
use rayclip_run_folder::config::LossKind;

use super::{Context, Criterion, Fed, GroupWeights, Scores, try_scores_of};
use crate::data::Batch;
use crate::error::TrainerError;
use crate::train::{class_scores, cross_entropy};

/// `Σ_i |h_ij ∂L/∂h_ij|` for the mean loss `L` of a batch, averaged over batches.
pub(super) struct Taylor;

impl Criterion for Taylor {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let loss = context.config.training.loss;
        let Fed { network, calibration, .. } = context.fed()?;
        try_scores_of(groups, |weights| {
            calibration.try_mean(|batch| {
                let readings = weights.group.readings.iter();
                let of_reading = |reading| {
                    let changes = changes(network, reading, &batch, loss)?;
                    Ok(reading.channels(changes, weights.group.width).sum_dim(1))
                };
                let sums = readings.map(of_reading).collect::<Result<Vec<_>, TrainerError>>()?;
                Ok(weights.sum(sums.into_iter()).squeeze_dim(1))
            })
        })
    }
}

/// Computes `|h ∂L/∂h|` of the value that is read, `[replica, row, channel]`.
fn changes(
    network: &Population,
    reading: &Reading,
    batch: &Batch,
    loss: LossKind,
) -> Result<Tensor<3>, TrainerError> {
    let mut seen: Option<[Tensor<3>; 2]> = None;
    let tap = |value: Value, activations: Tensor<3>| {
        if value != reading.value {
            return activations;
        }
        // A new leaf: the backward pass stops here.
        let tracked = activations.clone().autodiff().require_grad();
        seen = Some([activations, tracked.clone()]);
        tracked
    };
    let logits = network.forward_tapped(batch.images.clone(), tap);
    let gradients =
        cross_entropy(class_scores(loss, logits), batch.labels.clone()).sum().backward();
    let gradient = |[activations, tracked]: [Tensor<3>; 2]| {
        Some((activations * tracked.grad(&gradients)?).abs())
    };
    seen.and_then(gradient).ok_or_else(|| TrainerError::Device {
        doing: "computing the gradient of the loss by the activations",
        reason: "it is missing".into(),
    })
}
