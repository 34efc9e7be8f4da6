//! The path of one column, piece by piece.

use super::active_set::ActiveSet;
use super::meeting::{Columns, meeting};
use crate::answer::{Answer, Column};
use crate::interrupter::Interrupter;
use crate::operator::{Operator, apply_transposed, product_flops};
use crate::status::Status;
use crate::vector::{add_scaled, max_norm};

/// A path is given up after this many pieces, as a multiple of the smaller extent of A.
const MAX_PIECES: usize = 40;

/// An approach below this fraction of the largest slope is only rounding.
const ROUNDING: f64 = 1e-11;

/// What ends a piece of the path.
#[derive(Debug, Clone, Copy)]
enum Event {
    Enter { id: usize, sign: f64 },
    Leave { position: usize },
}

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// At zero, with `d = 1`: all bounds fall together.
    Zero,
    /// At a support: only the bounds that it violated fall.
    Support,
}

/// A path. The weight of column `j` is `λ + τ d_j`, and τ falls to 0.
pub(super) struct Path<'a> {
    a: &'a dyn Operator,
    origin: Origin,
    lambda: f64,
    tau: f64,
    /// `d`, `[m]`.
    slopes: Vec<f64>,
    /// An approach below this is only rounding.
    least_approach: f64,
    active: ActiveSet,
    /// Coefficients of the active columns at τ.
    coefficients: Vec<f64>,
    /// `2 Aᵀ (y − A x)` at τ, `[m]`.
    correlations: Vec<f64>,
    /// λ, or infinite for columns that may not enter: the active ones, those that depend on them, and for one piece the
    /// column that left last.
    bounds: Vec<f64>,
    /// The column that left last, with its sign. It touches that bound and would enter again immediately.
    just_left: Option<(usize, f64)>,
    pieces: usize,
    /// Floating-point operations, without those of the active set.
    flops: f64,
    status: Option<Status>,
    interrupter: &'a Interrupter,
}

/// The first point of a path.
struct Beginning<'a> {
    origin: Origin,
    lambda: f64,
    tau: f64,
    slopes: Vec<f64>,
    active: ActiveSet,
    correlations: Vec<f64>,
    interrupter: &'a Interrupter,
}

impl<'a> Path<'a> {
    /// Starts at zero, or at the support of `column.start`.
    pub(super) fn begin(a: &'a dyn Operator, column: &Column<'a>) -> Self {
        match &column.start {
            Some(start) => Self::from_support(a, column, &start.x),
            None => Self::from_zero(a, column),
        }
    }

    /// Starts at `λ_max`, where the solution is zero: `d = 1`, `τ = λ_max − λ`.
    fn from_zero(a: &'a dyn Operator, column: &Column<'a>) -> Self {
        let active = ActiveSet::new(column.y);
        let correlations = apply_transposed(a, &active.dual_point(column.lambda));
        let tau = max_norm(&correlations) - column.lambda;
        let slopes = vec![1.0; a.columns()];
        Self::new(
            a,
            Beginning {
                origin: Origin::Zero,
                lambda: column.lambda,
                tau,
                slopes,
                active,
                correlations,
                interrupter: column.interrupter,
            },
        )
    }

    /// Starts at a support that is nearly right.
    ///
    /// Columns with a wrong sign are dropped. Then the weights of the columns that violate their bounds are raised
    /// until none does. The raise is removed as τ goes from 1 to 0.
    fn from_support(a: &'a dyn Operator, column: &Column<'a>, start: &[f64]) -> Self {
        let lambda = column.lambda;
        let mut support: Vec<usize> = (0..start.len()).filter(|j| start[*j] != 0.0).collect();
        support.sort_by(|a, b| start[*b].abs().total_cmp(&start[*a].abs()));
        support.truncate(a.rows());
        let mut active = ActiveSet::new(column.y);
        let mut content = vec![0.0; a.rows()];
        for id in support {
            if column.interrupter.is_interrupted() {
                break;
            }
            a.select(&[id], &mut content);
            active.push(id, start[id].signum(), 0.0, &content);
        }
        loop {
            let coefficients = active.coefficients(lambda);
            let wrong: Vec<usize> = (0..active.len())
                .filter(|position| coefficients[*position] * active.signs()[*position] <= 0.0)
                .collect();
            if wrong.is_empty() {
                break;
            }
            wrong.iter().rev().for_each(|position| active.remove(*position));
        }
        let correlations = apply_transposed(a, &active.dual_point(lambda));
        // The raises are slightly different, so that the bounds are not all touched at the same τ.
        let spread = |j: usize| 1.0 + 0.1 * (j as f64 * 0.618_033_988_749_895).fract();
        let slopes = correlations
            .iter()
            .enumerate()
            .map(|(j, correlation)| (correlation.abs() - lambda).max(0.0) * spread(j))
            .collect();
        Self::new(
            a,
            Beginning {
                origin: Origin::Support,
                lambda,
                tau: 1.0,
                slopes,
                active,
                correlations,
                interrupter: column.interrupter,
            },
        )
    }

    fn new(a: &'a dyn Operator, beginning: Beginning<'a>) -> Self {
        let Beginning { origin, lambda, tau, slopes, active, correlations, interrupter } =
            beginning;
        let mut bounds = vec![lambda; a.columns()];
        active.ids.iter().for_each(|id| bounds[*id] = f64::INFINITY);
        let coefficients = active.coefficients(lambda);
        let rates = vec![0.0; a.columns()];
        let mut path = Self {
            a,
            origin,
            lambda,
            tau,
            least_approach: ROUNDING * max_norm(&slopes),
            slopes,
            active,
            coefficients,
            correlations,
            bounds,
            just_left: None,
            pieces: 0,
            flops: product_flops(a),
            status: (tau <= 0.0).then_some(Status::Converged),
            interrupter,
        };
        // Without a slope among the active columns, nothing moves, and the rates are zero.
        if path.is_live() {
            path.step(&rates);
        }
        path
    }

    pub(super) fn is_live(&self) -> bool {
        self.status.is_none()
    }

    /// Returns the vector whose products with the columns of A are the rates of the correlations.
    pub(super) fn equiangular(&self) -> &[f64] {
        self.active.equiangular()
    }

    /// Moves to the end of a piece, given the change of the correlations as τ grows by one, `[m]`.
    pub(super) fn step(&mut self, rates: &[f64]) {
        let direction = self.active.direction();
        self.flops += self.active.step_flops()[1];
        let leave = self.first_to_leave(&direction);
        let enter = self.first_to_enter(rates);
        // Rounding may put an event slightly above the current τ. Then it happens now.
        let next = match (leave, enter) {
            (Some(leave), Some(enter)) if enter.0 > leave.0 => Some(enter),
            (Some(leave), _) => Some(leave),
            (None, enter) => enter,
        }
        .filter(|(at, _)| *at > 0.0);
        let Some((at, event)) = next else {
            self.status = Some(Status::Converged);
            return;
        };
        let most = MAX_PIECES * self.a.rows().min(self.a.columns());
        if self.pieces == most || self.interrupter.is_interrupted() {
            self.status = Some(Status::MaxIterations);
            return;
        }
        self.flops += product_flops(self.a);
        self.advance(at.min(self.tau), &direction, rates);
        self.apply(event);
        self.pieces += 1;
    }

    fn advance(&mut self, tau: f64, direction: &[f64], rates: &[f64]) {
        let change = tau - self.tau;
        self.tau = tau;
        add_scaled(&mut self.correlations, change, rates);
        add_scaled(&mut self.coefficients, change, direction);
    }

    /// Returns the largest τ at which an active coefficient reaches zero.
    fn first_to_leave(&self, direction: &[f64]) -> Option<(f64, Event)> {
        let ends = direction.iter().zip(&self.coefficients).zip(self.active.signs()).enumerate();
        ends.filter(|(_, ((rate, _), sign))| *sign * *rate > 0.0)
            .map(|(position, ((rate, coefficient), sign))| {
                // A coefficient that rounding put on the wrong side of zero is at zero now.
                let left = (sign * coefficient).max(0.0);
                (self.tau - left / rate.abs(), Event::Leave { position })
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Returns the largest τ at which the correlation of an inactive column reaches its bound.
    fn first_to_enter(&self, rates: &[f64]) -> Option<(f64, Event)> {
        // With as many active columns as rows, the residual shrinks like the bounds.
        if self.origin == Origin::Zero && self.active.len() >= self.a.rows() {
            return None;
        }
        let meets_at = |id: usize, sign: f64, bound: f64| {
            let (slope, rate) = (self.slopes[id], rates[id]);
            meeting(self.correlations[id], rate, slope, bound, self.tau, sign, self.least_approach)
        };
        let columns = Columns {
            correlations: &self.correlations,
            rates,
            slopes: &self.slopes,
            bounds: &self.bounds,
            least: self.least_approach,
        };
        let entry = columns.first_meeting(self.tau).map(|(id, at)| {
            let sign = if meets_at(id, 1.0, self.bounds[id]) == at { 1.0 } else { -1.0 };
            (at, Event::Enter { id, sign })
        });
        let other_bound = self
            .just_left
            .map(|(id, sign)| (meets_at(id, -sign, self.lambda), Event::Enter { id, sign: -sign }));
        entry.into_iter().chain(other_bound).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn apply(&mut self, event: Event) {
        if let Some((id, _)) = self.just_left.take() {
            self.bounds[id] = self.lambda;
        }
        match event {
            Event::Enter { id, sign } => self.enter(id, sign),
            Event::Leave { position } => self.leave(position),
        }
    }

    fn enter(&mut self, id: usize, sign: f64) {
        let mut content = vec![0.0; self.a.rows()];
        self.a.select(&[id], &mut content);
        let mut value = 0.0;
        if !self.active.push(id, sign, self.slopes[id], &content) {
            // The column depends on the active ones. If all bounds fall together, its correlation follows
            // theirs, and it need not enter.
            self.bounds[id] = f64::INFINITY;
            let Some((position, step)) = self.exchange(sign, &content) else { return };
            self.leave(position);
            if !self.active.push(id, sign, self.slopes[id], &content) {
                self.status = Some(Status::Stalled);
                return;
            }
            value = sign * step;
        }
        self.bounds[id] = f64::INFINITY;
        self.coefficients.push(value);
    }

    /// Moves along the combination of active columns that equals the entering one, until an active coefficient is zero.
    /// The residual does not change. Returns the position of the coefficient, and the distance.
    fn exchange(&mut self, sign: f64, content: &[f64]) -> Option<(usize, f64)> {
        if self.origin == Origin::Zero {
            return None;
        }
        let combination = self.active.combination(content);
        let [product, solution] = self.active.step_flops();
        self.flops += 2.0 * product + solution;
        let (position, step) = combination
            .iter()
            .zip(self.coefficients.iter().zip(self.active.signs()))
            .enumerate()
            .filter(|(_, (factor, (_, active)))| sign * **factor * **active > 0.0)
            .map(|(position, (factor, (coefficient, active)))| {
                (position, (active * coefficient).max(0.0) / factor.abs())
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        for (coefficient, factor) in self.coefficients.iter_mut().zip(&combination) {
            *coefficient -= sign * step * factor;
        }
        Some((position, step))
    }

    fn leave(&mut self, position: usize) {
        let (left, sign) = (self.active.ids[position], self.active.signs()[position]);
        self.active.remove(position);
        self.coefficients.remove(position);
        self.bounds.fill(self.lambda);
        self.active.ids.iter().for_each(|id| self.bounds[*id] = f64::INFINITY);
        self.bounds[left] = f64::INFINITY;
        self.just_left = Some((left, sign));
    }

    /// Returns the solution at the end of the path.
    pub(super) fn finish(self) -> Answer {
        let mut x = vec![0.0; self.a.columns()];
        for (&id, value) in self.active.ids.iter().zip(self.active.coefficients(self.lambda)) {
            x[id] = value;
        }
        let [product, solution] = self.active.step_flops();
        Answer {
            x,
            nu: self.active.dual_point(self.lambda),
            iterations: self.pieces,
            flops: self.flops + self.active.flops() + 4.0 * product + 2.0 * solution,
            status: self.status.unwrap_or(Status::MaxIterations),
        }
    }
}
