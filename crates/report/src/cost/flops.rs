//! Floating-point operations, counted.
//!
//! They are those of the matrix products, two for a multiplication and its addition: of an image and a layer
//! `p → q`, 2 p q forwards, 2 p q for the gradient of the weights, and, but for the first layer, 2 p q for
//! that of its input. Measuring the accuracy is left out. What is more than can be counted is not known.

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
        let inputs = product(run.data.image_shape.as_ref()?)?;
        Some(Self { inputs, outputs: run.data.classes? })
    }

    fn layers(self, widths: &[usize]) -> Vec<(usize, usize)> {
        let from = std::iter::once(self.inputs).chain(widths.iter().copied());
        let to = widths.iter().copied().chain(std::iter::once(self.outputs));
        from.zip(to).collect()
    }

    /// Multiply-accumulates to classify an image.
    pub(crate) fn macs(self, widths: &[usize]) -> Option<usize> {
        let mut layers = self.layers(widths).into_iter();
        layers.try_fold(0_usize, |sum, (p, q)| sum.checked_add(p.checked_mul(q)?))
    }

    /// Operations to train on an image.
    pub(crate) fn training_flops(self, widths: &[usize]) -> Option<f64> {
        let (first, all) = (self.layers(widths)[0], self.macs(widths)?);
        // Of all layers the first is a part: twice 64 bits hold six times as much.
        Some((6 * all as u128 - 2 * (first.0 * first.1) as u128) as f64)
    }
}

/// The product of some extents; nothing where it is more than can be counted.
fn product(extents: &[usize]) -> Option<usize> {
    extents.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent))
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
    pub(crate) fn images_in(self, cycle: usize) -> Option<usize> {
        let first = if self.anew { 0 } else { cycle.checked_mul(self.per_cycle)? };
        let last = first.checked_add(self.per_cycle)?;
        self.images_until(last)?.checked_sub(self.images_until(first)?)
    }

    fn images_until(self, batches: usize) -> Option<usize> {
        let epoch = self.images.div_ceil(self.size);
        let of_epoch = (batches % epoch).saturating_mul(self.size).min(self.images);
        (batches / epoch).checked_mul(self.images)?.checked_add(of_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_products() {
        let ends = Ends { inputs: 10, outputs: 2 };
        assert_eq!(ends.macs(&[100]), Some(10 * 100 + 100 * 2));
        assert_eq!(ends.training_flops(&[100]), Some(f64::from(4 * 1000 + 6 * 200)));
        assert_eq!(ends.training_flops(&[7, 3]), Some(f64::from(4 * 70 + 6 * 21 + 6 * 6)));
    }

    #[test]
    fn what_cannot_be_counted_is_not_known() {
        let ends = Ends { inputs: usize::MAX / 2, outputs: 2 };
        assert_eq!((ends.macs(&[4]), ends.training_flops(&[4])), (None, None));
        assert_eq!(ends.training_flops(&[1]), Some(2_f64.powi(65)));
        assert_eq!(product(&[1 << 40, 1 << 40]), None);
        let batches = Batches { size: 5, per_cycle: usize::MAX / 2, images: 5, anew: false };
        assert_eq!([0, 3].map(|cycle| batches.images_in(cycle)), [None; 2]);
    }

    #[test]
    fn the_last_batch_of_an_epoch_is_smaller() {
        // Batches of 5, 5, 2 | 5, 5, 2 | … images, four a cycle.
        let batches = Batches { size: 5, per_cycle: 4, images: 12, anew: false };
        assert_eq!([0, 1, 2].map(|cycle| batches.images_in(cycle)), [17, 17, 14].map(Some));
        let anew = Batches { anew: true, ..batches };
        assert_eq!([0, 1].map(|cycle| anew.images_in(cycle)), [17, 17].map(Some));
    }
}
