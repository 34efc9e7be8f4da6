//! Burn's interface of data sets, for splits.

use burn_dataset::Dataset;

use crate::dataset::Split;
use crate::error::DataError;
use crate::values::Values;

/// An image and its class.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImage {
    /// Pixels, row by row, with the channels of each.
    pub pixels: Values,
    /// The class.
    pub label: u8,
}

impl Dataset<LabelledImage, DataError> for Split {
    fn get(&self, index: usize) -> Result<LabelledImage, DataError> {
        let pixels = match &self.images {
            Values::Stored(stored) => stored.read(&[index])?.into(),
            images => images.pick(&[index], images.len() / self.labels.len()),
        };
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
        let second = split.get(1).unwrap();
        assert_eq!(second, LabelledImage { pixels: vec![3, 4].into(), label: 6 });
        assert_eq!((Dataset::len(&split), split.iter().count()), (2, 2));
    }
}
