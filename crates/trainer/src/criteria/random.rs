//! `random`: a seeded draw, the baseline that every criterion must beat.

use rand::RngExt;

use super::{Context, Criterion, GroupScores, GroupWeights, Scores};
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

/// Uniform in `[0, 1)`.
pub(super) struct Random;

impl Criterion for Random {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let draw = |weights: &GroupWeights, seed: u64| -> GroupScores {
            let rng = stream(seed, Purpose::RandomScores, [context.cycle, weights.index]);
            rng.random_iter().take(weights.group.width).collect::<Vec<f64>>().into()
        };
        let of_group = |weights: &GroupWeights| {
            context.replicas.iter().map(|replica| draw(weights, replica.seed)).collect()
        };
        Ok(Scores { groups: groups.iter().map(of_group).collect(), solve_seconds: None })
    }
}
