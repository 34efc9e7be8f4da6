//! Gibbs entropy of measurement vectors, and of noise of the same size.
//!
//! ```text
//! G = − Σ_k p_k log₂ p_k
//! ```
//!
//! over a histogram of the entries, p normalised by those inside the range. Of n entries it is log₂ n at
//! most, whatever they are: that is the null that any reading of G has to stand beside.
//!
//! # References
//! Süzen (arXiv:2505.23869), "Gibbs randomness-compression proposition"; its supplement for the bins.

pub(crate) mod correlation;
pub(crate) mod tracks;

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The histogram begins at `-RANGE` and ends before `RANGE`.
pub(crate) const RANGE: f64 = 50.0;

/// The supplement's width of a bin.
pub(crate) const PUBLISHED_WIDTH: f64 = 0.2;

/// Widths of a bin that are reported: what depends on the bins is no property of the vector.
pub(crate) const WIDTHS: [f64; 6] = [0.05, 0.1, PUBLISHED_WIDTH, 0.5, 1.0, 2.0];

/// Draws of every noise.
pub(crate) const DRAWS: usize = 100;

/// An entropy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entropy {
    /// In bits; nothing where no entry lies in the range.
    pub(crate) bits: Option<f64>,
    /// Entries in the range.
    pub(crate) inside: usize,
}

/// Fractions of the entries in the range by bin.
///
/// As with NumPy's `histogram(y, arange(-50, 50, width))` a bin has its lower edge, the last one both.
pub(crate) fn probabilities(y: &[f64], width: f64) -> BTreeMap<usize, f64> {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    for bin in y.iter().filter_map(|value| bin(*value, width)) {
        *counts.entry(bin).or_default() += 1.0;
    }
    let inside: f64 = counts.values().sum();
    counts.into_iter().map(|(bin, count)| (bin, count / inside)).collect()
}

/// The lower edge of a bin.
pub(crate) fn edge(bin: usize, width: f64) -> f64 {
    bin as f64 * width - RANGE
}

fn bin(value: f64, width: f64) -> Option<usize> {
    let edges = (2.0 * RANGE / width).ceil() as usize;
    let last = edge(edges - 1, width);
    if !(-RANGE..=last).contains(&value) {
        return None;
    }
    let near = ((value + RANGE) / width) as usize;
    // The division may miss an edge by a rounding.
    let bin = match near {
        bin if value < edge(bin, width) => bin - 1,
        bin if value >= edge(bin + 1, width) => bin + 1,
        bin => bin,
    };
    Some(bin.min(edges - 2))
}

/// The entropy of the entries of `y`.
///
/// Paper: the supplement adds 1e-10 inside the logarithm and takes the natural one for one of the two
/// vectors; here both are in bits.
pub(crate) fn gibbs(y: &[f64], width: f64) -> Entropy {
    let inside = y.iter().filter(|value| bin(**value, width).is_some()).count();
    let terms = probabilities(y, width).into_values().map(|p| -p * p.log2());
    // An entropy of one bin is 0, not −0.
    let bits = (inside > 0).then(|| terms.sum::<f64>() + 0.0);
    Entropy { bits, inside }
}

/// Noise in the place of a measured vector, of as many entries. What it has of the network is n and, where it
/// is Gaussian, the root mean square of that vector: it is no noise of a fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Noise {
    /// Uniform over the range that the histograms of all widths have.
    Uniform,
    /// Normal with the root mean square of the vector.
    Gaussian,
}

impl Noise {
    /// Both, in their order.
    pub(crate) const ALL: [Self; 2] = [Self::Uniform, Self::Gaussian];
}

/// [`DRAWS`] draws of noise in the place of `y`, from the stream of this number.
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
    fn counts_as_numpy_does() {
        let y = [-50.0, -49.85, 0.1, 0.15, 0.25, 49.75, 49.8, 49.81, 60.0, f64::NAN];
        // numpy 2.3: histogram(y[:9], arange(-50, 50, 0.2)) has 2, 2, 1 and 2 in bins 0, 250, 251, 498.
        let found: Vec<(usize, f64)> = probabilities(&y, 0.2).into_iter().collect();
        let expected = [(0, 2.0 / 7.0), (250, 2.0 / 7.0), (251, 1.0 / 7.0), (498, 2.0 / 7.0)];
        assert_eq!(found, expected);
        let entropy = gibbs(&y, 0.2);
        assert_eq!(entropy.inside, 7);
        assert!((entropy.bits.unwrap() - 1.950212064914747).abs() < 1e-12);
    }

    #[test]
    fn has_no_more_bits_than_entries_and_none_outside_the_range() {
        let spread: Vec<f64> = (0..32).map(f64::from).collect();
        assert_eq!(gibbs(&spread, 0.5).bits, Some(5.0));
        assert_eq!(gibbs(&[1.0; 7], 0.5).bits.map(f64::to_bits), Some(0));
        assert_eq!(gibbs(&[51.0, -50.1], 0.2), Entropy { bits: None, inside: 0 });
        assert_eq!(gibbs(&[], 0.2).bits, None);
    }

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
