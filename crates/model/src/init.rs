//! Initial weights, drawn on the host so that every backend starts from the same bits.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws weights `[inputs, outputs]`, row-major, from a normal distribution. The extents must be those of a valid
/// graph, so that their product does not overflow.
pub(crate) fn normal([inputs, outputs]: [usize; 2], variance: f64, rng: &mut impl Rng) -> Vec<f32> {
    let deviation = variance.sqrt();
    (0..inputs * outputs)
        .map(|_| {
            let standard: f64 = StandardNormal.sample(rng);
            (deviation * standard) as f32
        })
        .collect()
}

/// Returns the variance of Xavier (Glorot) weights: `2 / (inputs + outputs)`.
///
/// # References
/// Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks* (AISTATS 2010), eq.
/// 12.
pub(crate) fn xavier(inputs: usize, outputs: usize) -> f64 {
    2.0 / (inputs + outputs) as f64
}

/// Returns the variance of He (Kaiming) weights: `2 / inputs`, for rectified results.
///
/// # References
/// He, Zhang, Ren, Sun, *Delving deep into rectifiers* (ICCV 2015), eq. 10.
pub(crate) fn he(inputs: usize) -> f64 {
    2.0 / inputs as f64
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn has_the_variance_of_xavier() {
        let variance = xavier(300, 100);
        let weights = normal([300, 100], variance, &mut ChaCha8Rng::seed_from_u64(1));
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance / (2.0 / 400.0) - 1.0).abs() < 0.03, "{variance}");
    }
}
