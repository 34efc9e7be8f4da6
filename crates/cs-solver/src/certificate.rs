//! Certificates: objective, dual bound and optimality conditions of an answer, in f64 on the host.
//!
//! ```text
//! P(x) = ‖y − A x‖² + λ‖x‖₁        D(ν) = νᵀy − ‖ν‖²/4   for ‖Aᵀν‖∞ ≤ λ,   D ≤ P
//! ```
//!
//! At the optimum ν = 2 (y − A x). Any q gives a feasible ν = s q, with
//! `s = clip(2 qᵀy / ‖q‖², 0, λ / ‖Aᵀq‖∞)`.
//!
//! P and D are computed up to rounding, and ν is feasible up to rounding. Their errors have bounds that hold for
//! sums in any order, with u = 2⁻⁵³, k the number of non-zero entries of x, and `apply` and `transposed` of
//! [`Rounding`](crate::operator::Rounding) (k + 2 and n + 2 for a matrix):
//!
//! ```text
//! e = u ‖r‖ + apply · u · Σ_j |x_j| ‖A_j‖                              error of r = y − A x
//! E_P = 2‖r‖ e + e² + (n + 4) u ‖r‖² + (k + 4) u λ‖x‖₁                 error of P
//! δ = max_j (|A_jᵀν| + transposed · u · ‖A_j‖ ‖ν‖) / λ − 1             so that ν/(1 + δ) is feasible
//! E_D = D(ν) − D(ν/(1 + δ)) + (n + 4) u (Σ_i |ν_i y_i| + ‖ν‖²/4)       error of D
//! ```
//!
//! The bound `(E_P + E_D)/P` is part of the certificate. The true gap is at most the sum of the computed gap and
//! this bound. If the gap meets the tolerance but the sum does not, `A_jᵀν` is computed in twice the precision
//! (`(n + 2)² u²` instead of `transposed · u`). So f64 can show a relative gap of about `n · 2⁻⁵³ · κ`: 1e-13 at
//! 512×51, 1e-12 at 512×256. Here κ, about 1 to 100, says how much larger `‖ν‖‖y‖` is than `νᵀy`, and
//! `Σ_j |x_j| ‖A_j‖` than `‖y‖`.
//!
//! # References
//! Higham, *Accuracy and stability of numerical algorithms* (2002), §3.1 (sums and products); Ogita, Rump,
//! Oishi, *Accurate sum and dot product* (SIAM J. Scientific Computing 26, 2005), algorithm 5.3.

use crate::operator::{Operator, apply, apply_transposed};
use crate::settings::Settings;
use crate::vector::{dot, max_norm};

/// 2⁻⁵³, and a little more for products of rounding errors.
const ROUNDOFF: f64 = 0.51 * f64::EPSILON;

/// Squares of smaller numbers lose digits, so no relative bound holds for them.
const UNDERFLOW: f64 = 1e-290;

/// What is proved about an answer.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Certificate {
    /// `P(x)`.
    pub primal: f64,
    /// `D(ν)`: no answer has a smaller objective.
    pub dual: f64,
    /// `(P − D) / P`, or 0 if `P = 0`.
    pub relative_gap: f64,
    /// How far rounding may have moved the gap, as a fraction of `P`; see [the module](self).
    pub rounding: f64,
    /// The largest violation of `2 Aᵀ(y − A x) ∈ λ ∂‖x‖₁`, as a fraction of λ.
    pub kkt_violation: f64,
}

impl Certificate {
    /// Whether the true gap is within the tolerance, with any rounding. If the gap is more negative than rounding
    /// can explain, the computation is broken, and the answer is `false`.
    pub fn shows(&self, tolerance: f64) -> bool {
        self.relative_gap + self.rounding <= tolerance && self.relative_gap >= -self.rounding
    }
}

/// Certifies `x`, with a dual point `q` of any scale, as an answer to `min ‖A x − y‖² + λ ‖x‖₁`.
///
/// Both `q` and the residual are made feasible, and the better one is kept. In f32 the dual point of the algorithm
/// is far better, because `y − A x` loses digits by cancellation.
///
/// A dual point that this function returned gives the same gap again.
///
/// # Shapes
/// `x`: `[m]`, `y` and `q`: `[n]`. The feasible dual point `ν`, `[n]`, is returned beside the
/// certificate.
///
/// # Panics
/// A length does not fit A.
pub fn certify(
    a: &dyn Operator,
    y: &[f64],
    lambda: f64,
    x: &[f64],
    q: &[f64],
) -> (Certificate, Vec<f64>) {
    let demand = Demand { lambda, tolerance: Settings::LEAST_TOLERANCE, again: true };
    certify_for(a, y, demand, x, q)
}

/// What a certificate must decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) lambda: f64,
    /// The tolerance. The bound of rounding is only as tight as it needs.
    pub(crate) tolerance: f64,
    /// Whether the dual point may come from an earlier certificate. If its best multiple is itself, up to rounding,
    /// it is not changed.
    pub(crate) again: bool,
}

/// As [`certify`].
pub(crate) fn certify_for(
    a: &dyn Operator,
    y: &[f64],
    Demand { lambda, tolerance, again }: Demand,
    x: &[f64],
    q: &[f64],
) -> (Certificate, Vec<f64>) {
    let (n, m) = (a.rows(), a.columns());
    assert_eq!((x.len(), y.len(), q.len()), (m, n, n), "lengths of x, y and the dual point");
    let norms = a.column_norms();
    let fitted = apply(a, x);
    let residual: Vec<f64> = y.iter().zip(&fitted).map(|(y, fitted)| y - fitted).collect();
    let primal = dot(&residual, &residual) + lambda * x.iter().map(|v| v.abs()).sum::<f64>();
    let correlations = apply_transposed(a, &residual);
    let problem = Posed { a, y, lambda, norms: &norms };
    let own = problem.feasible(q, &apply_transposed(a, q), again);
    let other = problem.feasible(&residual, &correlations, false);
    // If the two differ only by rounding, the earlier one is kept.
    let slack = if own.kept { 2.0 * problem.sums_bound(&own.nu) } else { 0.0 };
    let better = other.expected.is_nan() || own.expected >= other.expected - slack;
    let best = if better { own } else { other };
    let relative = |off: f64| if off == 0.0 { 0.0 } else { off / primal };
    let of_primal = problem.primal_bound(x, &residual);
    let mut certificate = Certificate {
        primal,
        dual: best.value,
        relative_gap: relative_gap(primal, best.value),
        rounding: relative(of_primal + problem.dual_bound(&best, &problem.slopes(&best.nu))),
        kkt_violation: kkt_violation(x, &correlations, lambda),
    };
    // The gap is small, but its rounding bound is too large: compute a tighter one, which takes ten times as long.
    let hidden = certificate.relative_gap <= tolerance && !certificate.shows(tolerance);
    if let Some(slopes) = hidden.then(|| problem.closer_slopes(&best.nu)).flatten() {
        certificate.rounding = relative(of_primal + problem.dual_bound(&best, &slopes));
    }
    (certificate, best.nu)
}

/// Products with A that [`certify`] forms.
pub(crate) const PRODUCTS: f64 = 4.0;

/// The problem that a certificate is for.
struct Posed<'a> {
    a: &'a dyn Operator,
    y: &'a [f64],
    lambda: f64,
    /// `‖A_j‖`, `[m]`.
    norms: &'a [f64],
}

struct DualPoint {
    nu: Vec<f64>,
    /// `D(ν)`.
    value: f64,
    /// The same, before ν was rounded.
    expected: f64,
    /// Whether ν is the given dual point.
    kept: bool,
}

impl Posed<'_> {
    /// Returns the best feasible multiple of `q`; `slopes` is `Aᵀq`.
    fn feasible(&self, q: &[f64], slopes: &[f64], again: bool) -> DualPoint {
        let (product, square) = (dot(q, self.y), dot(q, q));
        let mut scale = feasible_scale(product, square, self.lambda, max_norm(slopes));
        let mut kept = false;
        if again {
            let off = 2.0 * self.slope_bound(square.sqrt()) / self.lambda;
            let off = off + 4.0 * (self.y.len() + 4) as f64 * ROUNDOFF;
            kept = (scale - 1.0).abs() <= off.min(0.5);
            if kept {
                scale = 1.0;
            }
        }
        let expected = scale * product - 0.25 * scale * scale * square;
        let nu: Vec<f64> = q.iter().map(|value| scale * value).collect();
        DualPoint { value: dot(&nu, self.y) - 0.25 * dot(&nu, &nu), nu, expected, kept }
    }

    /// Bounds the error of a computed `D(ν)` by its sums.
    fn sums_bound(&self, nu: &[f64]) -> f64 {
        let size: f64 = nu.iter().zip(self.y).map(|(nu, y)| (nu * y).abs()).sum();
        ROUNDOFF * (self.y.len() as f64 + 4.0) * (size + 0.25 * dot(nu, nu))
    }

    /// Bounds the error of a computed entry of `Aᵀv`, for v of length `norm`.
    fn slope_bound(&self, norm: f64) -> f64 {
        self.a.rounding(0).transposed * ROUNDOFF * max_norm(self.norms) * norm
    }

    /// Bounds the error of the computed `P(x)`.
    fn primal_bound(&self, x: &[f64], residual: &[f64]) -> f64 {
        let (n, square) = (self.y.len() as f64, dot(residual, residual));
        let nonzeros = x.iter().filter(|x| **x != 0.0).count();
        let norm: f64 = x.iter().map(|x| x.abs()).sum();
        let lengths: f64 = x
            .iter()
            .zip(self.norms)
            .filter(|(x, _)| **x != 0.0)
            .map(|(x, norm)| x.abs() * norm)
            .sum();
        let size = square.sqrt();
        let off = ROUNDOFF * (size + self.a.rounding(nonzeros).apply * lengths);
        let sums = (n + 4.0) * square + (nonzeros as f64 + 4.0) * self.lambda * norm;
        let underflow = if max_norm(residual) > 0.0 || nonzeros > 0 { UNDERFLOW } else { 0.0 };
        2.0 * size * off + off * off + ROUNDOFF * sums + underflow
    }

    /// Returns upper bounds of `|A_jᵀν|`, `[m]`.
    fn slopes(&self, nu: &[f64]) -> Vec<f64> {
        let unit = self.a.rounding(0).transposed * ROUNDOFF * dot(nu, nu).sqrt();
        let slopes = apply_transposed(self.a, nu);
        slopes.iter().zip(self.norms).map(|(slope, norm)| slope.abs() + unit * norm).collect()
    }

    /// Returns tighter bounds from products in twice the precision, if A is a matrix. Their error is one rounding of
    /// the result, and the square of the error of a plain product.
    fn closer_slopes(&self, nu: &[f64]) -> Option<Vec<f64>> {
        let slopes = self.a.as_matrix()?.apply_transposed_twofold(nu);
        let unit = ROUNDOFF * (nu.len() + 2) as f64;
        let unit = unit * unit * dot(nu, nu).sqrt();
        let bound = |(slope, norm): (&f64, &f64)| slope.abs() * (1.0 + ROUNDOFF) + unit * norm;
        Some(slopes.iter().zip(self.norms).map(bound).collect())
    }

    /// Bounds how far `D` of the nearest feasible point may be below the computed one, given upper bounds of
    /// `|A_jᵀν|`.
    fn dual_bound(&self, point: &DualPoint, slopes: &[f64]) -> f64 {
        let nu = &point.nu;
        let (product, square) = (dot(nu, self.y), dot(nu, nu));
        let largest = slopes.iter().fold(0.0, |max: f64, slope| max.max(*slope));
        // A feasible point is smaller by this fraction.
        let smaller = (1.0 - self.lambda / largest).max(0.0);
        let lost = smaller * (product - 0.25 * square * (2.0 - smaller));
        lost.max(0.0) + self.sums_bound(nu)
    }
}

/// Returns the factor that makes q the best feasible dual point; NaN if an input is NaN.
///
/// `product` is `qᵀy`, `square` is `‖q‖²`, `largest` is `‖Aᵀq‖∞`.
pub(crate) fn feasible_scale(product: f64, square: f64, lambda: f64, largest: f64) -> f64 {
    if square == 0.0 {
        return 0.0;
    }
    let best = (2.0 * product / square).max(0.0);
    if largest == 0.0 || best < lambda / largest { best } else { lambda / largest }
}

/// Returns `(P − D) / P`; 0 if both are 0.
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
    use crate::operator::Matrix;
    use crate::problem::{Lambda, Problem};
    use crate::settings::Settings;

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
