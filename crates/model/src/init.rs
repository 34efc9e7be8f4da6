//! Initial weights, drawn on the host so that every backend starts from the same bits.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws Xavier (Glorot) normal weights `[fan_in, fan_out]`, row-major: `N(0, 2 / (fan_in + fan_out))`. The extents
/// must be those of a valid graph, so that their product does not overflow.
///
/// # References
/// Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks* (AISTATS 2010), eq.
/// 12, for the variance.
pub(crate) fn xavier_normal(fan_in: usize, fan_out: usize, rng: &mut impl Rng) -> Vec<f32> {
    let deviation = (2.0 / (fan_in + fan_out) as f64).sqrt();
    (0..fan_in * fan_out)
        .map(|_| {
            let standard: f64 = StandardNormal.sample(rng);
            (deviation * standard) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn has_the_variance_of_xavier() {
        let weights = xavier_normal(300, 100, &mut ChaCha8Rng::seed_from_u64(1));
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance / (2.0 / 400.0) - 1.0).abs() < 0.03, "{variance}");
    }
}
