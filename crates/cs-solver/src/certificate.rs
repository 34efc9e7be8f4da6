//! How good an answer is: objective, dual bound and optimality conditions, in f64 on the host.
//!
//! ```text
//! P(x) = ‖y − A x‖² + λ‖x‖₁        D(ν) = νᵀy − ‖ν‖²/4   for ‖Aᵀν‖∞ ≤ λ,   D ≤ P
//! ```
//!
//! At the optimum ν = 2 (y − A x). From any q a feasible ν = s q is made with
//! `s = clip(2 qᵀy / ‖q‖², 0, λ / ‖Aᵀq‖∞)`.

use crate::matrix::{Matrix, dot};

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// `P(x)`.
    pub primal: f64,
    /// `D(ν)` for the ν made from the residual: no answer has a smaller objective.
    pub dual: f64,
    /// `(P − D) / P`, or 0 where `P = 0`.
    pub relative_gap: f64,
    /// Largest violation of `2 Aᵀ(y − A x) ∈ λ ∂‖x‖₁`, as a fraction of λ.
    pub kkt_violation: f64,
}

/// Judges `x` as an answer to `min ‖A x − y‖² + λ ‖x‖₁`.
///
/// # Panics
/// If `x` or `y` has not the length that A asks for.
pub fn certify(a: &Matrix, y: &[f64], lambda: f64, x: &[f64]) -> Certificate {
    assert_eq!((x.len(), y.len()), (a.columns(), a.rows()), "lengths of x and y");
    let fitted = a.times(x);
    let residual: Vec<f64> = y.iter().zip(&fitted).map(|(y, fitted)| y - fitted).collect();
    let square = dot(&residual, &residual);
    let primal = square + lambda * x.iter().map(|value| value.abs()).sum::<f64>();
    let correlations = a.transposed_times(&residual);
    let largest = correlations.iter().fold(0.0_f64, |max, c| max.max(c.abs()));
    let dual = if square > 0.0 {
        let product = dot(&residual, y);
        let bound = if largest > 0.0 { lambda / largest } else { f64::INFINITY };
        let scale = (2.0 * product / square).clamp(0.0, bound);
        scale * product - 0.25 * scale * scale * square
    } else {
        0.0
    };
    let violation = |(value, correlation): (&f64, &f64)| {
        let slope = 2.0 * correlation;
        if *value == 0.0 {
            (slope.abs() - lambda).max(0.0)
        } else {
            (slope - lambda * value.signum()).abs()
        }
    };
    Certificate {
        primal,
        dual,
        relative_gap: if primal > 0.0 { (primal - dual) / primal } else { 0.0 },
        kkt_violation: x.iter().zip(&correlations).map(violation).fold(0.0, f64::max) / lambda,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::homotopy;

    fn example() -> (Matrix, [f64; 3], Vec<f64>) {
        let rows = [1.0, 0.2, -0.7, 2.0, 0.4, -1.0, 0.3, 0.1, 0.5, 1.2, -0.6, 0.9];
        let a = Matrix::from_rows(3, 4, &rows).unwrap();
        let y = [2.0, -1.0, 0.5];
        let x = homotopy::solve(&a, &y, 0.3).unwrap().x;
        (a, y, x)
    }

    #[test]
    fn passes_the_optimum_and_fails_every_mutation() {
        let (a, y, x) = example();
        let good = certify(&a, &y, 0.3, &x);
        assert!(good.relative_gap < 1e-12 && good.kkt_violation < 1e-9, "{good:?}");
        let fails = |a: &Matrix, y: &[f64], lambda: f64, x: &[f64]| {
            let bad = certify(a, y, lambda, x);
            assert!(bad.relative_gap > 1e-6 && bad.kkt_violation > 1e-4, "{bad:?}");
        };
        let mut moved = x.clone();
        moved[x.iter().position(|value| *value != 0.0).unwrap()] += 0.01;
        fails(&a, &y, 0.3, &moved);
        fails(&a, &[2.0, -1.0, 0.6], 0.3, &x);
        fails(&a, &y, 0.15, &x); // also the answer of a problem with a ½ before the square
        fails(&a, &y, 0.6, &x);
        let rows = [1.0, 0.2, -0.7, 2.0, 0.4, -1.0, 0.3, 0.1, 0.5, 1.2, -0.6, 0.8];
        fails(&Matrix::from_rows(3, 4, &rows).unwrap(), &y, 0.3, &x);
    }

    proptest! {
        #[test]
        fn the_dual_never_exceeds_the_primal(x in proptest::collection::vec(-3.0..3.0, 4)) {
            let (a, y, _) = example();
            let certificate = certify(&a, &y, 0.3, &x);
            prop_assert!(certificate.dual <= certificate.primal + 1e-12);
        }
    }
}
