//! The measures that the page estimates and compares.

use crate::compare::measure::Measure;

/// Each measure, and when it is taken.
pub(super) const MEASURES: [(Measure, &str); 2] = [
    (Measure::AccuracyAfterTraining, "After the training that follows"),
    (Measure::AccuracyAfterClip, "Right after the clip"),
];
