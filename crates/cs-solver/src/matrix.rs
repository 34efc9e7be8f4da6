//! A dense f64 matrix on the host.

use crate::SolverError;

/// A dense matrix, column after column.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    entries: Vec<f64>,
}

impl Matrix {
    /// A matrix from its rows, one after the other.
    ///
    /// # Errors
    /// An extent is zero, or `entries` has another length than `rows × columns`.
    pub fn from_rows(rows: usize, columns: usize, entries: &[f64]) -> Result<Self, SolverError> {
        for (what, got) in [("rows of the matrix", rows), ("columns of the matrix", columns)] {
            if got == 0 {
                return Err(SolverError::Extent { what, expected: "at least 1".into(), got });
            }
        }
        SolverError::check_extent("entries of the matrix", rows * columns, entries.len())?;
        let entries = (0..columns)
            .flat_map(|column| (0..rows).map(move |row| entries[row * columns + column]))
            .collect();
        Ok(Self { rows, columns, entries })
    }

    /// Number of rows, `n`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, `m`.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Column `j`.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.entries[j * self.rows..(j + 1) * self.rows]
    }

    /// All entries, column after column.
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    /// `A x`.
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.rows];
        for (j, &factor) in x.iter().enumerate().filter(|(_, factor)| **factor != 0.0) {
            add_scaled(&mut product, factor, self.column(j));
        }
        product
    }

    /// `Aᵀ v`.
    pub fn transposed_times(&self, v: &[f64]) -> Vec<f64> {
        (0..self.columns).map(|j| dot(self.column(j), v)).collect()
    }
}

/// `aᵀ b`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight partial sums let the compiler use vector registers.
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (left, right) in a_chunks.iter().zip(b_chunks) {
        for ((sum, l), r) in sums.iter_mut().zip(left).zip(right) {
            *sum += l * r;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(l, r)| l * r).sum();
    sums.iter().sum::<f64>() + rest
}

/// `to += factor · from`.
pub(crate) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (target, value) in to.iter_mut().zip(from) {
        *target += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_adjoint() {
        let a = Matrix::from_rows(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(a.times(&[1.0, 0.0, -1.0]), [-2.0, -2.0]);
        assert_eq!(a.transposed_times(&[1.0, 1.0]), [5.0, 7.0, 9.0]);
        assert_eq!(a.column(1), [2.0, 5.0]);
    }

    #[test]
    fn a_long_dot_product_takes_every_element() {
        let values: Vec<f64> = (1..=19).map(f64::from).collect();
        assert_eq!(dot(&values, &[1.0; 19]), 190.0);
    }

    #[test]
    fn refuses_extents_that_disagree() {
        assert!(Matrix::from_rows(2, 2, &[0.0; 3]).is_err());
        assert!(Matrix::from_rows(0, 2, &[]).is_err());
    }
}
