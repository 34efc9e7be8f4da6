//! Floating-point operations, counted.
//!
//! They are those of the matrix products, two for a multiplication and its addition: of an image and a layer
//! `p → q`, 2 p q forwards, 2 p q for the gradient of the weights, and, but for the first layer, 2 p q for
//! that of its input. Measuring the accuracy is left out.

use crate::Run;

/// The extents of a network but for its hidden layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    inputs: usize,
    outputs: usize,
}

impl Ends {
    /// Those of a run; nothing where its folder does not tell.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let inputs = run.data.image_shape.as_ref()?.iter().product();
        Some(Self { inputs, outputs: run.data.classes? })
    }

    fn layers(self, widths: &[usize]) -> Vec<(usize, usize)> {
        let from = std::iter::once(self.inputs).chain(widths.iter().copied());
        let to = widths.iter().copied().chain(std::iter::once(self.outputs));
        from.zip(to).collect()
    }

    /// Multiply-accumulates to classify an image.
    pub(crate) fn macs(self, widths: &[usize]) -> usize {
        self.layers(widths).iter().map(|(p, q)| p * q).sum()
    }

    /// Operations to train on an image.
    pub(crate) fn training_flops(self, widths: &[usize]) -> f64 {
        let (first, all) = (self.layers(widths)[0], self.macs(widths));
        (6 * all - 2 * first.0 * first.1) as f64
    }
}

/// The batches of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batches {
    size: usize,
    pub(crate) per_cycle: usize,
    /// Images of the training set: the last batch of an epoch holds what is left of them.
    images: usize,
    /// Whether every cycle begins a new epoch.
    anew: bool,
}

impl Batches {
    /// Those of a run; nothing where its folder does not tell.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let number = |key| run.count("training", key);
        Some(Self {
            size: number("batch_size").filter(|size| *size > 0)?,
            per_cycle: number("batches_per_cycle")?,
            images: run.data.train.filter(|images| *images > 0)?,
            anew: run.setting("training", "order")?.as_str()? == "sequential",
        })
    }

    /// Images trained on in a cycle.
    pub(crate) fn images_in(self, cycle: usize) -> usize {
        let first = if self.anew { 0 } else { cycle * self.per_cycle };
        self.images_until(first + self.per_cycle) - self.images_until(first)
    }

    fn images_until(self, batches: usize) -> usize {
        let epoch = self.images.div_ceil(self.size);
        // A hostile folder may have a product that there is not.
        let epochs = (batches / epoch).saturating_mul(self.images);
        epochs.saturating_add((batches % epoch).saturating_mul(self.size).min(self.images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_products() {
        let ends = Ends { inputs: 10, outputs: 2 };
        assert_eq!(ends.macs(&[100]), 10 * 100 + 100 * 2);
        assert_eq!(ends.training_flops(&[100]), f64::from(4 * 1000 + 6 * 200));
        assert_eq!(ends.training_flops(&[7, 3]), f64::from(4 * 70 + 6 * 21 + 6 * 6));
    }

    #[test]
    fn the_last_batch_of_an_epoch_is_smaller() {
        // Batches of 5, 5, 2 | 5, 5, 2 | … images, four a cycle.
        let batches = Batches { size: 5, per_cycle: 4, images: 12, anew: false };
        assert_eq!([0, 1, 2].map(|cycle| batches.images_in(cycle)), [17, 17, 14]);
        let anew = Batches { anew: true, ..batches };
        assert_eq!([0, 1].map(|cycle| anew.images_in(cycle)), [17, 17]);
    }
}
