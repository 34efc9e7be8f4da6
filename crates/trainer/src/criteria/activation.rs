//! `activation`: the mean activation of a neuron over training images.

use super::{Context, Criterion, Fed, GroupWeights, Scores, try_scores_of};
use crate::error::TrainerError;

/// `mean_i h_ij`, where `h_ij` is the activation of neuron `j` for image `i`, summed over its readings.
pub(super) struct Activation;

impl Criterion for Activation {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let Fed { network, calibration, .. } = context.fed()?;
        try_scores_of(groups, |weights| {
            calibration.mean(|batch| {
                let activations = weights.activations(network, batch.images).into_iter();
                let means = activations.map(|of_reading| of_reading.mean_dim(1));
                weights.sum(means).squeeze_dim(1)
            })
        })
    }
}
