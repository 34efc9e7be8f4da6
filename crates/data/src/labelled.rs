//! Burn's interface of data sets, for splits.

use std::convert::Infallible;

use burn_dataset::Dataset;

use crate::dataset::Split;
use crate::values::Values;

/// An image and its class.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImage {
    /// Pixels, row by row, with the channels of each.
    pub pixels: Values,
    /// The class.
    pub label: u8,
}

impl Dataset<LabelledImage, Infallible> for Split {
    fn get(&self, index: usize) -> Result<LabelledImage, Infallible> {
        let pixels = self.images.len() / self.labels.len();
        let pixels = self.images.pick(&[index], pixels);
        Ok(LabelledImage { pixels, label: self.labels[index] })
    }

    fn len(&self) -> usize {
        self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_a_data_set_of_burn() {
        let split = Split { images: vec![1, 2, 3, 4].into(), labels: vec![5, 6] };
        let Ok(second) = split.get(1);
        assert_eq!(second, LabelledImage { pixels: vec![3, 4].into(), label: 6 });
        assert_eq!((Dataset::len(&split), split.iter().count()), (2, 2));
    }
}
