//! `magnitude`: the sum of all weights of a neuron, as the supplement's baseline ranks.

use super::{Context, Criterion, LayerWeights, Scores, scores_of};
use crate::TrainerError;
use crate::config::Reduction;
use crate::rays::total_weights;

/// `|w_prev + w_next|`.
pub(super) struct Magnitude;

impl Criterion for Magnitude {
    fn score(&self, layers: &[LayerWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(layers, |layer| {
            total_weights(layer, Reduction::Signed).sum_dim(1).squeeze_dim(1).abs()
        })
    }
}
