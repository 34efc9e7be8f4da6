//! `activation`: the mean activation of a neuron over training images.

use burn::tensor::Tensor;

use super::{Context, Criterion, LayerWeights, Scores, scores_of};
use crate::TrainerError;

/// `mean_i h_ij`, with the rectified activation `h_ij` of neuron `j` for image `i`.
pub(super) struct Activation;

impl Criterion for Activation {
    fn score(
        &self,
        layers: &[LayerWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let calibration = context.calibration;
        scores_of(layers, |layer| {
            let activations = |images: Tensor<3>| {
                calibration.network.activations(layer.layer, images).mean_dim(1).squeeze_dim(1)
            };
            calibration.mean(|batch| activations(batch.images))
        })
    }
}
