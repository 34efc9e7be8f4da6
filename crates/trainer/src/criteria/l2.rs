//! `l2`: norm of the incoming weights times norm of the outgoing weights.
//!
//! Rescaling a rectified neuron does not change the product: `W_prev[:, j]` times c and `W_next[j, :]` over c give
//! the same network.

use super::{Context, Criterion, GroupWeights, Scores, scores_of};
use crate::error::TrainerError;

/// `‖W_prev[:, j]‖₂ · ‖W_next[j, :]‖₂`.
pub(super) struct L2;

impl Criterion for L2 {
    fn score(&self, groups: &[GroupWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(groups, |group| {
            let incoming = group.incoming.clone().square().sum_dim(1).squeeze_dim::<2>(1);
            let outgoing = group.outgoing.clone().square().sum_dim(2).squeeze_dim::<2>(2);
            incoming.sqrt() * outgoing.sqrt()
        })
    }
}
