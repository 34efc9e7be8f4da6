//! What a problem may be measured with: anything that has two products.

mod dense;
mod subsampled_dct;

pub use dense::Matrix;
pub use subsampled_dct::SubsampledDct;

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

    /// The entries, where they are in memory.
    fn as_matrix(&self) -> Option<&Matrix> {
        None
    }
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
