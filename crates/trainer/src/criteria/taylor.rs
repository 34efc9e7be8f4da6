//! `taylor`: how much the loss would change, to first order, without the neuron.
//!
//! # References
//! Molchanov, Tyree, Karras, Aila, Kautz, *Pruning convolutional neural networks for resource efficient
//! inference* (ICLR 2017), equation 8.

use burn::tensor::Tensor;

use super::{Context, Criterion, LayerWeights, Scores, try_scores_of};
use crate::TrainerError;
use crate::images::Batch;
use crate::loss::{class_scores, cross_entropy};

/// `Σ_i |h_ij ∂L/∂h_ij|` for the mean loss `L` of a batch, averaged over batches.
pub(super) struct Taylor;

impl Criterion for Taylor {
    fn score(
        &self,
        layers: &[LayerWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let (calibration, loss) = (context.calibration, context.config.training.loss);
        let of_batch = |layer: usize, batch: Batch| -> Result<Tensor<2>, TrainerError> {
            let activations = calibration.network.activations(layer, batch.images);
            let tracked = activations.clone().autodiff().require_grad();
            let logits = calibration.network.forward_from(layer + 1, tracked.clone());
            let gradients =
                cross_entropy(class_scores(loss, logits), batch.labels).sum().backward();
            let gradient = tracked.grad(&gradients).ok_or_else(|| TrainerError::Device {
                doing: "taking the gradient of the loss by the activations",
                reason: "there is none".into(),
            })?;
            Ok((activations * gradient).abs().sum_dim(1).squeeze_dim(1))
        };
        try_scores_of(layers, |layer| calibration.try_mean(|batch| of_batch(layer.layer, batch)))
    }
}
