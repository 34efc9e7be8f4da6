//! The Gibbs entropy of measurement vectors, and of noise of the same size.
//!
//! ```text
//! G = − Σ_k p_k log₂ p_k
//! ```
//!
//! over a histogram of the entries. p is normalised by the number of entries inside the range. n entries have at
//! most log₂ n bits, whatever they are. Any interpretation of G must be compared with this null.
//!
//! # References
//! Süzen (arXiv:2505.23869), "Gibbs randomness-compression proposition"; the bins are those of its supplement.

use std::collections::BTreeMap;

/// The histogram starts at `-RANGE` and ends below `RANGE`.
pub(crate) const RANGE: f64 = 50.0;

/// The bin width of the supplement.
pub(crate) const PUBLISHED_WIDTH: f64 = 0.2;

/// The bin widths that are reported. A result that depends on the bins is not a property of the vector.
pub(crate) const WIDTHS: [f64; 6] = [0.05, 0.1, PUBLISHED_WIDTH, 0.5, 1.0, 2.0];

/// An entropy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entropy {
    /// In bits; `None` if no entry is inside the range.
    pub(crate) bits: Option<f64>,
    /// Number of entries inside the range.
    pub(crate) inside: usize,
}

/// Returns the fractions of the entries inside the range, by bin.
///
/// As in NumPy's `histogram(y, arange(-50, 50, width))`, a bin includes its lower edge. The last bin includes both
/// edges.
pub(crate) fn probabilities(y: &[f64], width: f64) -> BTreeMap<usize, f64> {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    for bin in y.iter().filter_map(|value| bin(*value, width)) {
        *counts.entry(bin).or_default() += 1.0;
    }
    let inside: f64 = counts.values().sum();
    counts.into_iter().map(|(bin, count)| (bin, count / inside)).collect()
}

/// Returns the lower edge of a bin.
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
    // Rounding in the division may give the bin beside the right one.
    let bin = match near {
        bin if value < edge(bin, width) => bin - 1,
        bin if value >= edge(bin + 1, width) => bin + 1,
        bin => bin,
    };
    Some(bin.min(edges - 2))
}

/// Returns the entropy of the entries of `y`.
///
/// Paper: the supplement adds 1e-10 inside the logarithm, and takes the natural logarithm for one of the two
/// vectors. Here both are in bits.
pub(crate) fn gibbs(y: &[f64], width: f64) -> Entropy {
    let inside = y.iter().filter(|value| bin(**value, width).is_some()).count();
    let terms = probabilities(y, width).into_values().map(|p| -p * p.log2());
    // The entropy of one bin is 0, not −0.
    let bits = (inside > 0).then(|| terms.sum::<f64>() + 0.0);
    Entropy { bits, inside }
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
}
