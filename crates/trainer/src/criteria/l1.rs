//! `l1`: the sum of the absolute weights of a neuron.

use super::{Context, Criterion, LayerWeights, Scores, scores_of};
use crate::TrainerError;
use crate::config::Reduction;
use crate::rays::total_weights;

/// `‖W_prev[:, j]‖₁ + ‖W_next[j, :]‖₁`.
pub(super) struct L1;

impl Criterion for L1 {
    fn score(&self, layers: &[LayerWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(layers, |layer| total_weights(layer, Reduction::L1).sum_dim(1).squeeze_dim(1))
    }
}
