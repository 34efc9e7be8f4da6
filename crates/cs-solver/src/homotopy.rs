//! Homotopy (LARS-lasso): follows the solution from `λ_max`, where it is zero, down to λ.
//!
//! The solution is piecewise linear in the weight γ of the norm. On a piece the active set E and the
//! signs s are fixed,
//!
//! ```text
//! x_E(γ) = R⁻¹ Qᵀ y − γ/2 · (A_EᵀA_E)⁻¹ s        2 a_jᵀ (y − A x(γ)) = b_j + γ e_j
//! ```
//!
//! and the piece ends at the largest γ' < γ at which an inactive column reaches `|b_j + γ' e_j| = γ'`
//! and enters, or an active coefficient reaches zero and leaves. There are about 1.2–1.5 · n pieces.
//!
//! # References
//! Osborne, Presnell, Turlach, *A new approach to variable selection in least squares problems* (IMA
//! Journal of Numerical Analysis 20, 2000); Efron, Hastie, Johnstone, Tibshirani, *Least angle
//! regression* (Annals of Statistics 32, 2004), §3.

use rayon::prelude::*;

use crate::active_set::{ActiveSet, Segment};
use crate::matrix::{Matrix, dot};
use crate::{SolverError, Status};

/// Pieces of the path, as a multiple of the smaller extent of A, after which a path is given up.
const MAX_PIECES: usize = 40;

/// The solution of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Coefficients, one a column of A; exactly zero off the support.
    pub x: Vec<f64>,
    /// Pieces of the path that were followed.
    pub iterations: usize,
    /// Converged, unless the path was longer than any sensible one.
    pub status: Status,
}

/// Solves `min ‖A x − y‖² + λ ‖x‖₁` exactly, up to rounding.
///
/// # Errors
/// `lambda` is not positive, `y` has another length than A has rows, or an entry is not finite.
pub fn solve(a: &Matrix, y: &[f64], lambda: f64) -> Result<Solution, SolverError> {
    SolverError::check_lambda(lambda)?;
    SolverError::check_extent("entries of y", a.rows(), y.len())?;
    SolverError::check_finite("a", a.entries())?;
    SolverError::check_finite("y", y)?;
    Ok(Path::follow(a, y, lambda))
}

/// Solves one problem a pair, in parallel.
///
/// # Errors
/// As [`solve`], for the first pair that is refused.
pub fn solve_all(
    problems: &[(&Matrix, &[f64])],
    lambda: f64,
) -> Result<Vec<Solution>, SolverError> {
    problems.par_iter().map(|(a, y)| solve(a, y, lambda)).collect()
}

/// What ends a piece of the path.
enum Event {
    Enter { id: usize, sign: f64 },
    Leave { position: usize },
}

struct Path<'a> {
    a: &'a Matrix,
    y: &'a [f64],
    active: ActiveSet,
    /// Columns that may not enter: the active ones, and those that depend on them.
    barred: Vec<bool>,
    /// The column that left last, with its sign: it touches the bound and would enter at once.
    just_left: Option<(usize, f64)>,
}

impl<'a> Path<'a> {
    fn follow(a: &'a Matrix, y: &'a [f64], lambda: f64) -> Solution {
        let correlations = a.transposed_times(y);
        let mut gamma = 2.0 * correlations.iter().fold(0.0_f64, |max, c| max.max(c.abs()));
        let mut x = vec![0.0; a.columns()];
        if gamma <= lambda {
            return Solution { x, iterations: 0, status: Status::Converged };
        }
        let mut path = Self {
            a,
            y,
            active: ActiveSet::new(),
            barred: vec![false; a.columns()],
            just_left: None,
        };
        let limit = MAX_PIECES * a.rows().min(a.columns());
        let mut iterations = 0;
        let segment = loop {
            let segment = path.active.segment(y);
            match path.next_event(&segment, gamma, lambda) {
                Some((at, event)) if iterations < limit => {
                    gamma = at;
                    path.apply(&event);
                    iterations += 1;
                }
                _ => break segment,
            }
        };
        let reached = if iterations < limit { lambda } else { gamma };
        for (&id, value) in path.active.ids.iter().zip(segment.coefficients(reached)) {
            x[id] = value;
        }
        let status = if iterations < limit { Status::Converged } else { Status::MaxIterations };
        Solution { x, iterations, status }
    }

    /// The first event below `gamma` and above `lambda`.
    fn next_event(&self, segment: &Segment, gamma: f64, lambda: f64) -> Option<(f64, Event)> {
        let mut next: Option<(f64, Event)> = None;
        let mut offer = |at: f64, event: Event| {
            // Rounding may put an event a little above the present weight: it happens now.
            let at = at.min(gamma);
            if at > lambda && next.as_ref().is_none_or(|(best, _)| at > *best) {
                next = Some((at, event));
            }
        };
        let ends = segment.fit.iter().zip(&segment.shrinkage).zip(&self.active.signs);
        for (position, ((fit, shrinkage), sign)) in ends.enumerate() {
            if sign * shrinkage < 0.0 {
                offer(2.0 * fit / shrinkage, Event::Leave { position });
            }
        }
        // With as many active columns as rows the residual is the equiangular vector alone, and no
        // other column can reach the bound.
        if self.active.len() < self.a.rows() {
            for id in (0..self.a.columns()).filter(|id| !self.barred[*id]) {
                let column = self.a.column(id);
                let (b, e) =
                    (2.0 * dot(column, &segment.residual), dot(column, &segment.equiangular));
                for sign in [1.0, -1.0] {
                    let approach = 1.0 - sign * e;
                    if approach > 0.0 && self.just_left != Some((id, sign)) {
                        offer(sign * b / approach, Event::Enter { id, sign });
                    }
                }
            }
        }
        next
    }

    fn apply(&mut self, event: &Event) {
        self.just_left = None;
        match *event {
            Event::Enter { id, sign } => {
                // A dependent column is only barred: its correlation follows the active ones'.
                self.barred[id] = true;
                self.active.push(id, sign, self.a.column(id), self.y);
            }
            Event::Leave { position } => {
                self.just_left = Some((self.active.ids[position], self.active.signs[position]));
                self.active.remove(position);
                self.barred.fill(false);
                self.active.ids.iter().for_each(|id| self.barred[*id] = true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::certificate::certify;

    fn solve_rows(n: usize, m: usize, rows: &[f64], y: &[f64], lambda: f64) -> Solution {
        solve(&Matrix::from_rows(n, m, rows).unwrap(), y, lambda).unwrap()
    }

    #[test]
    fn shrinks_as_the_closed_form_of_an_orthonormal_matrix() {
        let solution =
            solve_rows(3, 3, &[1., 0., 0., 0., 1., 0., 0., 0., 1.], &[3.0, -0.2, -1.0], 1.0);
        assert_eq!(solution.x, [2.5, 0.0, -0.5]);
        assert_eq!(solution.status, Status::Converged);
    }

    #[test]
    fn is_zero_from_lambda_max_on_and_has_one_entry_just_below() {
        let (rows, y) = ([1.0, 0.5, -2.0, 0.3, 1.0, 0.1], [1.0, 2.0]);
        let a = Matrix::from_rows(2, 3, &rows).unwrap();
        let lambda_max =
            2.0 * a.transposed_times(&y).iter().fold(0.0_f64, |max, c| max.max(c.abs()));
        let nonzeros =
            |lambda| solve(&a, &y, lambda).unwrap().x.iter().filter(|value| **value != 0.0).count();
        assert_eq!(nonzeros(lambda_max), 0);
        assert_eq!(nonzeros(lambda_max * 0.999), 1);
    }

    #[test]
    fn bears_degenerate_problems() {
        // a zero y, a zero column, duplicate and opposite columns, one row
        let cases: [(usize, usize, &[f64], &[f64]); 4] = [
            (2, 3, &[1.0, 2.0, 3.0, 0.0, 1.0, 1.0], &[0.0, 0.0]),
            (2, 3, &[0.0, 2.0, 1.0, 0.0, 1.0, -1.0], &[1.0, 2.0]),
            (2, 4, &[1.0, 1.0, -1.0, 0.5, 2.0, 2.0, -2.0, 1.5], &[3.0, 1.0]),
            (1, 3, &[1.0, -2.0, 2.0], &[4.0]),
        ];
        for (n, m, rows, y) in cases {
            let solution = solve_rows(n, m, rows, y, 0.1);
            let a = Matrix::from_rows(n, m, rows).unwrap();
            let certificate = certify(&a, y, 0.1, &solution.x);
            assert!(certificate.relative_gap < 1e-12, "{solution:?} {certificate:?}");
        }
    }

    #[test]
    fn refuses_bad_input_by_name() {
        let a = Matrix::from_rows(1, 2, &[1.0, 2.0]).unwrap();
        for lambda in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(solve(&a, &[1.0], lambda), Err(SolverError::Lambda(_))));
        }
        assert!(matches!(solve(&a, &[1.0, 2.0], 1.0), Err(SolverError::Extent { .. })));
        assert!(matches!(solve(&a, &[f64::NAN], 1.0), Err(SolverError::NotFinite { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_solution_is_optimal(
            n in 1_usize..12,
            extra in 0_usize..30,
            entries in proptest::collection::vec(-3.0..3.0, 12 * 42 + 12),
            exponent in -5.0..1.0,
        ) {
            let m = 1 + extra;
            let a = Matrix::from_rows(n, m, &entries[..n * m]).unwrap();
            let y = &entries[n * m..n * m + n];
            let lambda = 10_f64.powf(exponent);
            let solution = solve(&a, y, lambda).unwrap();
            prop_assert_eq!(solution.status, Status::Converged);
            prop_assert!(solution.x.iter().filter(|value| **value != 0.0).count() <= n);
            let certificate = certify(&a, y, lambda, &solution.x);
            prop_assert!(certificate.relative_gap < 1e-7, "{:?}", certificate);
        }

        #[test]
        fn scales_with_its_data(
            entries in proptest::collection::vec(-3.0..3.0, 5 * 9 + 5),
            exponent in -12_i32..12,
        ) {
            let scale = 10_f64.powi(exponent);
            let a = Matrix::from_rows(5, 9, &entries[..45]).unwrap();
            let y: Vec<f64> = entries[45..].iter().map(|value| value * scale).collect();
            let plain = solve(&a, &entries[45..], 0.2).unwrap();
            let scaled = solve(&a, &y, 0.2 * scale).unwrap();
            for (got, expected) in scaled.x.iter().zip(&plain.x) {
                prop_assert!((got - expected * scale).abs() <= 1e-9 * scale);
            }
        }
    }
}
