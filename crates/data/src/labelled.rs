//! Burn's interface of data sets, for splits.

use std::convert::Infallible;

use burn_dataset::Dataset;

use crate::dataset::Split;

/// An image and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImage {
    /// Pixels, row by row, with the channels of each.
    pub pixels: Vec<u8>,
    /// The class.
    pub label: u8,
}

impl Dataset<LabelledImage, Infallible> for Split {
    fn get(&self, index: usize) -> Result<LabelledImage, Infallible> {
        let pixels = self.images.len() / self.labels.len();
        let image = &self.images[index * pixels..(index + 1) * pixels];
        Ok(LabelledImage { pixels: image.to_vec(), label: self.labels[index] })
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
        let split = Split { images: vec![1, 2, 3, 4], labels: vec![5, 6] };
        let Ok(second) = split.get(1);
        assert_eq!(second, LabelledImage { pixels: vec![3, 4], label: 6 });
        assert_eq!((Dataset::len(&split), split.iter().count()), (2, 2));
    }
}
