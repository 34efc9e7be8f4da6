//! Gaussian measurement matrices Φ: independent entries N(0, 1), not scaled.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rand_mt::Mt;

/// Returns `count` independent N(0, 1) entries from any generator.
pub fn standard_normal(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    StandardNormal.sample_iter(rng).take(count).collect()
}

/// Returns the `count` entries of `numpy.random.seed(seed); numpy.random.normal(size=count)`, to the bit.
///
/// They come from the 32-bit Mersenne Twister, uniform doubles of 53 bits, and Marsaglia's polar method, which
/// returns its second value first.
///
/// # References
/// NumPy, `RandomState` ("legacy generator"); Marsaglia, Bray, *A convenient method for generating
/// normal variables* (SIAM Review 6, 1964).
pub fn numpy_standard_normal(count: usize, seed: u32) -> Vec<f64> {
    let mut twister = Mt::new(seed);
    let mut uniform = move || {
        let high = f64::from(twister.next_u32() >> 5);
        let low = f64::from(twister.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    };
    let mut entries = Vec::with_capacity(count + 1);
    while entries.len() < count {
        let (a, b) = (2.0 * uniform() - 1.0, 2.0 * uniform() - 1.0);
        let square = a * a + b * b;
        if square < 1.0 && square != 0.0 {
            let factor = (-2.0 * square.ln() / square).sqrt();
            entries.extend([factor * b, factor * a]);
        }
    }
    entries.truncate(count);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_numpy() {
        // numpy.random.seed(42424242); numpy.random.normal(size=5), NumPy 2.4.6
        let expected: [f64; 5] = [
            -0.142_043_307_457_294_57,
            -0.640_961_969_671_142_3,
            0.269_487_729_178_759_13,
            -0.765_717_786_334_800_1,
            -0.103_409_522_634_165_75,
        ];
        assert_eq!(numpy_standard_normal(5, 42_424_242), expected);
    }
}
