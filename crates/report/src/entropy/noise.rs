//! Noise instead of measurements.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::entropy::gibbs::{RANGE, WIDTHS};

/// Number of draws of each noise.
pub(crate) const DRAWS: usize = 100;

/// The kind of noise that replaces a measured vector, with the same number of entries. Gaussian noise also takes
/// the root mean square from this vector. It takes nothing else from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Noise {
    /// Uniform over the range that the histograms of all bin widths have.
    Uniform,
    /// Normal with the root mean square of the vector.
    Gaussian,
}

impl Noise {
    /// Both kinds, in their order.
    pub(crate) const ALL: [Self; 2] = [Self::Uniform, Self::Gaussian];
}

/// Draws noise [`DRAWS`] times instead of `y`, from the random stream with this number.
pub(crate) fn noise(y: &[f64], kind: Noise, seed: u64, stream: u64) -> Vec<Vec<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(2 * stream + kind as u64);
    let scale = (y.iter().map(|value| value * value).sum::<f64>() / y.len() as f64).sqrt();
    let mut draw = || -> f64 {
        match kind {
            Noise::Uniform => rng.random_range(-RANGE..RANGE - WIDTHS[WIDTHS.len() - 1]),
            Noise::Gaussian => {
                let normal: f64 = StandardNormal.sample(&mut rng);
                scale * normal
            }
        }
    };
    (0..DRAWS).map(|_| y.iter().map(|_| draw()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_size_and_scale_of_the_vector_and_is_repeatable() {
        let y = [3.0, -4.0, 5.0, 0.0];
        let draws = noise(&y, Noise::Gaussian, 7, 3);
        assert_eq!((draws.len(), draws[0].len()), (DRAWS, 4));
        let square: f64 = draws.concat().iter().map(|value| value * value).sum();
        assert!((square / 400.0 - 12.5).abs() < 2.5, "{square}");
        assert_eq!(draws, noise(&y, Noise::Gaussian, 7, 3));
        assert!(noise(&y, Noise::Uniform, 7, 3).concat().iter().all(|value| value.abs() <= RANGE));
    }
}
