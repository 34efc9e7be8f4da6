//! The images of a batch, and their number in a cycle.

use std::ops::Range;

use crate::config::{OrderKind, TrainingConfig};

/// The batches of a run, epoch after epoch. The last batch of an epoch has the images that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epochs {
    order: OrderKind,
    batch_size: usize,
    batches_per_cycle: usize,
    /// Images of the training set.
    images: usize,
}

/// The position of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRange {
    /// The epoch.
    pub epoch: usize,
    /// Positions of its images in the order of the epoch.
    pub images: Range<usize>,
}

impl Epochs {
    /// Creates the epochs of a training set with `images` images; `None` if there is no image.
    pub fn of(training: &TrainingConfig, images: usize) -> Option<Self> {
        let TrainingConfig { order, batch_size, batches_per_cycle, .. } = *training;
        let all = Self { order, batch_size, batches_per_cycle, images };
        (images > 0 && batch_size > 0).then_some(all)
    }

    /// Returns the number of batches between two clips.
    pub fn batches_per_cycle(self) -> usize {
        self.batches_per_cycle
    }

    /// Returns batch `batch` of cycle `cycle`.
    pub fn batch(self, cycle: usize, batch: usize) -> BatchRange {
        let position = match self.order {
            OrderKind::Shuffled => cycle * self.batches_per_cycle + batch,
            OrderKind::Sequential => batch,
        };
        let per_epoch = self.images.div_ceil(self.batch_size);
        let (epoch, index) = (position / per_epoch, position % per_epoch);
        let first = index * self.batch_size;
        BatchRange { epoch, images: first..(first + self.batch_size).min(self.images) }
    }

    /// Returns the number of images in a cycle; `None` if there are too many to count.
    pub fn images_in(self, cycle: usize) -> Option<usize> {
        let first = match self.order {
            OrderKind::Shuffled => cycle.checked_mul(self.batches_per_cycle)?,
            OrderKind::Sequential => 0,
        };
        let last = first.checked_add(self.batches_per_cycle)?;
        self.images_until(last)?.checked_sub(self.images_until(first)?)
    }

    fn images_until(self, batches: usize) -> Option<usize> {
        let epoch = self.images.div_ceil(self.batch_size);
        let of_epoch = (batches % epoch).saturating_mul(self.batch_size).min(self.images);
        (batches / epoch).checked_mul(self.images)?.checked_add(of_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(order: OrderKind, images: usize) -> Epochs {
        Epochs { order, batch_size: 5, batches_per_cycle: 4, images }
    }

    #[test]
    fn the_last_batch_of_an_epoch_is_smaller() {
        // Batches of 5, 5, 2 | 5, 5, 2 | … images, four per cycle.
        let shuffled = epochs(OrderKind::Shuffled, 12);
        assert_eq!([0, 1, 2].map(|cycle| shuffled.images_in(cycle)), [17, 17, 14].map(Some));
        assert_eq!(shuffled.batch(0, 2), BatchRange { epoch: 0, images: 10..12 });
        assert_eq!(shuffled.batch(1, 0), BatchRange { epoch: 1, images: 5..10 });
        let anew = epochs(OrderKind::Sequential, 12);
        assert_eq!([0, 1].map(|cycle| anew.images_in(cycle)), [17, 17].map(Some));
        assert_eq!(anew.batch(1, 3), BatchRange { epoch: 1, images: 0..5 });
    }

    #[test]
    fn a_cycle_holds_the_images_of_its_batches() {
        for order in [OrderKind::Shuffled, OrderKind::Sequential] {
            let epochs = epochs(order, 13);
            for cycle in 0..9 {
                let sum = (0..4).map(|batch| epochs.batch(cycle, batch).images.len()).sum();
                assert_eq!(epochs.images_in(cycle), Some(sum));
            }
        }
    }

    #[test]
    fn what_cannot_be_counted_is_not_known() {
        let endless =
            Epochs { batches_per_cycle: usize::MAX / 2, ..epochs(OrderKind::Shuffled, 5) };
        assert_eq!([0, 3].map(|cycle| endless.images_in(cycle)), [None; 2]);
    }
}
