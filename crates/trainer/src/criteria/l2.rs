//! `l2`: norm of the incoming weights times norm of the outgoing weights.
//!
//! The product is what rescaling a rectified neuron leaves unchanged: `W_prev[:, j]` times c and
//! `W_next[j, :]` over c is the same network.

use super::{Context, Criterion, LayerWeights, Scores, scores_of};
use crate::TrainerError;

/// `‖W_prev[:, j]‖₂ · ‖W_next[j, :]‖₂`.
pub(super) struct L2;

impl Criterion for L2 {
    fn score(&self, layers: &[LayerWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        scores_of(layers, |layer| {
            let incoming = layer.incoming.clone().square().sum_dim(1).squeeze_dim::<2>(1);
            let outgoing = layer.outgoing.clone().square().sum_dim(2).squeeze_dim::<2>(2);
            incoming.sqrt() * outgoing.sqrt()
        })
    }
}
