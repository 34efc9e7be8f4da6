//! `l1`: the sum of the absolute weights of a neuron.

use rayclip_run_folder::config::Reduction;

use super::dtc::total_weights;
use super::{Context, Criterion, GroupWeights, Scores, scores_of};
use crate::error::TrainerError;

/// `‖W_prev[:, j]‖₁ + ‖W_next[j, :]‖₁`.
pub(super) struct L1;

impl Criterion for L1 {
    fn score(&self, groups: &[GroupWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(groups, |group| total_weights(group, Reduction::L1).sum_dim(1).squeeze_dim(1))
    }
}
