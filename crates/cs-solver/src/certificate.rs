//! How good an answer is: objective, dual bound and optimality conditions, in f64 on the host.
//!
//! ```text
//! P(x) = ‖y − A x‖² + λ‖x‖₁        D(ν) = νᵀy − ‖ν‖²/4   for ‖Aᵀν‖∞ ≤ λ,   D ≤ P
//! ```
//!
//! At the optimum ν = 2 (y − A x). From any q a feasible ν = s q is made with
//! `s = clip(2 qᵀy / ‖q‖², 0, λ / ‖Aᵀq‖∞)`.

use crate::operator::{Operator, apply, apply_transposed};
use crate::vector::{dot, max_norm};

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Certificate {
    /// `P(x)`.
    pub primal: f64,
    /// `D(ν)`: no answer has a smaller objective.
    pub dual: f64,
    /// `(P − D) / P`, or 0 where `P = 0`.
    pub relative_gap: f64,
    /// Largest violation of `2 Aᵀ(y − A x) ∈ λ ∂‖x‖₁`, as a fraction of λ.
    pub kkt_violation: f64,
}

/// Judges `x`, with a dual point `q` of any scale, as an answer to `min ‖A x − y‖² + λ ‖x‖₁`.
///
/// Both `q` and the residual are made feasible, and the better one is kept. In f32 the algorithm's
/// own dual point is by far the better one: `y − A x` has lost its digits to cancellation.
///
/// # Shapes
/// `x`: `[m]`, `y` and `q`: `[n]`. The feasible dual point `ν`, `[n]`, is returned beside the
/// certificate.
///
/// # Panics
/// If a length is not what A asks for.
pub fn certify(
    a: &dyn Operator,
    y: &[f64],
    lambda: f64,
    x: &[f64],
    q: &[f64],
) -> (Certificate, Vec<f64>) {
    let (n, m) = (a.rows(), a.columns());
    assert_eq!((x.len(), y.len(), q.len()), (m, n, n), "lengths of x, y and the dual point");
    let fitted = apply(a, x);
    let residual: Vec<f64> = y.iter().zip(&fitted).map(|(y, fitted)| y - fitted).collect();
    let primal = dot(&residual, &residual) + lambda * x.iter().map(|v| v.abs()).sum::<f64>();
    let correlations = apply_transposed(a, &residual);
    let own = DualPoint::feasible(y, lambda, q, max_norm(&apply_transposed(a, q)));
    let other = DualPoint::feasible(y, lambda, &residual, max_norm(&correlations));
    let best = if other.value.is_nan() || own.value >= other.value { own } else { other };
    let certificate = Certificate {
        primal,
        dual: best.value,
        relative_gap: relative_gap(primal, best.value),
        kkt_violation: kkt_violation(x, &correlations, lambda),
    };
    (certificate, best.nu)
}

struct DualPoint {
    value: f64,
    nu: Vec<f64>,
}

impl DualPoint {
    /// The best multiple of `q` that is feasible; `largest` is `‖Aᵀq‖∞`.
    fn feasible(y: &[f64], lambda: f64, q: &[f64], largest: f64) -> Self {
        let (product, square) = (dot(q, y), dot(q, q));
        let scale = feasible_scale(product, square, lambda, largest);
        let value = scale * product - 0.25 * scale * scale * square;
        Self { value, nu: q.iter().map(|value| scale * value).collect() }
    }
}

/// The factor that makes q the best feasible dual point; NaN where a number is.
///
/// `product` is `qᵀy`, `square` is `‖q‖²`, `largest` is `‖Aᵀq‖∞`.
pub(crate) fn feasible_scale(product: f64, square: f64, lambda: f64, largest: f64) -> f64 {
    if square == 0.0 {
        return 0.0;
    }
    let best = (2.0 * product / square).max(0.0);
    if largest == 0.0 || best < lambda / largest { best } else { lambda / largest }
}

/// `(P − D) / P`; 0 where both are 0.
pub(crate) fn relative_gap(primal: f64, dual: f64) -> f64 {
    if primal == 0.0 && dual == 0.0 { 0.0 } else { (primal - dual) / primal }
}

fn kkt_violation(x: &[f64], correlations: &[f64], lambda: f64) -> f64 {
    let violation = |(value, correlation): (&f64, &f64)| {
        let slope = 2.0 * correlation;
        match *value {
            0.0 if slope.abs() <= lambda => 0.0,
            0.0 => slope.abs() - lambda,
            _ => slope - lambda * value.signum(),
        }
    };
    let violations: Vec<f64> = x.iter().zip(correlations).map(violation).collect();
    max_norm(&violations) / lambda
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Lambda, Matrix, Problem, Settings};

    const ROWS: [f64; 12] = [1.0, 0.2, -0.7, 2.0, 0.4, -1.0, 0.3, 0.1, 0.5, 1.2, -0.6, 0.9];
    const Y: [f64; 3] = [2.0, -1.0, 0.5];

    fn example() -> (Matrix, Vec<f64>, Vec<f64>) {
        let a = Matrix::from_rows(3, 4, ROWS).unwrap();
        let problem = Problem::new(a.clone(), &Y, Lambda::Fixed(0.3)).unwrap();
        let solution = problem.solve(&Settings::default()).unwrap().columns()[0].clone();
        (a, solution.x().to_vec(), solution.nu().to_vec())
    }

    #[test]
    fn passes_the_optimum_and_fails_every_mutation() {
        let (a, x, nu) = example();
        let (good, feasible) = certify(&a, &Y, 0.3, &x, &nu);
        assert!(good.relative_gap < 1e-12 && good.kkt_violation < 1e-9, "{good:?}");
        assert!(max_norm(&apply_transposed(&a, &feasible)) <= 0.3 * (1.0 + 1e-12));
        let fails = |a: &Matrix, y: &[f64], lambda: f64, x: &[f64]| {
            let (bad, _) = certify(a, y, lambda, x, &nu);
            assert!(bad.relative_gap > 1e-6 && bad.kkt_violation > 1e-4, "{bad:?}");
        };
        let mut moved = x.clone();
        moved[x.iter().position(|value| *value != 0.0).unwrap()] += 0.01;
        fails(&a, &Y, 0.3, &moved);
        fails(&a, &[2.0, -1.0, 0.6], 0.3, &x);
        fails(&a, &Y, 0.15, &x); // also the answer of a problem with a ½ before the square
        fails(&a, &Y, 0.6, &x);
        let mut rows = ROWS;
        rows[11] = 0.8;
        fails(&Matrix::from_rows(3, 4, rows).unwrap(), &Y, 0.3, &x);
    }

    #[test]
    fn a_corrupt_dual_point_cannot_improve_the_gap() {
        let (a, x, nu) = example();
        let (good, _) = certify(&a, &Y, 0.3, &x, &nu);
        let mut rounded = x.clone();
        for value in &mut rounded {
            *value *= 1.0 + 1e-6;
        }
        let (with_nu, _) = certify(&a, &Y, 0.3, &rounded, &nu);
        for corrupt in [[f64::NAN; 3], [0.0; 3], [-1.0, 3.0, 1e300]] {
            let (bad, _) = certify(&a, &Y, 0.3, &rounded, &corrupt);
            assert!(bad.dual <= good.primal && bad.relative_gap > with_nu.relative_gap, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_dual_never_exceeds_any_primal(
            x in proptest::collection::vec(-3.0..3.0, 4),
            q in proptest::collection::vec(-3.0..3.0, 3),
        ) {
            let (a, optimum, nu) = example();
            let (best, _) = certify(&a, &Y, 0.3, &optimum, &nu);
            let (certificate, feasible) = certify(&a, &Y, 0.3, &x, &q);
            prop_assert!(certificate.dual <= best.primal + 1e-12);
            prop_assert!(certificate.primal >= best.dual - 1e-12);
            prop_assert!(max_norm(&apply_transposed(&a, &feasible)) <= 0.3 * (1.0 + 1e-12));
        }
    }
}
