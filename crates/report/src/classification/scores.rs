//! The scores of one image.

use std::cmp::Ordering;

/// A class of an image, with its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The class.
    pub class: usize,
    /// Its probability, by the softmax of the scores.
    pub probability: f64,
}

/// Returns the `count` most probable classes, or all if there are fewer. The scores are finite.
pub fn best(scores: &[f64], count: usize) -> Vec<Ranked> {
    let normalisation = log_sum_exp(scores);
    let mut classes: Vec<usize> = (0..scores.len()).collect();
    let order = |a: &usize, b: &usize| before(scores, *a, *b);
    if count < classes.len() {
        classes.select_nth_unstable_by(count, order);
        classes.truncate(count);
    }
    classes.sort_unstable_by(order);
    let ranked = |class| Ranked { class, probability: (scores[class] - normalisation).exp() };
    classes.into_iter().map(ranked).collect()
}

/// Compares two classes by their rank: the larger score comes first, then the smaller class. Both zeros are equal.
fn before(scores: &[f64], a: usize, b: usize) -> Ordering {
    scores[b].partial_cmp(&scores[a]).unwrap_or(Ordering::Equal).then(a.cmp(&b))
}

/// Returns how many classes come before a class.
pub(super) fn rank(scores: &[f64], class: usize) -> usize {
    (0..scores.len()).filter(|other| before(scores, *other, class) == Ordering::Less).count()
}

/// Returns the class that comes first.
pub(super) fn first(scores: &[f64]) -> usize {
    (0..scores.len()).min_by(|a, b| before(scores, *a, *b)).unwrap_or(0)
}

/// Returns `log Σ exp(score)`.
pub(super) fn log_sum_exp(scores: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + scores.iter().map(|score| (score - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_scores_the_smaller_class_comes_first() {
        let scores = [1.0, 3.0, 0.5, 3.0, 1.0];
        let classes = |count| -> Vec<usize> {
            best(&scores, count).iter().map(|ranked| ranked.class).collect()
        };
        assert_eq!(classes(9), [1, 3, 0, 4, 2]);
        assert_eq!((classes(1), classes(3), classes(0)), (vec![1], vec![1, 3, 0], vec![]));
        let ranks: Vec<usize> = (0..5).map(|class| rank(&scores, class)).collect();
        assert_eq!((ranks, first(&scores)), (vec![2, 0, 4, 1, 3], 1));
        assert_eq!(first(&[-0.0, 0.0]), 0);
    }

    #[test]
    fn probabilities_are_those_of_the_softmax_whatever_the_size_of_the_scores() {
        let at = |offset: f64| -> Vec<f64> {
            let scores = [offset, offset + 3_f64.ln()];
            best(&scores, 2).iter().map(|ranked| ranked.probability).collect()
        };
        for offset in [0.0, 1e4, -1e4] {
            let found = at(offset);
            assert!((found[0] - 0.75).abs() < 1e-9 && (found[1] - 0.25).abs() < 1e-9, "{found:?}");
        }
    }
}
