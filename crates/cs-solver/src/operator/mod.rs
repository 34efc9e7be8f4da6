//! What a problem may be measured with: anything that has two products.

mod dense;
mod scaled;
mod subsampled_dct;

use std::borrow::Cow;

use crate::vector::{dot, times_power_of_two};
pub use dense::Matrix;
pub(crate) use scaled::in_units;
pub use subsampled_dct::SubsampledDct;

/// Columns that are formed at once to measure them.
const AT_ONCE: usize = 64;

/// What rounding may do to the products of an operator, in units of 2⁻⁵³:
///
/// ```text
/// ‖fl(A x) − A x‖ ≤ apply · Σ_j |x_j| ‖A_j‖        |fl(Aᵀv) − Aᵀv|_j ≤ transposed · ‖A_j‖ ‖v‖
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// Of `A x`.
    pub apply: f64,
    /// Of `Aᵀ v`.
    pub transposed: f64,
}

/// A linear map `A: Rᵐ → Rⁿ` on the host, in f64.
///
/// Vectors come in batches, one after the other in memory.
///
/// # Panics
/// A product may panic where a length is not that of whole vectors; the solver passes no other.
pub trait Operator: std::fmt::Debug + Send + Sync {
    /// Length of a measurement, `n`.
    fn rows(&self) -> usize;

    /// Number of coefficients, `m`.
    fn columns(&self) -> usize;

    /// `A x` for every `x` of a batch.
    ///
    /// # Shapes
    /// `x`: `[batch, m]`, `product`: `[batch, n]`, overwritten.
    fn apply(&self, x: &[f64], product: &mut [f64]);

    /// `Aᵀ v` for every `v` of a batch.
    ///
    /// # Shapes
    /// `v`: `[batch, n]`, `product`: `[batch, m]`, overwritten.
    fn apply_transposed(&self, v: &[f64], product: &mut [f64]);

    /// Some columns of A.
    ///
    /// # Shapes
    /// `entries`: `[ids, n]`, overwritten.
    fn select(&self, ids: &[usize], entries: &mut [f64]);

    /// `c`, where `A Aᵀ = c·I`; no factorisation is needed then. Without it, and without entries, Halpern
    /// forms `A Aᵀ` once by way of the `n m` entries.
    fn row_norm_squared(&self) -> Option<f64> {
        None
    }

    /// Lengths of the columns, or bounds above them, `[m]`; what the certificate takes its bound of
    /// rounding from. Without it every column is formed, once a problem.
    fn column_norms(&self) -> Cow<'_, [f64]> {
        Cow::Owned(formed_norms(self, 0))
    }

    /// Bounds on what rounding does to the products, that with an x of so many non-zero entries and that
    /// with any v. Those here hold for sums in any order; a product by a fast transform has its own.
    ///
    /// # References
    /// Higham, *Accuracy and stability of numerical algorithms* (2002), §3.1.
    fn rounding(&self, nonzeros: usize) -> Rounding {
        Rounding { apply: nonzeros as f64 + 2.0, transposed: self.rows() as f64 + 2.0 }
    }

    /// The entries, where they are in memory.
    fn as_matrix(&self) -> Option<&Matrix> {
        None
    }
}

/// Lengths of the columns of an operator divided by `2^exponent`, each formed.
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

/// By `2^exponent`.
fn divide(values: &mut [f64], exponent: i32) {
    if exponent != 0 {
        for value in values {
            *value = times_power_of_two(*value, -exponent);
        }
    }
}

/// Floating-point operations of a product with A or Aᵀ.
pub(crate) fn product_flops(a: &dyn Operator) -> f64 {
    2.0 * a.rows() as f64 * a.columns() as f64
}

/// `A x` of one vector.
pub(crate) fn apply(a: &dyn Operator, x: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.rows()];
    a.apply(x, &mut product);
    product
}

/// `Aᵀ v` of one vector.
pub(crate) fn apply_transposed(a: &dyn Operator, v: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.columns()];
    a.apply_transposed(v, &mut product);
    product
}
