//! Holds out test images where a source has no split.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::dataset::Split;

/// Returns which of the `count` images of a class are held out: about `fraction` of them, but not all. The choice
/// depends on these numbers alone.
pub(crate) fn of_class(class: usize, count: usize, fraction: f64) -> Vec<usize> {
    let held_out = (fraction * count as f64).round() as usize;
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(class as u64));
    order.truncate(held_out.min(count.saturating_sub(1)));
    order
}

/// Holds out a fraction of every class of `all`, whose images have `pixels` values. Returns the training and the test
/// split, each in the order of the source.
pub(crate) fn split(all: &Split, pixels: usize, fraction: f64) -> (Split, Split) {
    let mut of_classes = vec![vec![]; 1 + usize::from(u8::MAX)];
    for (id, label) in all.labels.iter().enumerate() {
        of_classes[usize::from(*label)].push(id);
    }
    let mut is_test = vec![false; all.len()];
    for (class, ids) in of_classes.iter().enumerate() {
        for index in of_class(class, ids.len(), fraction) {
            is_test[ids[index]] = true;
        }
    }
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|id| is_test[*id]);
    (all.pick(&train, pixels), all.pick(&test, pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_every_class_is_held_out_and_never_all_of_it() {
        let labels: Vec<u8> = (0..40).map(|id| u8::from(id % 4 == 0)).chain([2]).collect();
        let images: Vec<u8> = (0..41).collect();
        let all = Split { images: images.clone().into(), labels };
        let (train, test) = split(&all, 1, 0.3);
        let mut of_test = test.labels.clone();
        of_test.sort_unstable();
        assert_eq!(of_test, [vec![0; 9], vec![1; 3]].concat());
        let (train, test) = (train.images.bytes().unwrap(), test.images.bytes().unwrap());
        assert!(train.is_sorted() && test.is_sorted());
        let mut together = [train, test].concat();
        together.sort_unstable();
        assert_eq!(together, images);
        assert_eq!(split(&all, 1, 0.3).1.images.bytes().unwrap(), test);
        assert_eq!(of_class(0, 1, 0.9), [0; 0]);
    }
}
