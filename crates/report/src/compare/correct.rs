//! Which test images a network classifies correctly, and how much a difference depends on the test images.

/// The test images that a network classifies correctly, one bit per image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correct {
    words: Vec<u64>,
    images: usize,
}

impl Correct {
    pub(crate) fn of(predicted: &[u16], labels: &[u16]) -> Self {
        let mut words = vec![0; predicted.len().div_ceil(64)];
        for (index, (class, label)) in predicted.iter().zip(labels).enumerate() {
            words[index / 64] |= u64::from(class == label) << (index % 64);
        }
        Self { words, images: predicted.len() }
    }

    pub(crate) fn fraction(&self) -> f64 {
        let right: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        f64::from(right) / self.images as f64
    }
}

/// Returns the standard error, over the images, of the mean difference of two methods' accuracies over some seeds.
/// Returns `None` if there is no pair, or if the networks do not have the same images.
///
/// ```text
/// d_i = 1/S Σ_s (a_is − b_is),   error = √( (1/N Σ_i d_i² − (1/N Σ_i d_i)²) / N )
/// ```
///
/// `a_is` is 1 if the network of seed s classifies image i correctly, otherwise 0. An image counts once, no matter
/// how many seeds saw it. The paired bootstrap over the images converges to this value. With one seed it is the
/// standard error of `McNemar`'s table.
pub(crate) fn paired_error(pairs: &[(&Correct, &Correct)]) -> Option<f64> {
    let images = pairs.first()?.0.images;
    let mut sums = vec![0_i32; images];
    for (a, b) in pairs {
        if a.images != images || b.images != images {
            return None;
        }
        for (index, (a, b)) in a.words.iter().zip(&b.words).enumerate() {
            let mut differ = a ^ b;
            while differ != 0 {
                let bit = differ.trailing_zeros() as usize;
                sums[64 * index + bit] += if a >> bit & 1 == 1 { 1 } else { -1 };
                differ &= differ - 1;
            }
        }
    }
    let count = images as f64;
    let mean = sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() / count;
    let square = sums.iter().map(|sum| f64::from(*sum).powi(2)).sum::<f64>() / count;
    let variance = (square - mean * mean).max(0.0) / count;
    (images > 0).then(|| variance.sqrt() / pairs.len() as f64)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Correct {
        /// Returns one class per image: 1 if the network is right.
        pub(crate) fn bits(&self) -> Vec<u8> {
            (0..self.images).map(|i| (self.words[i / 64] >> (i % 64) & 1) as u8).collect()
        }
    }

    /// Returns the images that a network classifies correctly, as in tests/statistics.py.
    pub(crate) fn right(method: usize, seed: usize) -> Correct {
        let right = |i: usize| (i * (7 + method) + 13 * seed + i / 9) % 17 != seed;
        let classes: Vec<u16> = (0..1000).map(|i| u16::from(right(i))).collect();
        Correct::of(&classes, &[1; 1000])
    }

    pub(crate) fn error(seeds: usize) -> f64 {
        let all: Vec<_> = (0..seeds).map(|seed| [right(0, seed), right(1, seed)]).collect();
        paired_error(&all.iter().map(|[a, b]| (a, b)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_error_of_one_seed_is_mcnemars_and_that_of_several_the_bootstraps() {
        // Only the first network is right on 51 images, only the second on 53.
        let closed = (104.0 - 4.0 / 1000.0_f64).sqrt() / 1000.0;
        assert!((error(1) - closed).abs() < 1e-15, "{}", error(1));
        assert!((error(1) - 0.010197842909164662).abs() < 1e-15, "{}", error(1));
        // 20000 bootstrap samples of the images give 0.005763.
        assert!((error(3) - 0.005763785407370942).abs() < 1e-15, "{}", error(3));
        assert_eq!(paired_error(&[]), None);
        let few = Correct::of(&[1], &[1]);
        assert_eq!(paired_error(&[(&right(0, 0), &few)]), None);
    }
}
