//! Scales an operator so that its entries are about 1.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Matrix, Operator, Rounding, divide, formed_norms};
use crate::vector::{dot, exponent_of, max_norm, times_power_of_two};

/// A matrix is not scaled if the exponent of its largest entry is at most this large: products of a few of its entries
/// do not overflow, even in f32.
const LEFT_ALONE: i32 = 16;

/// Returns the operator divided by a power of two, and its exponent. A matrix is copied only if it must be scaled. The
/// scale of an operator that is not a matrix comes from some right-hand sides `y`, `[column, n]`.
pub(crate) fn in_units(a: Arc<dyn Operator>, y: &[f64]) -> (Arc<dyn Operator>, i32) {
    let Some(matrix) = a.as_matrix() else {
        let exponent = probed(a.as_ref(), y);
        return (Arc::new(Scaled::new(a, exponent)), exponent);
    };
    match exponent_of(matrix.stored()) {
        exponent if exponent.abs() <= LEFT_ALONE => (a, 0),
        exponent => (Arc::new(matrix.divided(exponent)), exponent),
    }
}

/// Returns the exponent of the largest correlation with a right-hand side, divided by its length.
fn probed(a: &dyn Operator, y: &[f64]) -> i32 {
    let mut correlations = vec![0.0; y.len() / a.rows() * a.columns()];
    a.apply_transposed(y, &mut correlations);
    let columns = y.chunks(a.rows()).zip(correlations.chunks(a.columns()));
    let sizes: Vec<f64> = columns
        .map(|(y, correlations)| max_norm(correlations) / dot(y, y).sqrt())
        .filter(|size| size.is_finite())
        .collect();
    match exponent_of(&sizes) {
        exponent if exponent.abs() <= 2 * LEFT_ALONE => 0,
        exponent => exponent,
    }
}

/// An operator that is not stored as a matrix, divided by a power of two.
#[derive(Debug)]
struct Scaled {
    a: Arc<dyn Operator>,
    exponent: i32,
    column_norms: Vec<f64>,
}

impl Scaled {
    fn new(a: Arc<dyn Operator>, exponent: i32) -> Self {
        let column_norms = match exponent {
            0 => a.column_norms().into_owned(),
            // Without the division, their squares may overflow.
            _ => formed_norms(a.as_ref(), exponent),
        };
        Self { a, exponent, column_norms }
    }
}

impl Operator for Scaled {
    fn rows(&self) -> usize {
        self.a.rows()
    }

    fn columns(&self) -> usize {
        self.a.columns()
    }

    fn apply(&self, x: &[f64], product: &mut [f64]) {
        self.a.apply(x, product);
        divide(product, self.exponent);
    }

    fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
        self.a.apply_transposed(v, product);
        divide(product, self.exponent);
    }

    fn select(&self, ids: &[usize], entries: &mut [f64]) {
        self.a.select(ids, entries);
        divide(entries, self.exponent);
    }

    fn row_norm_squared(&self) -> Option<f64> {
        self.a.row_norm_squared().map(|square| times_power_of_two(square, -2 * self.exponent))
    }

    fn column_norms(&self) -> Cow<'_, [f64]> {
        Cow::Borrowed(&self.column_norms)
    }

    fn rounding(&self, nonzeros: usize) -> Rounding {
        self.a.rounding(nonzeros)
    }

    fn as_matrix(&self) -> Option<&Matrix> {
        None
    }
}
