//! Chooses the neurons to keep.

use rand::Rng;
use rand::seq::SliceRandom;
use rayclip_run_folder::config::Side;

/// Returns the `count` neurons to keep, in ascending order. The `side` of the ranking is clipped.
///
/// Many scores are equal, because most entries of a ray are exactly zero. A permutation drawn from `ties` orders
/// neurons with equal scores. So exactly `count` neurons are kept, and no neuron is favoured by its number.
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

/// Counts the scores that equal another score.
pub(crate) fn ties(scores: &[f64]) -> usize {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let groups = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len);
    groups.filter(|count| *count > 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, stream};

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

    #[test]
    fn every_score_that_is_not_alone_is_a_tie() {
        assert_eq!(ties(&[0.0, 3.0, -0.0, 1.0, 3.0, 2.0, 0.0]), 5);
        assert_eq!(ties(&[1.0, 2.0]), 0);
        assert_eq!(ties(&[]), 0);
    }
}
