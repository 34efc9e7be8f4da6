//! The active columns of a homotopy, with their QR factors.
//!
//! `A_E = Q R` is updated as columns come (Gram–Schmidt, twice, so that Q stays orthonormal to
//! rounding) and go (Givens rotations). Working with R instead of `A_Eᵀ A_E` keeps the error at
//! `cond(A_E) · ε` rather than its square: near the end of a path the active columns are
//! ill-conditioned.
//!
//! # References
//! Daniel, Gragg, Kaufman, Stewart, *Reorthogonalization and stable algorithms for updating the
//! Gram-Schmidt QR factorization* (Mathematics of Computation 30, 1976).

use crate::matrix::{add_scaled, dot};

/// A column whose part outside the span of the active ones is smaller than this fraction of it
/// counts as dependent.
const DEPENDENT: f64 = 1e-10;

/// The active columns, in the order of their coming, with signs.
pub(crate) struct ActiveSet {
    /// Column numbers.
    pub(crate) ids: Vec<usize>,
    /// Signs of their coefficients.
    pub(crate) signs: Vec<f64>,
    /// Columns of Q, each as long as A has rows.
    q: Vec<Vec<f64>>,
    /// Columns of the upper triangle R; column `j` has `j + 1` entries.
    r: Vec<Vec<f64>>,
    /// `Qᵀ y`.
    projections: Vec<f64>,
}

impl ActiveSet {
    pub(crate) fn new() -> Self {
        Self { ids: vec![], signs: vec![], q: vec![], r: vec![], projections: vec![] }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Takes column `id` with content `column` in; `false` if it depends on the active ones.
    pub(crate) fn push(&mut self, id: usize, sign: f64, column: &[f64], y: &[f64]) -> bool {
        let mut outside = column.to_vec();
        let mut coefficients = vec![0.0; self.len()];
        for _ in 0..2 {
            for (coefficient, direction) in coefficients.iter_mut().zip(&self.q) {
                let part = dot(direction, &outside);
                *coefficient += part;
                add_scaled(&mut outside, -part, direction);
            }
        }
        let norm = dot(&outside, &outside).sqrt();
        if norm <= DEPENDENT * dot(column, column).sqrt() {
            return false;
        }
        for value in &mut outside {
            *value /= norm;
        }
        coefficients.push(norm);
        self.projections.push(dot(&outside, y));
        self.ids.push(id);
        self.signs.push(sign);
        self.q.push(outside);
        self.r.push(coefficients);
        true
    }

    /// Takes out the column at `position`.
    pub(crate) fn remove(&mut self, position: usize) {
        self.ids.remove(position);
        self.signs.remove(position);
        self.r.remove(position);
        // The columns behind it have one entry too many: rotate it away, pair of rows by pair.
        for row in position..self.r.len() {
            let (a, b) = (self.r[row][row], self.r[row][row + 1]);
            let length = a.hypot(b);
            let (cos, sin) = (a / length, b / length);
            for column in &mut self.r[row..] {
                let (upper, lower) = (column[row], column[row + 1]);
                column[row] = cos * upper + sin * lower;
                column[row + 1] = cos * lower - sin * upper;
            }
            self.r[row].truncate(row + 1);
            let (head, tail) = self.q.split_at_mut(row + 1);
            for (upper, lower) in head[row].iter_mut().zip(&mut tail[0]) {
                (*upper, *lower) = (cos * *upper + sin * *lower, cos * *lower - sin * *upper);
            }
            let (upper, lower) = (self.projections[row], self.projections[row + 1]);
            self.projections[row] = cos * upper + sin * lower;
            self.projections[row + 1] = cos * lower - sin * upper;
        }
        self.q.pop();
        self.projections.pop();
    }

    /// `R⁻ᵀ v`.
    fn solve_transposed(&self, v: &[f64]) -> Vec<f64> {
        let mut solution: Vec<f64> = Vec::with_capacity(v.len());
        for (column, value) in self.r.iter().zip(v) {
            let (diagonal, above) = column.split_last().expect("a column of R has a diagonal");
            solution.push((value - dot(above, &solution)) / diagonal);
        }
        solution
    }

    /// `R⁻¹ v`.
    fn solve(&self, v: &[f64]) -> Vec<f64> {
        let mut solution = v.to_vec();
        for (j, column) in self.r.iter().enumerate().rev() {
            let (diagonal, above) = column.split_last().expect("a column of R has a diagonal");
            solution[j] /= diagonal;
            let value = solution[j];
            add_scaled(&mut solution[..j], -value, above);
        }
        solution
    }

    /// `Q v`, of length `rows`.
    fn combine(&self, v: &[f64], rows: usize) -> Vec<f64> {
        let mut sum = vec![0.0; rows];
        for (direction, &factor) in self.q.iter().zip(v) {
            add_scaled(&mut sum, factor, direction);
        }
        sum
    }

    /// The segment of the path on which this set stays active.
    pub(crate) fn segment(&self, y: &[f64]) -> Segment {
        let along = self.solve_transposed(&self.signs);
        let mut residual = y.to_vec();
        let fitted = self.combine(&self.projections, y.len());
        add_scaled(&mut residual, -1.0, &fitted);
        Segment {
            fit: self.solve(&self.projections),
            shrinkage: self.solve(&along),
            residual,
            equiangular: self.combine(&along, y.len()),
        }
    }
}

/// A linear piece of the path: at weight γ the active coefficients are `fit − γ/2 · shrinkage` and
/// the residual `y − A x` is `residual + γ/2 · equiangular`.
pub(crate) struct Segment {
    /// Least-squares coefficients, `R⁻¹ Qᵀ y`.
    pub(crate) fit: Vec<f64>,
    /// `(A_Eᵀ A_E)⁻¹ s`.
    pub(crate) shrinkage: Vec<f64>,
    /// What no combination of the active columns reaches, `(I − Q Qᵀ) y`.
    pub(crate) residual: Vec<f64>,
    /// The vector with `A_Eᵀ u = s` in the span of the active columns.
    pub(crate) equiangular: Vec<f64>,
}

impl Segment {
    /// Active coefficients at weight `gamma`.
    pub(crate) fn coefficients(&self, gamma: f64) -> impl Iterator<Item = f64> {
        self.fit.iter().zip(&self.shrinkage).map(move |(fit, shrink)| fit - 0.5 * gamma * shrink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [[f64; 4]; 4] =
        [[1.0, 2.0, 0.5, -1.0], [0.3, -1.0, 2.0, 0.7], [2.0, 0.1, 0.4, 1.5], [-1.0, 1.0, 1.0, 0.2]];
    const Y: [f64; 4] = [1.0, -2.0, 3.0, 0.5];

    fn set_of(ids: &[usize]) -> ActiveSet {
        let mut set = ActiveSet::new();
        for &id in ids {
            assert!(set.push(id, if id % 2 == 0 { 1.0 } else { -1.0 }, &COLUMNS[id], &Y));
        }
        set
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn removing_a_column_is_as_if_it_had_never_come() {
        for gone in 0..4 {
            let mut set = set_of(&[0, 1, 2, 3]);
            set.remove(gone);
            let rest: Vec<usize> = (0..4).filter(|id| *id != gone).collect();
            let (after, fresh) = (set.segment(&Y), set_of(&rest).segment(&Y));
            assert!(close(&after.fit, &fresh.fit) && close(&after.shrinkage, &fresh.shrinkage));
            assert!(close(&after.residual, &fresh.residual));
        }
    }

    #[test]
    fn the_equiangular_vector_has_the_signs_as_its_products() {
        let set = set_of(&[2, 0, 1]);
        let segment = set.segment(&Y);
        for (id, sign) in set.ids.iter().zip(&set.signs) {
            assert!((dot(&COLUMNS[*id], &segment.equiangular) - sign).abs() < 1e-12);
            assert!(dot(&COLUMNS[*id], &segment.residual).abs() < 1e-12);
        }
    }

    #[test]
    fn a_dependent_column_is_refused() {
        let mut set = set_of(&[0, 1]);
        let sum: Vec<f64> = COLUMNS[0].iter().zip(&COLUMNS[1]).map(|(a, b)| a + b).collect();
        assert!(!set.push(7, 1.0, &sum, &Y));
        assert_eq!(set.len(), 2);
    }
}
