//! Passes over the columns of a working set.

use super::extrapolation::Extrapolation;
use crate::certificate::{feasible_scale, relative_gap};
use crate::interrupter::Interrupter;
use crate::operator::Operator;
use crate::vector::{add_scaled, add_scaled_inlined, dot, dot_inlined, soft_threshold, vectorised};

/// Passes between two checks of the gap of the set, and between two extrapolations.
const BLOCK: usize = 5;
/// After this many checks without progress, a set is given up.
const PATIENCE: usize = 20;

/// The problem on some columns of A. All other coefficients are zero.
pub(super) struct Passes<'a> {
    /// The columns, one after the other, `[set, n]`.
    columns: Vec<f64>,
    /// `‖A_j‖²`, `[set]`.
    squares: Vec<f64>,
    x: Vec<f64>,
    y: &'a [f64],
    lambda: f64,
    residual: &'a mut Vec<f64>,
    count: usize,
    flops: f64,
}

impl<'a> Passes<'a> {
    /// Starts at `x`, which has `residual`, and is zero outside of `set`.
    pub(super) fn over(
        a: &dyn Operator,
        set: &[usize],
        x: &[f64],
        y: &'a [f64],
        lambda: f64,
        residual: &'a mut Vec<f64>,
    ) -> Self {
        let n = a.rows();
        let mut columns = vec![0.0; n * set.len()];
        a.select(set, &mut columns);
        let squares = columns.chunks_exact(n).map(|column| dot(column, column)).collect();
        let x = set.iter().map(|j| x[*j]).collect();
        let flops = 2.0 * columns.len() as f64;
        Self { columns, squares, x, y, lambda, residual, count: 0, flops }
    }

    /// Makes passes until the gap on the set is `target`, there were `most` passes, or there is no more progress.
    pub(super) fn until(&mut self, target: f64, most: usize, interrupter: &Interrupter) {
        let mut extrapolation = Extrapolation::new();
        let (mut least, mut stale) = (f64::INFINITY, 0);
        while self.count < most && stale < PATIENCE && !interrupter.is_interrupted() {
            extrapolation.push(&self.x);
            for _ in 0..BLOCK {
                self.pass();
                extrapolation.push(&self.x);
            }
            if let Some(x) = extrapolation.point() {
                self.offer(&x);
            }
            let gap = self.gap();
            // A NaN also ends the loop.
            if !matches!(gap.partial_cmp(&target), Some(std::cmp::Ordering::Greater)) {
                return;
            }
            stale = if gap < least { 0 } else { stale + 1 };
            least = least.min(gap);
        }
    }

    /// Sets every coefficient in turn to its optimum.
    fn pass(&mut self) {
        let n = self.y.len();
        let half = 0.5 * self.lambda;
        let mut moved = 0;
        vectorised(
            #[inline(always)]
            || {
                let columns = self.columns.chunks_exact(n).zip(&self.squares);
                for (x, (column, square)) in self.x.iter_mut().zip(columns) {
                    let correlation = dot_inlined(column, self.residual);
                    let next = soft_threshold(*x * square + correlation, half) / square;
                    if next != *x {
                        add_scaled_inlined(self.residual, *x - next, column);
                        *x = next;
                        moved += 1;
                    }
                }
            },
        );
        self.count += 1;
        self.flops += 2.0 * (self.columns.len() + moved * n) as f64;
    }

    /// Takes other coefficients if their objective is smaller.
    fn offer(&mut self, x: &[f64]) {
        let mut residual = self.y.to_vec();
        for (x, column) in x.iter().zip(self.columns.chunks_exact(self.y.len())) {
            if *x != 0.0 {
                add_scaled(&mut residual, -x, column);
            }
        }
        self.flops += 2.0 * self.columns.len() as f64;
        if self.objective(x, &residual) < self.objective(&self.x, self.residual) {
            self.x.copy_from_slice(x);
            *self.residual = residual;
        }
    }

    fn objective(&self, x: &[f64], residual: &[f64]) -> f64 {
        dot(residual, residual) + self.lambda * x.iter().map(|x| x.abs()).sum::<f64>()
    }

    /// Returns the relative gap of the problem on the set, with the dual point of the residual.
    fn gap(&mut self) -> f64 {
        let n = self.y.len();
        let residual: &[f64] = self.residual;
        let slopes = self.columns.chunks_exact(n).map(|column| dot(column, residual).abs());
        let largest = slopes.fold(0.0, f64::max);
        self.flops += 2.0 * self.columns.len() as f64;
        let (product, square) = (dot(residual, self.y), dot(residual, residual));
        let scale = feasible_scale(product, square, self.lambda, largest);
        let dual = scale * product - 0.25 * scale * scale * square;
        relative_gap(self.objective(&self.x, residual), dual)
    }

    /// Returns the coefficients, the number of passes, and their operations.
    pub(super) fn finish(self) -> (Vec<f64>, usize, f64) {
        (self.x, self.count, self.flops)
    }
}
