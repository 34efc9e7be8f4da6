//! The eigenvalues of `A Aᵀ`. They make its regularised inverse cheap for every ρ.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use crate::error::SolverError;
use crate::operator::Matrix;
use crate::operator::Operator;

/// The operations of an eigenvalue decomposition with vectors, as a multiple of n³ (Golub, Van Loan, *Matrix
/// computations* (2013), §8.3).
const EIGEN_FLOPS: f64 = 9.0;

/// `A Aᵀ = V Λ Vᵀ`.
pub(super) struct Spectrum {
    /// Λ, `[n]`; never negative.
    pub(super) values: Vec<f64>,
    /// V, `[n, n]`; `None` for the identity.
    vectors: Option<Mat<f64>>,
}

impl Spectrum {
    /// Decomposes `A Aᵀ`.
    ///
    /// # Errors
    /// The decomposition does not converge.
    pub(super) fn of(a: &dyn Operator) -> Result<Self, SolverError> {
        let n = a.rows();
        if let Some(square) = a.row_norm_squared() {
            return Ok(Self { values: vec![square; n], vectors: None });
        }
        let mut unit = vec![0.0; n * n];
        unit.iter_mut().step_by(n + 1).for_each(|value| *value = 1.0);
        let mut rows = vec![0.0; n * a.columns()];
        a.apply_transposed(&unit, &mut rows);
        let mut gram = unit;
        a.apply(&rows, &mut gram);
        let gram = MatRef::from_column_major_slice(&gram, n, n);
        let eigen = gram
            .self_adjoint_eigen(Side::Lower)
            .map_err(|error| SolverError::Factorisation(format!("{error:?}")))?;
        let values = eigen.S().column_vector().iter().map(|value| value.max(0.0)).collect();
        Ok(Self { values, vectors: Some(eigen.U().to_owned()) })
    }

    /// Returns the floating-point operations of the decomposition: n products for `A Aᵀ`, and the eigenvalues.
    pub(super) fn flops(&self, columns: usize) -> f64 {
        let (n, m) = (self.values.len() as f64, columns as f64);
        if self.vectors.is_none() { 0.0 } else { 2.0 * n * n * m + EIGEN_FLOPS * n * n * n }
    }

    /// Returns the operations of one rotation of a vector, by V or Vᵀ.
    pub(super) fn rotation_flops(&self) -> f64 {
        let n = self.values.len() as f64;
        if self.vectors.is_none() { 0.0 } else { 2.0 * n * n }
    }

    /// Returns `Vᵀ v` for every `v` of a batch `[batch, n]`.
    pub(super) fn rotate(&self, v: &[f64]) -> Vec<f64> {
        self.vectors.as_ref().map_or_else(|| v.to_vec(), |vectors| product(vectors.transpose(), v))
    }

    /// Returns `Vᵀ A`, row after row.
    pub(super) fn rotate_rows(&self, a: &Matrix) -> Vec<f64> {
        let Some(vectors) = &self.vectors else { return a.entries().into_owned() };
        let (n, m) = (a.rows(), a.columns());
        let mut rows = vec![0.0; n * m];
        matmul(
            MatMut::from_row_major_slice_mut(&mut rows, n, m),
            Accum::Replace,
            vectors.transpose(),
            a.view(),
            1.0,
            Par::rayon(0),
        );
        rows
    }

    /// Returns `V v` for every `v` of a batch `[batch, n]`.
    pub(super) fn rotate_back(&self, v: &[f64]) -> Vec<f64> {
        self.vectors.as_ref().map_or_else(|| v.to_vec(), |vectors| product(vectors.as_ref(), v))
    }

    /// Returns `Vᵀ (A Aᵀ)⁺ y`, given `Vᵀ y`.
    pub(super) fn pseudo_inverse(&self, rotated: &[f64]) -> Vec<f64> {
        let largest = self.values.iter().fold(0.0, |max: f64, value| max.max(*value));
        let cut = largest * f64::EPSILON * self.values.len() as f64;
        let divide = |(value, y): (&f64, &f64)| if *value > cut { y / value } else { 0.0 };
        self.values.iter().zip(rotated).map(divide).collect()
    }
}

/// Returns `factor · vectors`, one vector after the other.
fn product(factor: MatRef<'_, f64>, vectors: &[f64]) -> Vec<f64> {
    let n = factor.nrows();
    let batch = vectors.len() / n;
    let mut product = vec![0.0; vectors.len()];
    matmul(
        MatMut::from_column_major_slice_mut(&mut product, n, batch),
        Accum::Replace,
        factor,
        MatRef::from_column_major_slice(vectors, n, batch),
        1.0,
        Par::Seq,
    );
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pseudo_inverse_explains_the_measurements() {
        // of rank 2: the third row is the sum of the others
        let rows = [1.0, 2.0, 0.5, -1.0, 0.3, -1.0, 2.0, 0.7, 1.3, 1.0, 2.5, -0.3];
        let a = Matrix::from_rows(3, 4, rows).unwrap();
        let spectrum = Spectrum::of(&a).unwrap();
        let y = [1.0, 2.0, 3.0];
        let dual = spectrum.rotate_back(&spectrum.pseudo_inverse(&spectrum.rotate(&y)));
        let x = crate::operator::apply_transposed(&a, &dual);
        let fitted = crate::operator::apply(&a, &x);
        assert!(fitted.iter().zip(y).all(|(got, y)| (got - y).abs() < 1e-12), "{fitted:?}");
    }
}
