//! The horizontal axes for networks that become smaller.

use crate::figures::figure::Axis;

/// The label for sizes.
pub(super) const NEURONS: &str = "hidden neurons (log scale)";

/// The label for sizes of one group.
const NEURONS_OF_GROUP: &str = "neurons of the group (log scale)";

/// The label for sizes of the recorded run, whose file has fractions.
pub(super) const FRACTION_LEFT: &str = "fraction of the neurons left (log scale)";

/// Returns the axis for a group's size, and a function that converts a sparsity to a size: neurons if the first
/// width is known, otherwise a fraction.
pub(super) fn size_of_group(first: Option<usize>) -> (Axis, impl Fn(f64) -> f64) {
    let label = if first.is_some() { NEURONS_OF_GROUP } else { FRACTION_LEFT };
    let left = move |sparsity: f64| match first {
        Some(first) => (first as f64 * (1.0 - sparsity)).round(),
        None => 1.0 - sparsity,
    };
    (Axis::size(label), left)
}
