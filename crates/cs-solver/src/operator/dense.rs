//! A dense matrix on the host.

use std::borrow::Cow;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Operator;
use crate::error::SolverError;
use crate::vector::{times_power_of_two, vectorised};

/// If a product has at least this many multiplications, threads share it.
const PARALLEL_FROM: usize = 1 << 20;

/// For a single vector, one task computes this many entries of the product.
const PART: usize = 128;

/// A dense f64 matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    entries: Vec<f64>,
    /// `[columns]`.
    column_norms: Vec<f64>,
}

impl Matrix {
    /// Makes a matrix from its rows, one after the other.
    ///
    /// # Errors
    /// An extent is zero, `rows × columns` is larger than memory can address or differs from the length of `entries`,
    /// or an entry is not finite.
    pub fn from_rows(
        rows: usize,
        columns: usize,
        entries: impl Into<Vec<f64>>,
    ) -> Result<Self, SolverError> {
        for (what, got) in [("rows of the matrix", rows), ("columns of the matrix", columns)] {
            SolverError::check_at_least(what, 1, got)?;
        }
        let entries = entries.into();
        let expected = SolverError::check_product("the matrix", &[rows, columns])?;
        SolverError::check_extent("entries of the matrix", expected, entries.len())?;
        SolverError::check_finite("a", &entries)?;
        Ok(Self { rows, columns, column_norms: column_norms(&entries, columns), entries })
    }

    /// Returns the matrix divided by `2^exponent`.
    pub(super) fn divided(&self, exponent: i32) -> Self {
        let entries = self.entries.iter().map(|entry| times_power_of_two(*entry, -exponent));
        let entries: Vec<f64> = entries.collect();
        Self { column_norms: column_norms(&entries, self.columns), entries, ..*self }
    }

    /// Returns all entries, `[n, m]`.
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    /// Returns `Aᵀ v` as if it were computed in twice the precision and then rounded.
    ///
    /// # References
    /// Ogita, Rump, Oishi, *Accurate sum and dot product* (SIAM J. Scientific Computing 26, 2005),
    /// algorithm 5.3 (Dot2).
    pub(crate) fn apply_transposed_twofold(&self, v: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        let mut errors = vec![0.0; self.columns];
        vectorised(
            #[inline(always)]
            || {
                for (row, factor) in self.entries.chunks_exact(self.columns).zip(v) {
                    for ((sum, error), entry) in sums.iter_mut().zip(&mut errors).zip(row) {
                        add_product(sum, error, *entry, *factor);
                    }
                }
            },
        );
        sums.iter().zip(&errors).map(|(sum, error)| sum + error).collect()
    }

    fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.entries, self.rows, self.columns)
    }
}

impl Operator for Matrix {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn apply(&self, x: &[f64], product: &mut [f64]) {
        multiply(self.view(), x, product);
    }

    fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
        multiply(self.view().transpose(), v, product);
    }

    fn select(&self, ids: &[usize], entries: &mut [f64]) {
        for (i, row) in self.entries.chunks_exact(self.columns).enumerate() {
            for (k, &id) in ids.iter().enumerate() {
                entries[k * self.rows + i] = row[id];
            }
        }
    }

    fn column_norms(&self) -> Cow<'_, [f64]> {
        Cow::Borrowed(&self.column_norms)
    }

    fn as_matrix(&self) -> Option<&Matrix> {
        Some(self)
    }
}

/// Computes `sum += a · b`, and adds the rounding errors of product and sum to `error`.
#[expect(clippy::inline_always, reason = "only inlined code is compiled for the vector unit")]
#[inline(always)]
fn add_product(sum: &mut f64, error: &mut f64, a: f64, b: f64) {
    let product = a * b;
    let of_product = a.mul_add(b, -product);
    let next = *sum + product;
    let added = next - *sum;
    let of_sum = (*sum - (next - added)) + (product - added);
    *sum = next;
    *error += of_product + of_sum;
}

fn column_norms(entries: &[f64], columns: usize) -> Vec<f64> {
    let mut squares = vec![0.0; columns];
    for row in entries.chunks_exact(columns) {
        for (square, entry) in squares.iter_mut().zip(row) {
            *square += entry * entry;
        }
    }
    squares.iter().map(|square: &f64| square.sqrt()).collect()
}

/// Computes `product = factor · vectors`. Both batches have one vector after the other.
fn multiply(factor: MatRef<'_, f64>, vectors: &[f64], product: &mut [f64]) {
    let (rows, columns) = factor.shape();
    let batch = vectors.len() / columns;
    assert_eq!((vectors.len(), product.len()), (batch * columns, batch * rows), "whole vectors");
    let large = (rows * columns).saturating_mul(batch) >= PARALLEL_FROM;
    if batch == 1 && large {
        // A single vector is multiplied in the same parts on every machine. faer would split the sums over the
        // threads, and the last digits would depend on their number.
        let vector = MatRef::from_column_major_slice(vectors, columns, 1);
        product.par_chunks_mut(PART).enumerate().for_each(|(part, product)| {
            let (begin, count) = (part * PART, product.len());
            let product = MatMut::from_column_major_slice_mut(product, count, 1);
            let factor = factor.subrows(begin, count);
            matmul(product, Accum::Replace, factor, vector, 1.0, Par::Seq);
        });
        return;
    }
    // Within a thread of the pool, the other threads have their own work.
    let alone = rayon::current_thread_index().is_none();
    let parallelism = if alone && large { Par::rayon(0) } else { Par::Seq };
    matmul(
        MatMut::from_column_major_slice_mut(product, rows, batch),
        Accum::Replace,
        factor,
        MatRef::from_column_major_slice(vectors, columns, batch),
        1.0,
        parallelism,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{apply, apply_transposed};

    #[test]
    fn a_large_product_is_the_same_within_the_pool_and_outside() {
        let (n, m) = (600, 1 << 11);
        let entry = |i: usize| ((i * 2_654_435_761 % 1000) as f64 - 500.0) / 7.0;
        let a = Matrix::from_rows(n, m, (0..n * m).map(entry).collect::<Vec<_>>()).unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for batch in [1, 2, 64] {
            let x: Vec<f64> = (0..batch * m).map(entry).collect();
            let y: Vec<f64> = (0..batch * n).map(entry).collect();
            let both = || {
                let (mut image, mut back) = (vec![0.0; batch * n], vec![0.0; batch * m]);
                a.apply(&x, &mut image);
                a.apply_transposed(&y, &mut back);
                (image, back)
            };
            assert!(both() == one.install(both), "{batch}");
            assert!(both() == three.install(both), "{batch}");
        }
    }

    #[test]
    fn products_are_adjoint() {
        let a = Matrix::from_rows(2, 3, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(apply(&a, &[1.0, 0.0, -1.0]), [-2.0, -2.0]);
        assert_eq!(apply_transposed(&a, &[1.0, 1.0]), [5.0, 7.0, 9.0]);
        let mut selected = [0.0; 4];
        a.select(&[1, 0], &mut selected);
        assert_eq!(selected, [2.0, 5.0, 1.0, 4.0]);
    }

    #[test]
    fn twice_the_precision_survives_cancellation() {
        // 1e16 + 1 − 1e16, and 1/3 · 3 − 1 with the rounding error of the third.
        let a = Matrix::from_rows(3, 2, [1e16, 1.0 / 3.0, 1.0, 1.0, -1e16, 0.0]).unwrap();
        assert_eq!(a.apply_transposed_twofold(&[1.0, 1.0, 1.0])[0], 1.0);
        let off = a.apply_transposed_twofold(&[3.0, -1.0, 0.0])[1];
        assert_eq!(off, -0.5 * f64::EPSILON / 2.0);
        assert_eq!(apply_transposed(&a, &[1.0, 1.0, 1.0]).len(), 2);
    }

    #[test]
    fn a_batch_is_one_vector_after_the_other() {
        let a = Matrix::from_rows(1, 2, [1.0, 10.0]).unwrap();
        let mut product = [0.0; 3];
        a.apply(&[1.0, 0.0, 0.0, 1.0, 2.0, 2.0], &mut product);
        assert_eq!(product, [1.0, 10.0, 22.0]);
        let mut transposed = [0.0; 4];
        a.apply_transposed(&[1.0, -1.0], &mut transposed);
        assert_eq!(transposed, [1.0, 10.0, -1.0, -10.0]);
    }

    #[test]
    fn refuses_what_is_no_matrix() {
        assert!(Matrix::from_rows(2, 2, [0.0; 3]).is_err());
        assert!(Matrix::from_rows(0, 2, []).is_err());
        assert!(matches!(
            Matrix::from_rows(usize::MAX, 2, []),
            Err(SolverError::TooLarge { what: "the matrix", .. })
        ));
        assert!(matches!(
            Matrix::from_rows(1, 2, [0.0, f64::NAN]),
            Err(SolverError::NotFinite { what: "a", index: 1, .. })
        ));
    }
}
