//! Coordinate descent on a working set, f64 on the host. It suits λ not far below `λ_max`, where few columns are
//! active.
//!
//! The working set has only columns that may be active: those of the current support, and those that are closest
//! to their bound at the dual point of the residual, twice as many as the support has. One pass over it sets each
//! coefficient to its optimum while the others are fixed:
//!
//! ```text
//! x_j ← soft(x_j + A_jᵀr / ‖A_j‖², λ / (2‖A_j‖²))        r = y − A x
//! ```
//!
//! Every few passes the last iterates are extrapolated; the result is kept if the objective falls. When the gap on
//! the set is a fraction of the gap on all columns, one product with Aᵀ gives the new gap on all columns, and the
//! set is chosen again.
//!
//! # References
//! Massias, Gramfort, Salmon, *Celer: a fast solver for the Lasso with dual extrapolation* (ICML 2018),
//! algorithm 4; Bertrand, Massias, *Anderson acceleration of coordinate descent* (AISTATS 2021), algorithm 1.

mod extrapolation;
mod passes;

use rayon::prelude::*;

use crate::answer::{Answer, Column};
use crate::certificate::{feasible_scale, relative_gap};
use crate::interrupter::Interrupter;
use crate::operator::{Operator, apply, apply_transposed, product_flops};
use crate::status::Status;
use crate::vector::{dot, max_norm};
use passes::Passes;

/// The most working sets.
const MAX_SETS: usize = 50;
/// The most passes over all of them.
const MAX_PASSES: usize = 10_000;
/// The number of columns of the first working set.
const FIRST: usize = 100;
/// The problem on a working set is solved to this fraction of the gap on all columns.
const INEXACT: f64 = 0.3;

/// Solves every column separately.
pub(crate) fn solve(a: &dyn Operator, columns: &[Column<'_>], tolerance: f64) -> Vec<Answer> {
    let norms = a.column_norms();
    columns.par_iter().map(|column| State::begin(a, &norms, column).run(tolerance)).collect()
}

struct State<'a> {
    a: &'a dyn Operator,
    /// `‖A_j‖`, `[m]`.
    norms: &'a [f64],
    y: &'a [f64],
    lambda: f64,
    x: Vec<f64>,
    /// `y − A x`.
    residual: Vec<f64>,
    passes: usize,
    flops: f64,
    interrupter: &'a Interrupter,
}

impl<'a> State<'a> {
    fn begin(a: &'a dyn Operator, norms: &'a [f64], column: &Column<'a>) -> Self {
        let mut residual = column.y.to_vec();
        let x = column.start.as_ref().map_or_else(|| vec![0.0; a.columns()], |s| s.x.clone());
        if column.start.is_some() {
            let fitted = apply(a, &x);
            residual.iter_mut().zip(&fitted).for_each(|(r, fitted)| *r -= fitted);
        }
        let flops = if column.start.is_some() { product_flops(a) } else { 0.0 };
        let Column { y, lambda, interrupter, .. } = *column;
        Self { a, norms, y, lambda, x, residual, passes: 0, flops, interrupter }
    }

    fn run(mut self, tolerance: f64) -> Answer {
        let mut status = Status::MaxIterations;
        let mut best = (f64::NEG_INFINITY, vec![0.0; self.y.len()]);
        let mut last = f64::INFINITY;
        for _ in 0..MAX_SETS {
            let correlations = apply_transposed(self.a, &self.residual);
            self.flops += product_flops(self.a);
            let (dual, scale) = self.dual(max_norm(&correlations));
            // NaN is never better.
            if dual > best.0 {
                best = (dual, self.residual.iter().map(|r| scale * r).collect());
            }
            let gap = relative_gap(self.primal(), best.0);
            if !gap.is_finite() {
                status = Status::NonFinite;
                break;
            }
            // A little more than the tolerance needs, because the certificate adds a bound of rounding.
            if gap <= 0.9 * tolerance {
                status = Status::Converged;
                break;
            }
            if self.passes >= MAX_PASSES || self.interrupter.is_interrupted() {
                break;
            }
            let set = self.working_set(&correlations, scale);
            // If a set brought no progress, its problem was not solved precisely enough.
            let target = INEXACT * gap.min(last);
            last = target;
            self.work_on(&set, target);
        }
        Answer { x: self.x, nu: best.1, iterations: self.passes, flops: self.flops, status }
    }

    fn primal(&self) -> f64 {
        let norm: f64 = self.x.iter().map(|x| x.abs()).sum();
        dot(&self.residual, &self.residual) + self.lambda * norm
    }

    /// Returns `D` of the best feasible multiple of the residual, and that factor; `largest` is `‖Aᵀr‖∞`.
    fn dual(&self, largest: f64) -> (f64, f64) {
        let (product, square) = (dot(&self.residual, self.y), dot(&self.residual, &self.residual));
        let scale = feasible_scale(product, square, self.lambda, largest);
        (scale * product - 0.25 * scale * scale * square, scale)
    }

    /// Returns the support and the columns whose bound is nearest to the feasible dual point, ascending.
    fn working_set(&self, correlations: &[f64], scale: f64) -> Vec<usize> {
        let support = self.x.iter().filter(|x| **x != 0.0).count();
        let size = (2 * support).max(FIRST).min(self.x.len());
        let distance = |j: usize| {
            let left = self.lambda - scale * correlations[j].abs();
            if self.x[j] == 0.0 { left / self.norms[j] } else { f64::NEG_INFINITY }
        };
        let mut near: Vec<(f64, usize)> =
            (0..self.x.len()).filter(|j| self.norms[*j] > 0.0).map(|j| (distance(j), j)).collect();
        let size = size.min(near.len());
        if size == 0 {
            return vec![];
        }
        near.select_nth_unstable_by(size - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut set: Vec<usize> = near[..size].iter().map(|(_, j)| *j).collect();
        set.sort_unstable();
        set
    }

    /// Solves the problem on a working set until its gap is `target`, or there are no passes left.
    fn work_on(&mut self, set: &[usize], target: f64) {
        let mut passes =
            Passes::over(self.a, set, &self.x, self.y, self.lambda, &mut self.residual);
        passes.until(target, MAX_PASSES - self.passes.min(MAX_PASSES), self.interrupter);
        let (x, count, flops) = passes.finish();
        for (j, x) in set.iter().zip(x) {
            self.x[*j] = x;
        }
        self.passes += count;
        self.flops += flops;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Start;
    use crate::certificate::certify;
    use crate::gaussian;
    use crate::homotopy;
    use crate::operator::Matrix;
    use crate::problem::{Lambda, Problem};

    /// Entries, right-hand side and λ of a Gaussian problem.
    fn example(n: usize, m: usize, ratio: f64) -> (Matrix, Vec<f64>, f64) {
        let entries = gaussian::numpy_standard_normal(n * m, 5);
        let a = Matrix::from_rows(n, m, entries).unwrap();
        let y = gaussian::numpy_standard_normal(n, 6);
        let problem = Problem::new(a.clone(), &y, Lambda::Ratio(ratio)).unwrap();
        let lambda = problem.lambdas()[0];
        (a, y, lambda)
    }

    #[test]
    fn it_ends_where_the_exact_path_ends() {
        for (n, m, ratio) in
            [(1, 3, 0.5), (40, 300, 0.5), (40, 300, 0.1), (60, 130, 0.02), (70, 20, 0.1)]
        {
            let (a, y, lambda) = example(n, m, ratio);
            let never = Interrupter::default();
            let column = Column::new(&y, lambda, &never);
            let exact = homotopy::solve_one(&a, &column);
            for tolerance in [1e-4, 1e-9] {
                let answer = solve(&a, std::slice::from_ref(&column), tolerance).pop().unwrap();
                assert_eq!(answer.status, Status::Converged, "{n}×{m} {ratio}");
                let (certificate, _) = certify(&a, &y, lambda, &answer.x, &answer.nu);
                assert!(certificate.shows(tolerance), "{n}×{m} {ratio}: {certificate:?}");
                let (best, _) = certify(&a, &y, lambda, &exact.x, &exact.nu);
                let over = certificate.primal / best.primal - 1.0;
                assert!((-1e-12..=tolerance).contains(&over), "{n}×{m} {ratio}: {over:e}");
            }
        }
    }

    #[test]
    fn a_start_that_is_exact_takes_no_pass() {
        let (a, y, lambda) = example(40, 300, 0.1);
        let never = Interrupter::default();
        let column = Column::new(&y, lambda, &never);
        let exact = homotopy::solve_one(&a, &column);
        let start = Some(Start { x: exact.x, nu: exact.nu });
        let answer = solve(&a, &[Column { start, ..column }], 1e-9).pop().unwrap();
        assert_eq!((answer.status, answer.iterations), (Status::Converged, 0));
    }

    #[test]
    fn columns_of_zeros_and_copies_are_borne() {
        let rows = [1.0, 0.0, 1.0, -1.0, 2.0, 0.5, 0.0, 0.5, -0.5, 1.0];
        let a = Matrix::from_rows(2, 5, rows).unwrap();
        let never = Interrupter::default();
        let column = Column::new(&[1.0, -2.0], 0.5, &never);
        let answer = solve(&a, &[column], 1e-9).pop().unwrap();
        assert_eq!(answer.status, Status::Converged, "{answer:?}");
        assert_eq!(answer.x[1], 0.0);
    }
}
