//! What the networks of every rung predict of the test images: a byte an image.
//!
//! `predictions/labels.safetensors` holds the tensor `labels`, `[test image]` U8; the file of a rung,
//! `predictions/METHOD_seed_SEED/cycle_NN.safetensors`, the tensor `after_training`, likewise. (Labels are
//! bytes in every data set, so there are 256 classes at most.)

use safetensors::tensor::{Dtype, TensorView};

use crate::TrainerError;

/// The folder of the predictions in a run folder.
pub(crate) const PREDICTIONS: &str = "predictions";

/// The file of the labels in it.
pub(crate) const LABELS: &str = "labels.safetensors";

/// Bytes of a file with one tensor of classes, one an image.
///
/// # Errors
/// The format does not take them.
pub(crate) fn encode(name: &str, classes: &[u8]) -> Result<Vec<u8>, TrainerError> {
    TensorView::new(Dtype::U8, vec![classes.len()], classes)
        .and_then(|view| safetensors::serialize([(name, view)], None))
        .map_err(|error| TrainerError::Encode { what: "predictions", reason: error.to_string() })
}
