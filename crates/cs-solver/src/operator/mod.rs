//! Operators: linear maps that have the products with A and Aᵀ.

mod dense;
mod scaled;
mod subsampled_dct;

use std::borrow::Cow;

use crate::vector::{dot, times_power_of_two};
pub use dense::{Matrix, Order};
pub(crate) use scaled::in_units;
pub use subsampled_dct::SubsampledDct;

/// The number of columns that are formed together to compute their lengths.
const AT_ONCE: usize = 64;

/// Bounds of the rounding errors of an operator's products, in units of 2⁻⁵³:
///
/// ```text
/// ‖fl(A x) − A x‖ ≤ apply · Σ_j |x_j| ‖A_j‖        |fl(Aᵀv) − Aᵀv|_j ≤ transposed · ‖A_j‖ ‖v‖
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// For `A x`.
    pub apply: f64,
    /// For `Aᵀ v`.
    pub transposed: f64,
}

/// A linear map `A: Rᵐ → Rⁿ` on the host, in f64.
///
/// Vectors come in batches, one after the other in memory.
///
/// # Panics
/// A product may panic if a length is not that of whole vectors. The solver always passes whole vectors.
pub trait Operator: std::fmt::Debug + Send + Sync {
    /// Returns the length of a measurement, `n`.
    fn rows(&self) -> usize;

    /// Returns the number of coefficients, `m`.
    fn columns(&self) -> usize;

    /// Computes `A x` for every `x` of a batch.
    ///
    /// # Shapes
    /// `x`: `[batch, m]`, `product`: `[batch, n]`, overwritten.
    fn apply(&self, x: &[f64], product: &mut [f64]);

    /// Computes `Aᵀ v` for every `v` of a batch.
    ///
    /// # Shapes
    /// `v`: `[batch, n]`, `product`: `[batch, m]`, overwritten.
    fn apply_transposed(&self, v: &[f64], product: &mut [f64]);

    /// Computes some columns of A.
    ///
    /// # Shapes
    /// `entries`: `[ids, n]`, overwritten.
    fn select(&self, ids: &[usize], entries: &mut [f64]);

    /// Returns `c` if `A Aᵀ = c·I`; then no factorisation is needed. Otherwise, if the operator is not a matrix,
    /// Halpern forms `A Aᵀ` once from all `n m` entries.
    fn row_norm_squared(&self) -> Option<f64> {
        None
    }

    /// Returns the lengths of the columns, or upper bounds of them, `[m]`. The certificate needs them to bound
    /// rounding. The default forms every column, once per problem.
    fn column_norms(&self) -> Cow<'_, [f64]> {
        Cow::Owned(formed_norms(self, 0))
    }

    /// Returns bounds of the rounding errors of the products, with an x that has this many non-zero entries, and with
    /// any v. The default holds for sums in any order. A product by a fast transform has its own bounds.
    ///
    /// # References
    /// Higham, *Accuracy and stability of numerical algorithms* (2002), §3.1.
    fn rounding(&self, nonzeros: usize) -> Rounding {
        Rounding { apply: nonzeros as f64 + 2.0, transposed: self.rows() as f64 + 2.0 }
    }

    /// Returns the operator as a matrix, if it is stored as one.
    fn as_matrix(&self) -> Option<&Matrix> {
        None
    }
}

/// Forms every column of an operator, and returns their lengths divided by `2^exponent`.
fn formed_norms<A: Operator + ?Sized>(a: &A, exponent: i32) -> Vec<f64> {
    let (n, m) = (a.rows(), a.columns());
    let mut entries = vec![0.0; n * AT_ONCE.min(m)];
    let ids: Vec<usize> = (0..m).collect();
    let block = |ids: &[usize]| {
        let entries = &mut entries[..n * ids.len()];
        a.select(ids, entries);
        divide(entries, exponent);
        entries.chunks(n).map(|column| dot(column, column).sqrt()).collect::<Vec<f64>>()
    };
    ids.chunks(AT_ONCE).flat_map(block).collect()
}

/// Divides by `2^exponent`.
fn divide(values: &mut [f64], exponent: i32) {
    if exponent != 0 {
        for value in values {
            *value = times_power_of_two(*value, -exponent);
        }
    }
}

/// Returns the floating-point operations of a product with A or Aᵀ.
pub(crate) fn product_flops(a: &dyn Operator) -> f64 {
    2.0 * a.rows() as f64 * a.columns() as f64
}

/// Returns `A x` for one vector.
pub(crate) fn apply(a: &dyn Operator, x: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.rows()];
    a.apply(x, &mut product);
    product
}

/// Returns `Aᵀ v` for one vector.
pub(crate) fn apply_transposed(a: &dyn Operator, v: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.columns()];
    a.apply_transposed(v, &mut product);
    product
}
