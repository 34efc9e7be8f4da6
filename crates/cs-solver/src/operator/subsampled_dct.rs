//! A measurement matrix that is not stored: some rows of a cosine transform with random signs.

use std::borrow::Cow;
use std::f64::consts::{PI, SQRT_2};
use std::fmt;
use std::sync::Arc;

use rand::seq::index;
use rand::{Rng, RngExt};
use rustdct::{DctPlanner, TransformType2And3};

use super::{Operator, Rounding};
use crate::error::SolverError;

/// `A = √m · S F D`: random signs D, the orthonormal cosine transform F (DCT-II), and `n` of its `m`
/// rows, S, drawn without repetition.
///
/// Its rows are orthogonal, `A Aᵀ = m·I`, and a product costs O(m log m) operations and O(m) memory.
///
/// # References
/// Do, Gan, Nguyen, Tran, *Fast and efficient compressive sensing using structurally random
/// matrices* (IEEE Trans. Signal Processing 60, 2012).
#[derive(Clone)]
pub struct SubsampledDct {
    /// The rows that were drawn, ascending.
    taken: Vec<usize>,
    /// `±1`, one per column.
    signs: Vec<f64>,
    transform: Arc<dyn TransformType2And3<f64>>,
}

impl SubsampledDct {
    /// Draws the rows and the signs.
    ///
    /// # Errors
    /// `columns < 2`, its square is larger than memory can address, or `rows` is not in `1..=columns`.
    pub fn draw(rows: usize, columns: usize, rng: &mut impl Rng) -> Result<Self, SolverError> {
        SolverError::check_at_least("columns of a subsampled DCT", 2, columns)?;
        // The angle of an entry is the product of a row number and a column number.
        SolverError::check_product("a whole DCT", &[columns, columns])?;
        if !(1..=columns).contains(&rows) {
            let expected = format!("1 to {columns}, its columns");
            return Err(SolverError::Extent {
                what: "rows of a subsampled DCT",
                expected,
                got: rows,
            });
        }
        let mut taken = index::sample(rng, columns, rows).into_vec();
        taken.sort_unstable();
        let signs = (0..columns).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect();
        Ok(Self { taken, signs, transform: DctPlanner::new().plan_dct2(columns) })
    }

    /// Returns `√m · √(2/m)`, the weight of every row except for the first, which has `1/√2` of it.
    fn weight(row: usize) -> f64 {
        if row == 0 { 1.0 } else { SQRT_2 }
    }
}

impl Operator for SubsampledDct {
    fn rows(&self) -> usize {
        self.taken.len()
    }

    fn columns(&self) -> usize {
        self.signs.len()
    }

    fn apply(&self, x: &[f64], product: &mut [f64]) {
        let mut scratch = vec![0.0; self.transform.get_scratch_len()];
        let mut signal = vec![0.0; self.columns()];
        for (x, product) in x.chunks_exact(self.columns()).zip(product.chunks_mut(self.rows())) {
            for ((value, x), sign) in signal.iter_mut().zip(x).zip(&self.signs) {
                *value = x * sign;
            }
            self.transform.process_dct2_with_scratch(&mut signal, &mut scratch);
            for (value, &row) in product.iter_mut().zip(&self.taken) {
                *value = Self::weight(row) * signal[row];
            }
        }
    }

    fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
        let mut scratch = vec![0.0; self.transform.get_scratch_len()];
        for (v, product) in v.chunks_exact(self.rows()).zip(product.chunks_mut(self.columns())) {
            product.fill(0.0);
            for (value, &row) in v.iter().zip(&self.taken) {
                // The library halves the first entry of its input.
                let first = if row == 0 { 2.0 } else { 1.0 };
                product[row] = first * Self::weight(row) * value;
            }
            self.transform.process_dct3_with_scratch(product, &mut scratch);
            for (value, sign) in product.iter_mut().zip(&self.signs) {
                *value *= sign;
            }
        }
    }

    fn select(&self, ids: &[usize], entries: &mut [f64]) {
        let m = self.columns() as f64;
        for (&id, column) in ids.iter().zip(entries.chunks_exact_mut(self.rows())) {
            for (entry, &row) in column.iter_mut().zip(&self.taken) {
                // Whole turns are removed in integer arithmetic, which is exact.
                let quarters = (2 * id + 1) * row % (4 * self.columns());
                let angle = 0.5 * PI * quarters as f64 / m;
                *entry = self.signs[id] * Self::weight(row) * angle.cos();
            }
        }
    }

    fn row_norm_squared(&self) -> Option<f64> {
        Some(self.columns() as f64)
    }

    fn column_norms(&self) -> Cow<'_, [f64]> {
        // No entry is larger than √2.
        Cow::Owned(vec![(2.0 * self.rows() as f64).sqrt(); self.columns()])
    }

    /// The error of a fast transform is `10 log₂ m` roundings of the length of its input (Higham 2002, theorem 24.2,
    /// with the factor for twiddles). Here it is four times as many, because lengths need not be powers of two. The
    /// lengths are those of √m · F, compared with columns of √(2n).
    fn rounding(&self, _: usize) -> Rounding {
        let (n, m) = (self.rows() as f64, self.columns() as f64);
        let both = 40.0 * (m.log2() + 2.0) * (m / (2.0 * n)).sqrt().max(1.0);
        Rounding { apply: both, transposed: both }
    }
}

impl fmt::Debug for SubsampledDct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SubsampledDct({} of {} rows)", self.rows(), self.columns())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::gaussian::standard_normal;
    use crate::operator::{apply, apply_transposed};
    use crate::vector::dot;

    #[test]
    fn products_agree_with_the_columns_and_with_each_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (n, m) in [(1, 2), (2, 2), (7, 31), (64, 257)] {
            let a = SubsampledDct::draw(n, m, &mut rng).unwrap();
            let (x, v) = (standard_normal(m, &mut rng), standard_normal(n, &mut rng));
            let (ax, atv) = (apply(&a, &x), apply_transposed(&a, &v));
            assert!((dot(&ax, &v) - dot(&x, &atv)).abs() < 1e-10 * m as f64);
            let mut column = vec![0.0; n];
            for (j, product) in atv.iter().enumerate() {
                a.select(&[j], &mut column);
                assert!((dot(&column, &v) - product).abs() < 1e-11 * m as f64, "{n} {m} {j}");
            }
        }
    }

    #[test]
    fn rows_are_orthogonal_with_norm_the_root_of_m() {
        let a = SubsampledDct::draw(9, 40, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
        for row in 0..9 {
            let mut unit = [0.0; 9];
            unit[row] = 1.0;
            let back = apply(&a, &apply_transposed(&a, &unit));
            for (value, unit) in back.iter().zip(unit) {
                assert!((value - 40.0 * unit).abs() < 1e-12 * 40.0);
            }
        }
    }

    #[test]
    fn refuses_extents_without_a_transform() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for (n, m) in [(1, 1), (0, 5), (6, 5), (1, usize::MAX)] {
            assert!(SubsampledDct::draw(n, m, &mut rng).is_err(), "{n} {m}");
        }
    }
}
