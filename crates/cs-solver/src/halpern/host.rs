//! The iteration in f64 on the host, for operators that are not stored as a matrix.

use rayon::prelude::*;

use super::spectrum::Spectrum;
use super::{BLOCK, LONG, NECESSARY, RELAXATION, SUFFICIENT, rho};
use crate::answer::{Answer, Column};
use crate::certificate::{feasible_scale, relative_gap};
use crate::error::SolverError;
use crate::interrupter::Interrupter;
use crate::operator::{Operator, apply, apply_transposed, product_flops};
use crate::settings::Settings;
use crate::status::Status;
use crate::vector::{dot, max_norm, soft_threshold};

/// Solves every column separately.
pub(crate) fn solve(
    a: &dyn Operator,
    columns: &[Column<'_>],
    settings: &Settings,
) -> Result<Vec<Answer>, SolverError> {
    let spectrum = Spectrum::of(a)?;
    let share = spectrum.flops(a.columns()) / columns.len().max(1) as f64;
    let solve = |column| {
        let answer = State::begin(a, &spectrum, column).run(settings);
        Answer { flops: answer.flops + share, ..answer }
    };
    Ok(columns.par_iter().map(solve).collect())
}

struct State<'a> {
    a: &'a dyn Operator,
    spectrum: &'a Spectrum,
    y: &'a [f64],
    lambda: f64,
    rho: f64,
    w: Vec<f64>,
    anchor: Vec<f64>,
    /// Iterations since the anchor was set.
    since: usize,
    /// ‖f‖ at that time.
    size_at_anchor: f64,
    interrupter: &'a Interrupter,
}

/// The points of one iteration.
struct Points {
    z: Vec<f64>,
    /// `[n]`.
    t: Vec<f64>,
    /// `Aᵀ t`, `[m]`.
    correction: Vec<f64>,
}

impl<'a> State<'a> {
    fn begin(a: &'a dyn Operator, spectrum: &'a Spectrum, column: &Column<'a>) -> Self {
        let dual = spectrum.rotate_back(&spectrum.pseudo_inverse(&spectrum.rotate(column.y)));
        let least_norm = apply_transposed(a, &dual);
        let rho = rho(&least_norm, column.lambda);
        let w = column.start.as_ref().map_or(least_norm, |start| {
            let slopes = apply_transposed(a, &start.nu);
            start.x.iter().zip(slopes).map(|(x, slope)| x + slope / rho).collect()
        });
        Self {
            a,
            spectrum,
            y: column.y,
            lambda: column.lambda,
            rho,
            anchor: w.clone(),
            w,
            since: 0,
            size_at_anchor: f64::MAX,
            interrupter: column.interrupter,
        }
    }

    fn run(mut self, settings: &Settings) -> Answer {
        let mut best: Option<(f64, Points)> = None;
        let mut status = Status::MaxIterations;
        let mut iterations = 0;
        loop {
            let points = self.points();
            if iterations % BLOCK == 0 || iterations == settings.max_iterations {
                let gap = self.gap(&points);
                if !gap.is_finite() {
                    status = Status::NonFinite;
                    break;
                }
                self.step(&points, iterations);
                if best.as_ref().is_none_or(|(best, _)| gap < *best) {
                    best = Some((gap, points));
                }
                if best.as_ref().is_some_and(|(best, _)| *best <= settings.tolerance) {
                    status = Status::Converged;
                    break;
                }
                if iterations == settings.max_iterations || self.interrupter.is_interrupted() {
                    break;
                }
            } else {
                self.step(&points, iterations);
            }
            iterations += 1;
        }
        let (x, nu) = best.map_or_else(
            || (vec![f64::NAN; self.w.len()], vec![0.0; self.y.len()]),
            |(_, points)| (points.z, points.t.iter().map(|t| self.rho * t).collect()),
        );
        // Two products and two rotations per iteration, a third product per evaluation of the gap, and the start.
        let (product, rotation) = (product_flops(self.a), self.spectrum.rotation_flops());
        let looks = (iterations / BLOCK + 1) as f64;
        let steps = iterations as f64 + 2.0;
        let flops = steps * 2.0 * (product + rotation) + looks * product;
        Answer { x, nu, iterations, flops, status }
    }

    fn points(&self) -> Points {
        let threshold = self.lambda / self.rho;
        let z: Vec<f64> = self.w.iter().map(|w| soft_threshold(*w, threshold)).collect();
        let v: Vec<f64> = z.iter().zip(&self.w).map(|(z, w)| 2.0 * z - w).collect();
        let mut residual = apply(self.a, &v);
        for (value, y) in residual.iter_mut().zip(self.y) {
            *value = y - *value;
        }
        let mut t = self.spectrum.rotate(&residual);
        for (t, value) in t.iter_mut().zip(&self.spectrum.values) {
            *t /= 0.5 * self.rho + value;
        }
        let t = self.spectrum.rotate_back(&t);
        let correction = apply_transposed(self.a, &t);
        Points { z, t, correction }
    }

    /// Does one step of w, and a restart if it is due.
    fn step(&mut self, points: &Points, iterations: usize) {
        // f = x − z = (v + Aᵀt) − z = z − w + Aᵀt
        let f: Vec<f64> = (points.z.iter().zip(&self.w).zip(&points.correction))
            .map(|((z, w), correction)| z - w + correction)
            .collect();
        let size = dot(&f, &f).sqrt();
        // Any ‖f‖ is small compared with the first value here, so the first iteration sets the anchor.
        let ratio = size / self.size_at_anchor;
        let long = self.since as f64 > LONG * iterations as f64;
        if ratio <= SUFFICIENT || long && ratio <= NECESSARY {
            self.anchor.copy_from_slice(&self.w);
            self.since = 0;
            self.size_at_anchor = size;
        }
        let b = (self.since + 1) as f64 / (self.since + 2) as f64;
        for ((w, f), anchor) in self.w.iter_mut().zip(&f).zip(&self.anchor) {
            *w = b * (*w + RELAXATION * f) + (1.0 - b) * anchor;
        }
        self.since += 1;
    }

    /// Returns the relative gap of z with `ν = ρ t` made feasible.
    fn gap(&self, points: &Points) -> f64 {
        let fitted = apply(self.a, &points.z);
        let square: f64 = fitted.iter().zip(self.y).map(|(fit, y)| (y - fit) * (y - fit)).sum();
        let primal = square + self.lambda * points.z.iter().map(|z| z.abs()).sum::<f64>();
        let (product, square) = (dot(&points.t, self.y), dot(&points.t, &points.t));
        let largest = max_norm(&points.correction);
        let scale = feasible_scale(product, square, self.lambda, largest);
        relative_gap(primal, scale * product - 0.25 * scale * scale * square)
    }
}
