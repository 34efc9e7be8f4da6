//! The measures that are compared.

use rayclip_run_folder::CycleRow;
use serde::{Deserialize, Serialize};

/// A measure that is compared. Its name is that of its column in `cycles.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Test accuracy after the training that follows the clip: of the network that one would use.
    AccuracyAfterTraining,
    /// Test accuracy right after the clip.
    AccuracyAfterClip,
    /// Accuracy on the held-out images after the training that follows the clip.
    ValidationAfterTraining,
    /// Accuracy on the held-out images right after the clip.
    ValidationAfterClip,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 4] = [
        Self::AccuracyAfterTraining,
        Self::AccuracyAfterClip,
        Self::ValidationAfterTraining,
        Self::ValidationAfterClip,
    ];

    /// The measures with verdicts: the accuracies on the test images.
    pub const SHOWN: [Self; 2] = [Self::AccuracyAfterTraining, Self::AccuracyAfterClip];

    /// Returns whether the measure has verdicts.
    pub fn is_shown(self) -> bool {
        Self::SHOWN.contains(&self)
    }

    /// Returns whether the network was not trained between its clip and the measurement.
    pub fn is_after_clip(self) -> bool {
        matches!(self, Self::AccuracyAfterClip | Self::ValidationAfterClip)
    }

    pub(crate) fn of(self, row: &CycleRow) -> Option<f64> {
        match self {
            Self::AccuracyAfterClip => Some(row.accuracy_after_clip),
            Self::AccuracyAfterTraining => row.accuracy_after_training,
            Self::ValidationAfterClip => row.validation_after_clip,
            Self::ValidationAfterTraining => row.validation_after_training,
        }
    }
}
