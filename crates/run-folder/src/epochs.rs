//! The images of a batch, and their number in a cycle.

use std::ops::Range;

use crate::config::{OrderKind, RunConfig};
use crate::cycles::Cycles;

/// The batches of a run, epoch after epoch. The last batch of an epoch has the images that are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    order: OrderKind,
    batch_size: usize,
    cycles: Cycles,
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
    pub fn of(config: &RunConfig, images: usize) -> Option<Self> {
        let (order, batch_size) = (config.training.order, config.training.batch_size);
        let is_possible = images > 0 && batch_size > 0;
        is_possible.then(|| Self { order, batch_size, cycles: Cycles::of(config), images })
    }

    /// Returns the same epochs in other cycles.
    #[must_use]
    pub fn in_cycles(&self, cycles: Cycles) -> Self {
        Self { cycles, ..self.clone() }
    }

    /// Returns the number of images of the training set.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Returns the order of the images.
    pub fn order(&self) -> OrderKind {
        self.order
    }

    /// Returns the number of batches in every cycle.
    pub fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    /// Returns batch `batch` of cycle `cycle`.
    pub fn batch(&self, cycle: usize, batch: usize) -> BatchRange {
        // More batches than can be counted cannot be trained.
        let position = self.first_of(cycle).unwrap_or(usize::MAX).saturating_add(batch);
        let per_epoch = self.images.div_ceil(self.batch_size);
        let (epoch, index) = (position / per_epoch, position % per_epoch);
        let first = index * self.batch_size;
        BatchRange { epoch, images: first..(first + self.batch_size).min(self.images) }
    }

    /// Returns the number of images in a cycle; `None` if there are too many to count.
    pub fn images_in(&self, cycle: usize) -> Option<usize> {
        let first = self.first_of(cycle)?;
        let last = first.checked_add(self.cycles.batches(cycle))?;
        self.images_until(last)?.checked_sub(self.images_until(first)?)
    }

    /// Returns the position of the first batch of a cycle in the epochs.
    fn first_of(&self, cycle: usize) -> Option<usize> {
        match self.order {
            OrderKind::Shuffled => self.cycles.batches_before(cycle),
            OrderKind::Sequential => Some(0),
        }
    }

    fn images_until(&self, batches: usize) -> Option<usize> {
        let epoch = self.images.div_ceil(self.batch_size);
        let of_epoch = (batches % epoch).saturating_mul(self.batch_size).min(self.images);
        (batches / epoch).checked_mul(self.images)?.checked_add(of_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets::{Layers, Setting, resolve};

    /// Batches of five images, four per cycle; the second cycle has three.
    fn epochs(order: &str, images: usize) -> Epochs {
        let settings = [
            "training.batch_size=5",
            "training.batches_per_cycle=4",
            "training.first_batches=[4, 3]",
            &format!("training.order={order}"),
        ];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        Epochs::of(&resolve(&Layers { settings, ..Layers::default() }).unwrap(), images).unwrap()
    }

    #[test]
    fn the_last_batch_of_an_epoch_is_smaller() {
        // Batches of 5, 5, 2 | 5, 5, 2 | … images.
        let shuffled = epochs("shuffled", 12);
        assert_eq!([0, 1, 2].map(|cycle| shuffled.images_in(cycle)), [17, 12, 17].map(Some));
        assert_eq!(shuffled.batch(0, 2), BatchRange { epoch: 0, images: 10..12 });
        assert_eq!(shuffled.batch(1, 0), BatchRange { epoch: 1, images: 5..10 });
        assert_eq!(shuffled.batch(2, 1), BatchRange { epoch: 2, images: 10..12 });
        let anew = epochs("sequential", 12);
        assert_eq!([0, 1].map(|cycle| anew.images_in(cycle)), [17, 12].map(Some));
        assert_eq!(anew.batch(2, 3), BatchRange { epoch: 1, images: 0..5 });
    }

    #[test]
    fn a_cycle_holds_the_images_of_its_batches() {
        for order in ["shuffled", "sequential"] {
            let epochs = epochs(order, 13);
            for cycle in 0..9 {
                let batches = 0..epochs.cycles().batches(cycle);
                let sum = batches.map(|batch| epochs.batch(cycle, batch).images.len()).sum();
                assert_eq!(epochs.images_in(cycle), Some(sum));
            }
        }
    }
}
