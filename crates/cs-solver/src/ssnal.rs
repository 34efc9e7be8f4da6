//! Semismooth Newton augmented Lagrangian (SSNAL), f64 on the host: few iterations, each a dense
//! linear system as large as the support.
//!
//! The dual problem `max yᵀq − ½‖q‖²`, `‖Aᵀq‖∞ ≤ λ/2`, is solved by augmented Lagrangian steps whose multiplier
//! is x. Each step uses Newton's method with the generalised Hessian `I + σ A_J A_Jᵀ` to minimise
//!
//! ```text
//! φ(q) = ½‖q‖² − yᵀq + ‖soft(x + σ Aᵀq, σλ/2)‖² / (2σ)        ∇φ(q) = q − y + A x⁺(q)
//! ```
//!
//! and then sets `x = x⁺(q)`, where `x⁺(q) = soft(x + σ Aᵀq, σλ/2)`. At the end `ν = 2q`.
//!
//! # References
//! Li, Sun, Toh, *A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso
//! problems* (SIAM J. Optimization 28, 2018), algorithms Ssnal and Ssn.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, ColMut, Mat, MatRef, Par, Side};
use rayon::prelude::*;

use crate::answer::{Answer, Column};
use crate::certificate::{feasible_scale, relative_gap};
use crate::interrupter::Interrupter;
use crate::operator::{Operator, apply, apply_transposed, product_flops};
use crate::status::Status;
use crate::vector::{add_scaled, dot, max_norm, soft_threshold};

/// The most steps of the augmented Lagrangian.
const MAX_STEPS: usize = 60;
/// The most Newton steps within one of them.
const MAX_NEWTON: usize = 50;
/// Growth of σ from step to step, …
const GROWTH: f64 = 5.0;
/// … unless the previous step needed this many Newton steps.
const HARD: usize = 12;
/// A step ends when ‖∇φ‖ is this fraction of the change of x divided by √σ, …
const INEXACT: f64 = 0.2;
/// … or this fraction of ‖y‖: rounding does not let it get smaller.
const ROUNDING: f64 = 1e-13;
/// Sufficient decrease of the line search.
const ARMIJO: f64 = 1e-4;
/// If A has at least this many entries, threads share the linear algebra of a column.
const SHARED_FROM: usize = 1 << 20;
/// The most halvings of a Newton step.
const MAX_HALVINGS: usize = 30;

/// Solves the columns: small ones in parallel, large ones one after the other with the linear algebra of each on
/// all threads.
pub(crate) fn solve(a: &dyn Operator, columns: &[Column<'_>], tolerance: f64) -> Vec<Answer> {
    let solve = |column| State::begin(a, column).run(tolerance);
    if a.rows() * a.columns() < SHARED_FROM {
        columns.par_iter().map(solve).collect()
    } else {
        columns.iter().map(solve).collect()
    }
}

struct State<'a> {
    a: &'a dyn Operator,
    y: &'a [f64],
    lambda: f64,
    sigma: f64,
    /// The multiplier, `[m]`.
    x: Vec<f64>,
    /// `[n]`.
    q: Vec<f64>,
    /// `Aᵀ q`, `[m]`.
    correlations: Vec<f64>,
    newton_steps: usize,
    flops: f64,
    interrupter: &'a Interrupter,
}

/// The point that q gives for a multiplier.
struct Trial {
    /// `x⁺(q)`, `[m]`.
    x: Vec<f64>,
    /// `y − A x⁺(q)`, `[n]`.
    residual: Vec<f64>,
    /// `∇φ(q)`, `[n]`.
    gradient: Vec<f64>,
}

impl<'a> State<'a> {
    fn begin(a: &'a dyn Operator, column: &Column<'a>) -> Self {
        let y = column.y;
        // σλ/2 is the threshold. At first it is about as large as the coefficients that explain y.
        let correlations = apply_transposed(a, y);
        let fitted = apply(a, &correlations);
        let square = dot(&fitted, &fitted);
        let step = if square > 0.0 { dot(y, &fitted) / square } else { 0.0 };
        let mean = correlations.iter().map(|c| c.abs()).sum::<f64>() / correlations.len() as f64;
        let scale = if mean > 0.0 { step * mean } else { 1.0 };
        let (x, q) = match &column.start {
            Some(start) => (start.x.clone(), start.nu.iter().map(|nu| 0.5 * nu).collect()),
            None => (vec![0.0; a.columns()], vec![0.0; a.rows()]),
        };
        Self {
            correlations: apply_transposed(a, &q),
            a,
            y,
            lambda: column.lambda,
            sigma: 2.0 * scale / column.lambda,
            x,
            q,
            newton_steps: 0,
            // Three products: two for σ, one for q.
            flops: 3.0 * product_flops(a),
            interrupter: column.interrupter,
        }
    }

    fn run(mut self, tolerance: f64) -> Answer {
        let mut status = Status::MaxIterations;
        for _ in 0..MAX_STEPS {
            let before = self.newton_steps;
            let Trial { x, residual, .. } = self.minimise();
            self.x = x;
            let gap = self.relative_gap(&residual);
            if !gap.is_finite() {
                status = Status::NonFinite;
                break;
            }
            if gap <= tolerance {
                status = Status::Converged;
                break;
            }
            if self.interrupter.is_interrupted() {
                break;
            }
            if self.newton_steps - before < HARD {
                self.sigma *= GROWTH;
            }
        }
        let nu = self.q.iter().map(|q| 2.0 * q).collect();
        Answer { x: self.x, nu, iterations: self.newton_steps, flops: self.flops, status }
    }

    /// Minimises φ by Newton's method, as precisely as this step needs.
    fn minimise(&mut self) -> Trial {
        let least = ROUNDING * dot(self.y, self.y).sqrt();
        let mut steps = 0;
        loop {
            let trial = self.trial();
            self.flops += product_flops(self.a);
            let size = dot(&trial.gradient, &trial.gradient).sqrt();
            let change = trial.x.iter().zip(&self.x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            let enough = (INEXACT * (change / self.sigma).sqrt()).max(least);
            // A NaN also ends the loop.
            if steps == MAX_NEWTON
                || self.interrupter.is_interrupted()
                || !matches!(size.partial_cmp(&enough), Some(std::cmp::Ordering::Greater))
            {
                return trial;
            }
            let Some(direction) = self.newton_direction(&trial) else { return trial };
            self.search(&direction, &trial.gradient);
            self.newton_steps += 1;
            steps += 1;
        }
    }

    fn trial(&self) -> Trial {
        let threshold = 0.5 * self.sigma * self.lambda;
        let moved = self.x.iter().zip(&self.correlations);
        let x: Vec<f64> =
            moved.map(|(x, c)| soft_threshold(x + self.sigma * c, threshold)).collect();
        let fitted = apply(self.a, &x);
        let residual: Vec<f64> = self.y.iter().zip(&fitted).map(|(y, fit)| y - fit).collect();
        let gradient = self.q.iter().zip(&residual).map(|(q, residual)| q - residual).collect();
        Trial { x, residual, gradient }
    }

    /// Returns `−(I + σ A_J A_Jᵀ)⁻¹ ∇φ`, computed with the smaller of the two Gram matrices; `None` if that is not
    /// positive definite in floating point.
    fn newton_direction(&mut self, trial: &Trial) -> Option<Vec<f64>> {
        let support: Vec<usize> = (0..trial.x.len()).filter(|j| trial.x[*j] != 0.0).collect();
        let mut direction: Vec<f64> = trial.gradient.iter().map(|g| -g).collect();
        let (n, k) = (self.a.rows(), support.len());
        if k == 0 {
            return Some(direction);
        }
        let mut entries = vec![0.0; n * k];
        self.a.select(&support, &mut entries);
        let columns = MatRef::from_column_major_slice(&entries, n, k);
        self.flops += newton_flops(n as f64, k as f64);
        if k <= n {
            let factor = regularised_gram(columns.transpose(), self.sigma.recip())?;
            let mut weights = columns.transpose() * faer::ColRef::from_slice(&direction);
            factor.solve_in_place(weights.as_mut().as_mat_mut());
            let correction = columns * weights;
            for (value, correction) in direction.iter_mut().zip(correction.iter()) {
                *value -= correction;
            }
        } else {
            let factor = regularised_gram(columns, self.sigma.recip())?;
            factor.solve_in_place(ColMut::from_slice_mut(&mut direction).as_mat_mut());
            for value in &mut direction {
                *value /= self.sigma;
            }
        }
        Some(direction)
    }

    /// Moves q along the direction. Halves the Newton step until φ falls enough.
    fn search(&mut self, direction: &[f64], gradient: &[f64]) {
        let slope = dot(gradient, direction);
        let rates = apply_transposed(self.a, direction);
        let start = self.phi(0.0, direction, &rates);
        let rounding = 1e-14 * start.abs();
        let mut step = 1.0;
        self.flops += product_flops(self.a);
        for _ in 0..MAX_HALVINGS {
            self.flops += 5.0 * (direction.len() + rates.len()) as f64;
            if self.phi(step, direction, &rates) <= start + ARMIJO * step * slope + rounding {
                break;
            }
            step *= 0.5;
        }
        add_scaled(&mut self.q, step, direction);
        add_scaled(&mut self.correlations, step, &rates);
    }

    /// Returns `φ(q + step · direction)`, given `Aᵀ direction`.
    fn phi(&self, step: f64, direction: &[f64], rates: &[f64]) -> f64 {
        let threshold = 0.5 * self.sigma * self.lambda;
        let in_q: f64 = (self.q.iter().zip(direction).zip(self.y))
            .map(|((q, d), y)| {
                let q = q + step * d;
                (0.5 * q - y) * q
            })
            .sum();
        let in_x: f64 = (self.x.iter().zip(&self.correlations).zip(rates))
            .map(|((x, c), rate)| {
                let value = soft_threshold(x + self.sigma * (c + step * rate), threshold);
                value * value
            })
            .sum();
        in_q + 0.5 * in_x / self.sigma
    }

    /// Returns the relative gap of x with `ν = 2q` made feasible.
    fn relative_gap(&self, residual: &[f64]) -> f64 {
        let norm = self.x.iter().map(|x| x.abs()).sum::<f64>();
        let primal = dot(residual, residual) + self.lambda * norm;
        let (product, square) = (dot(&self.q, self.y), dot(&self.q, &self.q));
        let largest = 2.0 * max_norm(&self.correlations);
        // ν = 2q
        let scale = feasible_scale(2.0 * product, 4.0 * square, self.lambda, largest);
        relative_gap(primal, 2.0 * scale * product - scale * scale * square)
    }
}

/// Returns the operations of half a Gram matrix, its Cholesky factor, a solution with it, and two products with the k
/// columns.
fn newton_flops(n: f64, k: f64) -> f64 {
    let (small, large) = (n.min(k), n.max(k));
    small * small * large + small * small * small / 3.0 + 2.0 * small * small + 4.0 * n * k
}

/// Returns the Cholesky factor of `shift · I + B Bᵀ`.
fn regularised_gram(b: MatRef<'_, f64>, shift: f64) -> Option<Llt<f64>> {
    let mut gram = Mat::<f64>::zeros(b.nrows(), b.nrows());
    let parallelism =
        if rayon::current_thread_index().is_none() { Par::rayon(0) } else { Par::Seq };
    triangular::matmul(
        gram.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        b,
        BlockStructure::Rectangular,
        b.transpose(),
        BlockStructure::Rectangular,
        1.0,
        parallelism,
    );
    for i in 0..b.nrows() {
        gram[(i, i)] += shift;
    }
    Llt::new(gram.as_ref(), Side::Lower).ok()
}
