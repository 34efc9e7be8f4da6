//! The iteration in tensor operations.

use burn::tensor::{Device, Int, Tensor};

use super::{BLOCK, MAX_STAGES};
use crate::answer::Column;
use crate::device::{Iteration, Points, Upload, copy, matrices};
use crate::error::SolverError;
use crate::kernels::{Shape, fista_block};
use crate::problem::Problem;
use crate::settings::Algorithm;
use crate::tensor::{max_abs, relative_gap, row_product, soft_threshold, sum_of_products};

/// A batch: the columns of all groups.
pub(crate) struct Batch {
    /// `[group, n, m]`.
    a: Tensor<3>,
    /// `[group, m, n]`.
    a_transposed: Tensor<3>,
    /// `[group, column, n]`.
    y: Tensor<3>,
    /// `1 / L`, `[group, 1, 1]`.
    step: Tensor<3>,
    /// `[group, column, 1]`.
    lambda: Tensor<3>,
    lambda_max: Tensor<3>,
    /// Stages of the continuation that are left. The weight is `2^stage · λ`, but at most `λ_max`.
    stage: i32,
    /// `[group, column, m]`.
    x: Tensor<3>,
    /// The point that the momentum leads to.
    v: Tensor<3>,
    /// `[group, column, 1]`.
    t: Tensor<3>,
    /// The kernel, if it runs the iterations.
    kernel: Option<Shape>,
}

impl Batch {
    /// Uploads the batch.
    ///
    /// # Errors
    /// An operator is not a matrix, or a buffer is too large for the device.
    pub(crate) fn start(
        problem: &Problem,
        columns: &[Vec<Column<'_>>],
        device: &Device,
    ) -> Result<Self, SolverError> {
        let (n, m) = (problem.rows(), problem.coefficients());
        let upload = Upload::new(columns, device);
        upload.check_buffers(n, m)?;
        let matrices = matrices(problem, Algorithm::Fista)?;
        let entries: Vec<f64> =
            matrices.into_iter().flat_map(|a| a.entries().into_owned()).collect();
        let [a, a_transposed] = upload.matrices(&entries, n, m);
        let y = upload.vectors(n, |_, _, column, y| copy(column.y, y));
        let lambda_max = max_abs(row_product(y.clone(), a.clone())).mul_scalar(2.0);
        let x = upload.vectors(m, |_, _, column, x| {
            if let Some(start) = &column.start {
                copy(&start.x, x);
            }
        });
        let is_warm = columns.iter().flatten().any(|column| column.start.is_some());
        let largest = problem.lambda_max().into_iter().zip(problem.lambdas());
        let ratio = largest.map(|(max, lambda)| max / lambda).fold(1.0, f64::max);
        let stage = if is_warm { 0 } else { (ratio.log2() as i32).clamp(0, MAX_STAGES) };
        Ok(Self {
            step: lipschitz_bound(&a).recip(),
            a_transposed,
            a,
            y,
            lambda: upload.numbers(|_, _, column| column.lambda),
            t: lambda_max.ones_like(),
            lambda_max,
            stage,
            v: x.clone(),
            kernel: Shape::suiting(device, [columns.len(), upload.width(), n, m], 2),
            x,
        })
    }

    #[cfg(test)]
    pub(crate) fn has_kernel(&self) -> bool {
        self.kernel.is_some()
    }

    #[cfg(test)]
    pub(crate) fn without_kernel(&mut self) {
        self.kernel = None;
    }

    /// Does the same as many calls of [`Self::iterate`], in few launches.
    fn launch(&mut self, shape: Shape, iterations: usize, threshold: Tensor<3>, open: Tensor<3>) {
        let m = self.x.dims()[2];
        let step = self.step.clone().expand(threshold.dims());
        let parameters = Tensor::cat(vec![step, threshold, open], 2);
        let state = vec![self.x.clone(), self.v.clone(), self.t.clone()];
        let mut state = Tensor::cat(state, 2);
        let mut left = iterations;
        while left > 0 {
            let now = shape.iterations(left);
            let (a, a_transposed) = (self.a.clone(), self.a_transposed.clone());
            let inputs = [a, a_transposed, self.y.clone(), parameters.clone(), state];
            state = fista_block(inputs, now);
            left -= now;
        }
        self.x = state.clone().narrow(2, 0, m);
        self.v = state.clone().narrow(2, m, m);
        self.t = state.narrow(2, 2 * m, 1);
    }

    fn iterate(&mut self, threshold: &Tensor<3>) {
        let residual = row_product(self.v.clone(), self.a_transposed.clone()) - self.y.clone();
        let gradient = row_product(residual, self.a.clone()).mul_scalar(2.0);
        let moved = self.v.clone() - gradient * self.step.clone();
        let next = soft_threshold(moved, threshold.clone());
        let change = next.clone() - self.x.clone();
        let against = sum_of_products(self.v.clone() - next.clone(), change.clone());
        let restarts = against.greater_elem(0.0);
        let t_next = ((self.t.clone().square() * 4.0 + 1.0).sqrt() + 1.0) * 0.5;
        let momentum = (self.t.clone() - 1.0) / t_next.clone();
        let momentum = momentum.mask_fill(restarts.clone(), 0.0);
        self.t = t_next.mask_fill(restarts, 1.0);
        self.v = next.clone() + change * momentum;
        self.x = next;
    }
}

impl Iteration for Batch {
    const BLOCK: usize = BLOCK;
    // This is for the objective, which is near its optimum long before the gap is small.
    const PROGRESS: f64 = 1e-6;
    const PATIENCE: f32 = 10.0;

    fn advance(&mut self, iterations: usize, open: Tensor<3>) {
        let weight = self.lambda.clone().mul_scalar(2_f64.powi(self.stage));
        let weight = weight.min_pair(self.lambda_max.clone()).max_pair(self.lambda.clone());
        let threshold = weight * self.step.clone();
        match self.kernel {
            Some(shape) => self.launch(shape, iterations, threshold, open),
            None => (0..iterations).for_each(|_| self.iterate(&threshold)),
        }
        self.stage = (self.stage - 1).max(0);
    }

    fn is_settled(&self) -> bool {
        self.stage == 0
    }

    fn points(&self) -> Points {
        let residual = self.y.clone() - row_product(self.x.clone(), self.a_transposed.clone());
        let largest = max_abs(row_product(residual.clone(), self.a.clone()));
        let square = sum_of_products(residual.clone(), residual.clone());
        let product = sum_of_products(residual.clone(), self.y.clone());
        let primal = square.clone() + self.x.clone().abs().sum_dim(2) * self.lambda.clone();
        let (gap, scale) = relative_gap(&primal, &self.lambda, &largest, product, square);
        Points { x: self.x.clone(), nu: residual * scale, gap, merit: primal }
    }

    fn keep(&mut self, indices: &Tensor<1, Int>) {
        for tensor in [
            &mut self.y,
            &mut self.lambda,
            &mut self.lambda_max,
            &mut self.x,
            &mut self.v,
            &mut self.t,
        ] {
            *tensor = tensor.clone().select(1, indices.clone());
        }
    }

    fn dual_points(&self, _: usize, nu: &[f64]) -> Vec<f64> {
        nu.to_vec()
    }

    fn setup_flops(&self) -> f64 {
        let [_, n, m] = self.a.dims();
        let (small, large) = (n.min(m) as f64, n.max(m) as f64);
        2.0 * small * small * (large + f64::from(SQUARINGS) * small)
    }
}

/// Squarings of a Gram matrix. The trace of the result bounds its norm.
const SQUARINGS: i32 = 6;

/// Returns an upper bound of `L = 2 ‖A‖²` for every group, `[group, 1, 1]`. It is at most `n^(1/64)` times too large.
///
/// It comes from the trace of the 64th power of the Gram matrix, which is squared six times and scaled to trace 1
/// each time.
fn lipschitz_bound(a: &Tensor<3>) -> Tensor<3> {
    let [_, n, m] = a.dims();
    let transposed = a.clone().swap_dims(1, 2);
    let mut power =
        if n <= m { a.clone().matmul(transposed) } else { transposed.matmul(a.clone()) };
    // The trace of a Gram matrix is the squared Frobenius norm of its factor.
    let trace_of_square = |factor: &Tensor<3>| {
        factor.clone().square().sum_dim(2).sum_dim(1).clamp_min(f32::MIN_POSITIVE)
    };
    let mut trace = trace_of_square(a);
    let mut bound = trace.clone();
    for squaring in 1..=SQUARINGS {
        power = power / trace;
        trace = trace_of_square(&power);
        bound = bound * trace.clone().powf_scalar(0.5_f32.powi(squaring));
        power = power.clone().matmul(power);
    }
    bound * 2.0
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::problem::read;

    #[test]
    fn the_lipschitz_bound_is_close_from_above() {
        // singular values 3 and 1: L = 18
        let values: Vec<f32> = vec![3.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let a = Tensor::<3>::from_data(TensorData::new(values, [1, 2, 3]), &Device::flex());
        let bound = read(lipschitz_bound(&a)).unwrap()[0];
        assert!((18.0 - 1e-4..18.0 * 1.02).contains(&bound), "{bound}");
    }
}
