//! The size of a network with other widths.

use rayclip_model::Graph;

use crate::error::TrainerError;

/// The size of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Multiply-accumulates to classify an image.
    pub macs: usize,
    /// Weights and biases.
    pub parameters: usize,
    /// Median milliseconds to classify the images of `compression.latency_images`, if that is the target.
    pub milliseconds: Option<f64>,
}

/// A network for which widths can be chosen.
pub trait Resizable {
    /// Returns the names and widths of the groups that can be clipped.
    fn groups(&self) -> Vec<(String, usize)>;

    /// Returns the multiply-accumulates to classify an image, with other widths of these groups.
    ///
    /// # Errors
    /// They cannot be counted.
    fn macs(&self, widths: &[usize]) -> Result<usize, TrainerError>;

    /// Returns the number of weights and biases, with other widths of these groups.
    ///
    /// # Errors
    /// They cannot be counted.
    fn parameters(&self, widths: &[usize]) -> Result<usize, TrainerError>;

    /// Returns the size of the network with other widths of these groups.
    ///
    /// # Errors
    /// It cannot be counted.
    fn size(&self, widths: &[usize]) -> Result<Size, TrainerError> {
        let (macs, parameters) = (self.macs(widths)?, self.parameters(widths)?);
        Ok(Size { macs, parameters, milliseconds: None })
    }
}

impl Resizable for Graph {
    fn groups(&self) -> Vec<(String, usize)> {
        self.free_groups().into_iter().map(|group| (group.name, group.width)).collect()
    }

    fn macs(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        let macs = self.with_widths(widths).macs();
        let too_many = || TrainerError::ladder("ladder", "has too many operations".into());
        Ok(macs.ok_or_else(too_many)?.all)
    }

    fn parameters(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        Ok(self.with_widths(widths).parameters())
    }
}
