//! `magnitude`: the sum of all weights of a neuron, as in the supplement's baseline.

use rayclip_run_folder::config::Reduction;

use super::dtc::total_weights;
use super::{Context, Criterion, GroupWeights, Scores, scores_of};
use crate::error::TrainerError;

/// `|w_prev + w_next|`.
pub(super) struct Magnitude;

impl Criterion for Magnitude {
    fn score(&self, groups: &[GroupWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(groups, |group| {
            total_weights(group, Reduction::Signed).sum_dim(1).squeeze_dim(1).abs()
        })
    }
}
