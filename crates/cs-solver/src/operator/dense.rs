//! A dense matrix on the host.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

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

/// Columns that are summed together if the matrix is stored column after column.
const LANES: usize = 8;

/// The order of the entries of a matrix in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Row after row.
    Rows,
    /// Column after column.
    Columns,
}

/// A dense f64 matrix. Clones share its entries.
#[derive(Clone)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    order: Order,
    entries: Arc<dyn AsRef<[f64]> + Send + Sync>,
    /// `[columns]`.
    column_norms: Vec<f64>,
}

impl fmt::Debug for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, columns, order, .. } = self;
        write!(formatter, "Matrix({rows} × {columns}, {order:?})")
    }
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
        Self::shared([rows, columns], Order::Rows, Arc::new(entries.into()))
    }

    /// Makes a matrix of entries that stay where they are. They must not change as long as the matrix exists.
    ///
    /// # Shapes
    /// `extents`: `[n, m]`.
    ///
    /// # Errors
    /// As [`Matrix::from_rows`].
    pub fn shared(
        extents: [usize; 2],
        order: Order,
        entries: Arc<dyn AsRef<[f64]> + Send + Sync>,
    ) -> Result<Self, SolverError> {
        let [rows, columns] = extents;
        for (what, got) in [("rows of the matrix", rows), ("columns of the matrix", columns)] {
            SolverError::check_at_least(what, 1, got)?;
        }
        let expected = SolverError::check_product("the matrix", &extents)?;
        let values = entries.as_ref().as_ref();
        SolverError::check_extent("entries of the matrix", expected, values.len())?;
        SolverError::check_finite("a", values)?;
        let column_norms = column_norms(values, extents, order);
        Ok(Self { rows, columns, order, entries, column_norms })
    }

    /// Returns the matrix divided by `2^exponent`.
    pub(super) fn divided(&self, exponent: i32) -> Self {
        let entries = self.stored().iter().map(|entry| times_power_of_two(*entry, -exponent));
        let entries: Vec<f64> = entries.collect();
        let column_norms = column_norms(&entries, [self.rows, self.columns], self.order);
        Self { column_norms, entries: Arc::new(entries), ..*self }
    }

    /// Returns all entries in the order in which they are stored.
    pub(crate) fn stored(&self) -> &[f64] {
        self.entries.as_ref().as_ref()
    }

    /// Returns all entries row after row, `[n, m]`. They are copied if they are stored column after column.
    pub fn entries(&self) -> Cow<'_, [f64]> {
        let (stored, n) = (self.stored(), self.rows);
        match self.order {
            Order::Rows => Cow::Borrowed(stored),
            Order::Columns => {
                let rows = (0..n).flat_map(|i| stored[i..].iter().step_by(n).copied());
                Cow::Owned(rows.collect())
            }
        }
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
            || match self.order {
                Order::Rows => {
                    for (row, factor) in self.stored().chunks_exact(self.columns).zip(v) {
                        for ((sum, error), entry) in sums.iter_mut().zip(&mut errors).zip(row) {
                            add_product(sum, error, *entry, *factor);
                        }
                    }
                }
                Order::Columns => {
                    let sums = sums.chunks_mut(LANES).zip(errors.chunks_mut(LANES));
                    for ((sums, errors), block) in sums.zip(self.blocks()) {
                        for (i, factor) in v.iter().enumerate() {
                            let lanes = sums.iter_mut().zip(errors.iter_mut()).enumerate();
                            for (lane, (sum, error)) in lanes {
                                add_product(sum, error, block[lane * self.rows + i], *factor);
                            }
                        }
                    }
                }
            },
        );
        sums.iter().zip(&errors).map(|(sum, error)| sum + error).collect()
    }

    /// Returns [`LANES`] columns at a time, for a matrix that is stored column after column.
    fn blocks(&self) -> impl Iterator<Item = &[f64]> {
        self.stored().chunks(self.rows * LANES)
    }

    pub(crate) fn view(&self) -> MatRef<'_, f64> {
        match self.order {
            Order::Rows => MatRef::from_row_major_slice(self.stored(), self.rows, self.columns),
            Order::Columns => {
                MatRef::from_column_major_slice(self.stored(), self.rows, self.columns)
            }
        }
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
        let n = self.rows;
        match self.order {
            Order::Rows => {
                for (i, row) in self.stored().chunks_exact(self.columns).enumerate() {
                    for (k, &id) in ids.iter().enumerate() {
                        entries[k * n + i] = row[id];
                    }
                }
            }
            Order::Columns => {
                for (column, &id) in entries.chunks_exact_mut(n).zip(ids) {
                    column.copy_from_slice(&self.stored()[id * n..(id + 1) * n]);
                }
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

fn column_norms(entries: &[f64], [rows, columns]: [usize; 2], order: Order) -> Vec<f64> {
    let mut squares = vec![0.0; columns];
    match order {
        Order::Rows => {
            for row in entries.chunks_exact(columns) {
                for (square, entry) in squares.iter_mut().zip(row) {
                    *square += entry * entry;
                }
            }
        }
        Order::Columns => {
            let blocks = entries.chunks(rows * LANES);
            for (squares, block) in squares.chunks_mut(LANES).zip(blocks) {
                for i in 0..rows {
                    for (lane, square) in squares.iter_mut().enumerate() {
                        *square += block[lane * rows + i] * block[lane * rows + i];
                    }
                }
            }
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
mod tests;
