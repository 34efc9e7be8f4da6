//! `random`: a seeded draw, the baseline that every criterion must beat.

use rand::RngExt;

use super::{Context, Criterion, LayerWeights, Scores};
use crate::TrainerError;
use crate::streams::{Purpose, stream};

/// Uniform in `[0, 1)`.
pub(super) struct Random;

impl Criterion for Random {
    fn score(
        &self,
        layers: &[LayerWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let draw = |layer: &LayerWeights, seed: u64| -> Vec<f64> {
            let [_, _, m] = layer.incoming.dims();
            let rng = stream(seed, Purpose::RandomScores, [context.cycle, layer.layer]);
            rng.random_iter().take(m).collect()
        };
        let layers = layers
            .iter()
            .map(|layer| context.replicas.iter().map(|replica| draw(layer, replica.seed)).collect())
            .collect();
        Ok(Scores { layers, solves: vec![], solve_seconds: None })
    }
}
