//! The active columns of a path, with their QR factors.
//!
//! `A_E = Q R` is updated when a column enters (Gram–Schmidt, twice if needed, so that Q stays orthonormal up to
//! rounding) and when a column leaves (Givens rotations). R gives an error of `cond(A_E) · ε`; with `A_Eᵀ A_E` it
//! would have the square of the condition. Near the end of a path the active columns are ill-conditioned.
//!
//! # References
//! Daniel, Gragg, Kaufman, Stewart, *Reorthogonalization and stable algorithms for updating the
//! Gram-Schmidt QR factorization* (Mathematics of Computation 30, 1976).

use faer::linalg::matmul::matmul;
use faer::{Accum, ColMut, ColRef, MatRef, Par};

use crate::vector::{add_scaled, add_scaled_inlined, dot, dot_inlined, vectorised};

/// A column depends on the active ones if its part outside of their span is smaller than this fraction of it.
const DEPENDENT: f64 = 1e-10;

/// The first pass of Gram–Schmidt is enough if this fraction of the column's length is left.
const ENOUGH_LEFT: f64 = 0.7;

/// A vector `v` over the active columns, stored with `g = R⁻ᵀ v` and `Q g`, the vector in their span with
/// `A_Eᵀ Q g = v`.
#[derive(Debug)]
struct Spanned {
    /// `v`.
    values: Vec<f64>,
    /// `R⁻ᵀ v`.
    in_q: Vec<f64>,
    /// `Q R⁻ᵀ v`, `[n]`.
    vector: Vec<f64>,
}

impl Spanned {
    fn new(rows: usize) -> Self {
        Self { values: vec![], in_q: vec![], vector: vec![0.0; rows] }
    }

    fn push(&mut self, value: f64, above: &[f64], diagonal: f64, direction: &[f64]) {
        let entry = (value - dot(above, &self.in_q)) / diagonal;
        self.values.push(value);
        self.in_q.push(entry);
        add_scaled(&mut self.vector, entry, direction);
    }

    fn refresh(&mut self, factors: &Factors) {
        self.in_q = factors.solve_transposed(&self.values);
        factors.combine(&self.in_q, &mut self.vector);
    }
}

/// Q and R.
#[derive(Debug)]
struct Factors {
    rows: usize,
    /// Columns of Q, one after the other.
    q: Vec<f64>,
    /// Columns of the upper triangle R; column `j` has `j + 1` entries.
    r: Vec<Vec<f64>>,
}

impl Factors {
    fn q(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.q, self.rows, self.r.len())
    }

    /// Returns `R⁻ᵀ v`.
    fn solve_transposed(&self, v: &[f64]) -> Vec<f64> {
        let mut solution: Vec<f64> = Vec::with_capacity(v.len());
        vectorised(
            #[inline(always)]
            || {
                for (j, (column, value)) in self.r.iter().zip(v).enumerate() {
                    solution.push((value - dot_inlined(&column[..j], &solution)) / column[j]);
                }
            },
        );
        solution
    }

    /// Returns `R⁻¹ v`.
    fn solve(&self, v: &[f64]) -> Vec<f64> {
        let mut solution = v.to_vec();
        vectorised(
            #[inline(always)]
            || {
                for (j, column) in self.r.iter().enumerate().rev() {
                    solution[j] /= column[j];
                    let value = solution[j];
                    add_scaled_inlined(&mut solution[..j], -value, &column[..j]);
                }
            },
        );
        solution
    }

    /// Returns `Q v`.
    fn combine(&self, v: &[f64], sum: &mut [f64]) {
        let (v, sum) = (ColRef::from_slice(v), ColMut::from_slice_mut(sum));
        matmul(sum.as_mat_mut(), Accum::Replace, self.q(), v.as_mat(), 1.0, Par::Seq);
    }

    /// Removes the span of Q from `column`, and adds the removed part to `coefficients`.
    fn project_out(&self, column: &mut [f64], coefficients: &mut [f64]) {
        let mut parts = vec![0.0; coefficients.len()];
        let mut parts = ColMut::from_slice_mut(&mut parts);
        let mut column = ColMut::from_slice_mut(column);
        let q = self.q();
        matmul(
            parts.as_mut().as_mat_mut(),
            Accum::Replace,
            q.transpose(),
            column.as_ref().as_mat(),
            1.0,
            Par::Seq,
        );
        matmul(
            column.as_mut().as_mat_mut(),
            Accum::Add,
            q,
            parts.as_ref().as_mat(),
            -1.0,
            Par::Seq,
        );
        for (coefficient, part) in coefficients.iter_mut().zip(parts.iter()) {
            *coefficient += part;
        }
    }
}

/// The active columns with their signs, in the order in which they entered.
///
/// If the weight of column `j` is `λ + τ d_j`, the coefficients and the residual are linear in τ:
///
/// ```text
/// x_E = R⁻¹ (Qᵀ y − ½ R⁻ᵀ (s∘(λ + τ d)))        y − A x = (I − Q Qᵀ) y + ½ Q R⁻ᵀ (s∘(λ + τ d))
/// ```
#[derive(Debug)]
pub(super) struct ActiveSet {
    /// Column numbers.
    pub(super) ids: Vec<usize>,
    factors: Factors,
    /// `Qᵀ y`.
    projections: Vec<f64>,
    /// `(I − Q Qᵀ) y`.
    outside: Vec<f64>,
    /// Signs of the coefficients, `s`.
    signs: Spanned,
    /// `s ∘ d`.
    slopes: Spanned,
    /// Floating-point operations of all changes of the set so far.
    flops: f64,
}

impl ActiveSet {
    pub(super) fn new(y: &[f64]) -> Self {
        let rows = y.len();
        Self {
            ids: vec![],
            factors: Factors { rows, q: vec![], r: vec![] },
            projections: vec![],
            outside: y.to_vec(),
            signs: Spanned::new(rows),
            slopes: Spanned::new(rows),
            flops: 0.0,
        }
    }

    pub(super) fn flops(&self) -> f64 {
        self.flops
    }

    /// Returns the operations of a product with Q or its transpose, and of a solution with R.
    pub(super) fn step_flops(&self) -> [f64; 2] {
        let (n, k) = (self.factors.rows as f64, self.len() as f64);
        [2.0 * n * k, k * k]
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn signs(&self) -> &[f64] {
        &self.signs.values
    }

    /// Adds the column `id` with the content `column`. Returns `false` if it depends on the active ones.
    pub(super) fn push(&mut self, id: usize, sign: f64, slope: f64, column: &[f64]) -> bool {
        let mut direction = column.to_vec();
        let mut above = vec![0.0; self.len()];
        let length = dot(column, column).sqrt();
        let mut left = length;
        let [product, _] = self.step_flops();
        self.flops += 10.0 * column.len() as f64;
        if !above.is_empty() {
            self.factors.project_out(&mut direction, &mut above);
            self.flops += 2.0 * product;
            left = dot(&direction, &direction).sqrt();
            if left < ENOUGH_LEFT * length {
                self.factors.project_out(&mut direction, &mut above);
                self.flops += 2.0 * product;
                left = dot(&direction, &direction).sqrt();
            }
        }
        if left <= DEPENDENT * length {
            return false;
        }
        for value in &mut direction {
            *value /= left;
        }
        let projection = dot(&direction, &self.outside);
        add_scaled(&mut self.outside, -projection, &direction);
        self.projections.push(projection);
        self.signs.push(sign, &above, left, &direction);
        self.slopes.push(sign * slope, &above, left, &direction);
        self.ids.push(id);
        above.push(left);
        self.factors.r.push(above);
        self.factors.q.extend(direction);
        true
    }

    /// Removes the column at `position`.
    pub(super) fn remove(&mut self, position: usize) {
        self.ids.remove(position);
        self.signs.values.remove(position);
        self.slopes.values.remove(position);
        let Factors { rows, q, r } = &mut self.factors;
        r.remove(position);
        // The columns after it have one entry too many. Rotations of pairs of rows remove it.
        for row in position..r.len() {
            let (a, b) = (r[row][row], r[row][row + 1]);
            let length = a.hypot(b);
            let (cos, sin) = (a / length, b / length);
            let rotate = |upper: &mut f64, lower: &mut f64| {
                (*upper, *lower) = (cos * *upper + sin * *lower, cos * *lower - sin * *upper);
            };
            for column in &mut r[row..] {
                let (upper, lower) = column.split_at_mut(row + 1);
                rotate(&mut upper[row], &mut lower[0]);
            }
            r[row].truncate(row + 1);
            self.flops += 6.0 * (*rows + r.len() - row) as f64;
            let (head, tail) = q.split_at_mut((row + 1) * *rows);
            for (upper, lower) in head[row * *rows..].iter_mut().zip(tail) {
                rotate(upper, lower);
            }
            let (upper, lower) = self.projections.split_at_mut(row + 1);
            rotate(&mut upper[row], &mut lower[0]);
        }
        if let Some(projection) = self.projections.pop() {
            let last = q.split_off(self.projections.len() * *rows);
            add_scaled(&mut self.outside, projection, &last);
        }
        self.signs.refresh(&self.factors);
        self.slopes.refresh(&self.factors);
        let [product, solution] = self.step_flops();
        self.flops += 2.0 * (product + solution);
    }

    /// Returns the change of the coefficients as τ grows by one.
    pub(super) fn direction(&self) -> Vec<f64> {
        let mut direction = self.factors.solve(&self.slopes.in_q);
        for value in &mut direction {
            *value *= -0.5;
        }
        direction
    }

    /// Returns the vector `u` with `A_Eᵀ u = s∘d`: twice the change of the residual as τ grows by one.
    pub(super) fn equiangular(&self) -> &[f64] {
        &self.slopes.vector
    }

    /// Returns the combination of the active columns that is closest to `content`, `R⁻¹ Qᵀ a`.
    pub(super) fn combination(&self, content: &[f64]) -> Vec<f64> {
        let mut projections = vec![0.0; self.len()];
        self.factors.project_out(&mut content.to_vec(), &mut projections);
        self.factors.solve(&projections)
    }

    /// Returns the coefficients at τ = 0.
    pub(super) fn coefficients(&self, lambda: f64) -> Vec<f64> {
        let right: Vec<f64> = self
            .projections
            .iter()
            .zip(&self.signs.in_q)
            .map(|(projection, sign)| projection - 0.5 * lambda * sign)
            .collect();
        self.factors.solve(&right)
    }

    /// Returns the dual point at τ = 0, `2 (y − A x)`.
    ///
    /// The rest of y has a rounding error of about `2⁻⁵³‖y‖`, also in the span of the active columns. If λ is small,
    /// that is more than ν has there. So the span is removed again, twice, because the first pass leaves rounding
    /// errors too.
    pub(super) fn dual_point(&self, lambda: f64) -> Vec<f64> {
        let mut outside = self.outside.clone();
        if !self.ids.is_empty() {
            let mut parts = vec![0.0; self.len()];
            for _ in 0..2 {
                self.factors.project_out(&mut outside, &mut parts);
            }
        }
        let mut nu: Vec<f64> = outside.iter().map(|value| 2.0 * value).collect();
        add_scaled(&mut nu, lambda, &self.signs.vector);
        nu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [[f64; 4]; 4] =
        [[1.0, 2.0, 0.5, -1.0], [0.3, -1.0, 2.0, 0.7], [2.0, 0.1, 0.4, 1.5], [-1.0, 1.0, 1.0, 0.2]];
    const Y: [f64; 4] = [1.0, -2.0, 3.0, 0.5];

    fn set_of(ids: &[usize]) -> ActiveSet {
        let mut set = ActiveSet::new(&Y);
        for &id in ids {
            let sign = if id % 2 == 0 { 1.0 } else { -1.0 };
            assert!(set.push(id, sign, 1.0 + id as f64, &COLUMNS[id]));
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
            let fresh = set_of(&rest);
            assert_eq!((&set.ids, set.signs()), (&fresh.ids, fresh.signs()));
            assert!(close(&set.direction(), &fresh.direction()));
            assert!(close(&set.coefficients(0.3), &fresh.coefficients(0.3)));
            assert!(close(set.equiangular(), fresh.equiangular()));
            assert!(close(&set.dual_point(0.3), &fresh.dual_point(0.3)));
        }
    }

    #[test]
    fn the_active_columns_meet_the_optimality_conditions() {
        let set = set_of(&[2, 0, 1]);
        let nu = set.dual_point(0.3);
        for (position, id) in set.ids.iter().enumerate() {
            let sign = set.signs()[position];
            assert!((dot(&COLUMNS[*id], &nu) - 0.3 * sign).abs() < 1e-12);
            let slope = sign * (1.0 + *id as f64);
            assert!((dot(&COLUMNS[*id], set.equiangular()) - slope).abs() < 1e-12);
        }
    }

    #[test]
    fn a_dependent_column_is_refused() {
        let mut set = set_of(&[0, 1]);
        let sum: Vec<f64> = COLUMNS[0].iter().zip(&COLUMNS[1]).map(|(a, b)| a + b).collect();
        assert!(!set.push(7, 1.0, 1.0, &sum));
        assert_eq!(set.len(), 2);
    }
}
