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

/// Returns the size of a network with other widths.
pub(super) fn size(graph: &Graph, widths: &[usize]) -> Result<Size, TrainerError> {
    let graph = graph.with_widths(widths);
    let macs = graph
        .macs()
        .ok_or_else(|| TrainerError::ladder("ladder", "has too many operations".into()))?;
    Ok(Size { macs: macs.all, parameters: graph.parameters(), milliseconds: None })
}
