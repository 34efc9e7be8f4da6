//! How many neurons are kept, and which.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::config::Side;

/// Neurons that a clip of `m` keeps: `max(1, ceil(keep · (m − 1)))`.
///
/// That is how many lie strictly below a linearly interpolated `keep`-quantile of `m` distinct
/// scores. For `m ≥ 2` it is less than `m`.
pub fn kept_count(m: usize, keep: f64) -> usize {
    ((keep * (m - 1) as f64).ceil() as usize).max(1)
}

/// The `count` neurons to keep, in ascending order, when the `side` of the ranking is clipped.
///
/// Equal scores (most entries of a ray are exactly zero) are ordered by a permutation drawn from
/// `ties`, so that exactly `count` are kept and no neuron is favoured by its number.
pub(crate) fn keep(scores: &[f64], count: usize, side: Side, ties: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.shuffle(ties);
    order.sort_by(|a, b| match side {
        Side::Smallest => scores[*b].total_cmp(&scores[*a]),
        Side::Largest => scores[*a].total_cmp(&scores[*b]),
    });
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn the_ladder_is_the_papers() {
        let ladder: Vec<usize> = std::iter::successors(Some(512), |m| Some(kept_count(*m, 0.9)))
            .skip(1)
            .take(34)
            .collect();
        assert_eq!(
            ladder,
            [
                460, 414, 372, 334, 300, 270, 243, 218, 196, 176, 158, 142, 127, 114, 102, 91, 81,
                72, 64, 57, 51, 45, 40, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 9
            ]
        );
    }

    #[test]
    fn either_side_can_be_clipped() {
        let rng = || stream(0, Purpose::Ties, [0, 0]);
        let scores = [0.3, 0.9, 0.1, 0.5];
        assert_eq!(keep(&scores, 2, Side::Smallest, &mut rng()), [1, 3]);
        assert_eq!(keep(&scores, 2, Side::Largest, &mut rng()), [0, 2]);
    }

    #[test]
    fn ties_are_broken_by_the_seed_alone_and_evenly() {
        let scores = [1.0, 0.0, 0.0, 0.0, 0.0];
        let kept =
            |seed| keep(&scores, 2, Side::Smallest, &mut stream(seed, Purpose::Ties, [0, 0]));
        assert_eq!(kept(5), kept(5));
        let mut times = [0; 5];
        (0..400).for_each(|seed| kept(seed).iter().for_each(|id| times[*id] += 1));
        assert_eq!(times[0], 400);
        assert!(times[1..].iter().all(|count| (60..140).contains(count)), "{times:?}");
    }

    proptest! {
        #[test]
        fn a_clip_always_shrinks_and_never_empties(m in 2_usize..5000, keep in 0.001..0.999) {
            let count = kept_count(m, keep);
            prop_assert!(count >= 1 && count < m);
        }
    }
}
