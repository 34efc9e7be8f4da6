//! FISTA in tensor operations: the whole batch at once, on any Burn device, nothing read back but a
//! few numbers every block of iterations.
//!
//! ```text
//! x⁺ = soft(v − ∇f(v)/L, λ_t/L)      ∇f(v) = 2 Aᵀ(A v − y)
//! t⁺ = (1 + √(1 + 4t²)) / 2          v⁺ = x⁺ + (t − 1)/t⁺ · (x⁺ − x)
//! ```
//!
//! Each column restarts its momentum by itself (`t = 1` when the step turns against the momentum),
//! and its weight `λ_t` falls geometrically from its own `λ_max` to λ, each stage starting from the
//! last.
//!
//! In f32 the gap that the device can compute floors at 1e-4…2e-3 for problems with small
//! `λ/λ_max`, though the coefficients are better than that; such a column ends as [`Status::Stalled`].
//!
//! # References
//! Beck, Teboulle, *A fast iterative shrinkage-thresholding algorithm for linear inverse problems*
//! (SIAM J. Imaging Sciences 2, 2009), eq. 4.1–4.3; O'Donoghue, Candès, *Adaptive restart for
//! accelerated gradient schemes* (Found. Comput. Math. 15, 2015), §3.2; Hale, Yin, Zhang,
//! *Fixed-point continuation* (SIAM J. Optimization 19, 2008).

use burn::tensor::Tensor;

use crate::{SolverError, Status};

/// Knobs of the iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FistaSettings {
    /// Relative duality gap at which a batch has converged; default 1e-4, range (0, 1).
    pub tolerance: f64,
    /// Iterations at most; default 20 000.
    pub max_iterations: usize,
    /// Iterations between two looks at the gap, and of one stage of the continuation; default 100.
    pub block: usize,
    /// Blocks without progress after which a batch has stalled; default 10.
    pub patience: usize,
}

impl Default for FistaSettings {
    fn default() -> Self {
        Self { tolerance: 1e-4, max_iterations: 20_000, block: 100, patience: 10 }
    }
}

/// The solutions of a batch.
#[derive(Debug, Clone)]
pub struct FistaSolution {
    /// `[group, m, column]`, exactly zero off the support, on the device of the problem.
    pub x: Tensor<3>,
    /// Iterations that every column took.
    pub iterations: usize,
    /// How the column that is worst off ended.
    pub status: Status,
    /// Largest relative gap as the device computes it (f32: advisory).
    pub device_gap: f64,
}

/// Solves `min ‖A_g x − y_gb‖² + λ ‖x‖₁` for every group `g` and column `b`.
///
/// # Shapes
/// `a`: `[group, n, m]`, `y`: `[group, n, column]`.
///
/// # Errors
/// `lambda` is not positive, the extents disagree, or the device fails.
pub fn solve(
    a: &Tensor<3>,
    y: &Tensor<3>,
    lambda: f64,
    settings: &FistaSettings,
) -> Result<FistaSolution, SolverError> {
    SolverError::check_lambda(lambda)?;
    let ([groups, n, m], [groups_of_y, n_of_y, columns]) = (a.dims(), y.dims());
    SolverError::check_extent("groups of y", groups, groups_of_y)?;
    SolverError::check_extent("rows of y", n, n_of_y)?;
    if groups * n * m * columns == 0 {
        let x = Tensor::zeros([groups, m, columns], &a.device());
        let status = Status::Converged;
        return Ok(FistaSolution { x, iterations: 0, status, device_gap: 0.0 });
    }
    let mut state = State::start(a, y);
    let mut stages = continuation_stages(state.lambda_max()?, lambda, settings);
    let mut best = f64::INFINITY;
    let mut blocks_without_progress = 0;
    let mut iterations = 0;
    let (status, device_gap) = loop {
        let stage = stages.next();
        state.set_lambda(stage.map_or(lambda, |factor| factor * lambda), lambda);
        let block = settings.block.max(1).min(settings.max_iterations - iterations);
        for _ in 0..block {
            state.iterate();
        }
        iterations += block;
        let [gap, objective] = state.measure(lambda)?;
        if !(gap.is_finite() && objective.is_finite()) {
            break (Status::NonFinite, gap);
        }
        if gap <= settings.tolerance {
            break (Status::Converged, gap);
        }
        if iterations == settings.max_iterations {
            break (Status::MaxIterations, gap);
        }
        if objective < best * (1.0 - 1e-6) || stage.is_some() {
            best = best.min(objective);
            blocks_without_progress = 0;
        } else {
            blocks_without_progress += 1;
        }
        if blocks_without_progress >= settings.patience {
            break (Status::Stalled, gap);
        }
    };
    Ok(FistaSolution { x: state.x, iterations, status, device_gap })
}

/// Weights of the continuation as multiples of λ, falling by half, the last above 1.
///
/// At most half of all iterations are spent above λ.
fn continuation_stages(
    lambda_max: f64,
    lambda: f64,
    settings: &FistaSettings,
) -> impl Iterator<Item = f64> {
    let most = settings.max_iterations / (2 * settings.block.max(1));
    let halvings = (lambda_max / lambda).log2().floor().max(0.0) as usize;
    (1..=halvings.min(most)).rev().map(|power| 2_f64.powi(power as i32))
}

struct State {
    a: Tensor<3>,
    a_transposed: Tensor<3>,
    y: Tensor<3>,
    /// `1 / L`, `[group, 1, 1]`.
    step: Tensor<3>,
    /// `λ_max` of every column, `[group, 1, column]`.
    column_lambda_max: Tensor<3>,
    /// `λ_t / L`, `[group, 1, column]`.
    threshold: Tensor<3>,
    x: Tensor<3>,
    /// The point that the momentum leads to.
    v: Tensor<3>,
    /// `[group, 1, column]`.
    t: Tensor<3>,
}

impl State {
    fn start(a: &Tensor<3>, y: &Tensor<3>) -> Self {
        let ([groups, _, m], [_, _, columns]) = (a.dims(), y.dims());
        let a_transposed = a.clone().swap_dims(1, 2);
        let x = Tensor::zeros([groups, m, columns], &a.device());
        let correlations = a_transposed.clone().matmul(y.clone()).abs();
        let column_lambda_max = correlations.max_dim(1) * 2.0;
        let step = lipschitz_bound(a).recip();
        Self {
            a: a.clone(),
            a_transposed,
            y: y.clone(),
            threshold: column_lambda_max.clone() * step.clone(),
            t: column_lambda_max.ones_like(),
            step,
            column_lambda_max,
            v: x.clone(),
            x,
        }
    }

    /// Largest `λ_max` of the batch.
    fn lambda_max(&self) -> Result<f64, SolverError> {
        let [value] = read(self.column_lambda_max.clone().max())?;
        Ok(value)
    }

    /// Sets the weight to `lambda_t`, or to a column's own `λ_max` (at least λ) where that is less.
    fn set_lambda(&mut self, lambda_t: f64, lambda: f64) {
        let weight = self.column_lambda_max.clone().clamp(lambda, lambda_t);
        self.threshold = weight * self.step.clone();
    }

    fn iterate(&mut self) {
        let residual = self.a.clone().matmul(self.v.clone()) - self.y.clone();
        let gradient = self.a_transposed.clone().matmul(residual) * 2.0;
        let moved = self.v.clone() - gradient * self.step.clone();
        let next = soft_threshold(moved, self.threshold.clone());
        let change = next.clone() - self.x.clone();
        let against = ((self.v.clone() - next.clone()) * change.clone()).sum_dim(1);
        let restarts = against.greater_scalar(0.0);
        let t_next = ((self.t.clone().square() * 4.0 + 1.0).sqrt() + 1.0) * 0.5;
        let momentum = (self.t.clone() - 1.0) / t_next.clone();
        let momentum = momentum.mask_fill(restarts.clone(), 0.0);
        self.t = t_next.mask_fill(restarts, 1.0);
        self.v = next.clone() + change * momentum;
        self.x = next;
    }

    /// Largest relative gap and the sum of all objectives, for the weight `lambda`.
    fn measure(&self, lambda: f64) -> Result<[f64; 2], SolverError> {
        let residual = self.y.clone() - self.a.clone().matmul(self.x.clone());
        let correlations = self.a_transposed.clone().matmul(residual.clone()).abs().max_dim(1);
        let square = residual.clone().square().sum_dim(1);
        let product = (residual * self.y.clone()).sum_dim(1);
        let primal = square.clone() + self.x.clone().abs().sum_dim(1) * lambda;
        let tiny = f32::MIN_POSITIVE;
        let bound = correlations.clamp_min(tiny).recip() * lambda;
        let scale = (product.clone() * 2.0 / square.clone().clamp_min(tiny)).min_pair(bound);
        let scale = scale.clamp_min(0.0);
        let dual = scale.clone() * product - scale.square() * square * 0.25;
        let gap = (primal.clone() - dual) / primal.clone().clamp_min(tiny);
        read(Tensor::cat(vec![gap.max(), primal.sum()], 0))
    }
}

/// `sign(v) · max(|v| − threshold, 0)`.
fn soft_threshold(v: Tensor<3>, threshold: Tensor<3>) -> Tensor<3> {
    (v.clone().abs() - threshold).clamp_min(0.0) * v.sign()
}

/// An upper bound of `L = 2 ‖A‖²` for every group, `[group, 1, 1]`, within `n^(1/64)` of it.
///
/// The trace of the 64th power of the Gram matrix, by squaring six times, scaled to 1 each time.
fn lipschitz_bound(a: &Tensor<3>) -> Tensor<3> {
    const SQUARINGS: i32 = 6;
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

fn read<const N: usize>(values: Tensor<1>) -> Result<[f64; N], SolverError> {
    let values: Vec<f32> =
        values.try_into_vec_as().map_err(|error| SolverError::Device(error.to_string()))?;
    Ok(std::array::from_fn(|index| f64::from(values[index])))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::certificate::certify;
    use crate::{Matrix, gaussian, homotopy};

    fn tensor(values: &[f64], extents: [usize; 3], device: &Device) -> Tensor<3> {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Tensor::from_data(TensorData::new(values, extents), device)
    }

    #[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
    #[test]
    fn agrees_with_the_homotopy_on_both_cpu_backends() {
        let (groups, n, m, columns, lambda) = (2, 16, 40, 3, 0.5);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let a = gaussian::standard_normal(groups * n * m, &mut rng);
        let y = gaussian::standard_normal(groups * n * columns, &mut rng);
        for device in [Device::flex(), Device::ndarray()] {
            let a_tensor = tensor(&a, [groups, n, m], &device);
            let y_tensor = tensor(&y, [groups, n, columns], &device);
            let solution = solve(&a_tensor, &y_tensor, lambda, &FistaSettings::default()).unwrap();
            assert_eq!(solution.status, Status::Converged, "{solution:?}");
            let x: Vec<f32> = solution.x.into_data().try_to_vec().unwrap();
            for group in 0..groups {
                let rows = &a[group * n * m..(group + 1) * n * m];
                let matrix = Matrix::from_rows(n, m, rows).unwrap();
                for column in 0..columns {
                    let y: Vec<f64> =
                        (0..n).map(|row| y[(group * n + row) * columns + column]).collect();
                    let x: Vec<f64> = (0..m)
                        .map(|row| f64::from(x[(group * m + row) * columns + column]))
                        .collect();
                    let exact = homotopy::solve(&matrix, &y, lambda).unwrap().x;
                    let optimum = certify(&matrix, &y, lambda, &exact).primal;
                    let reached = certify(&matrix, &y, lambda, &x).primal;
                    assert!((reached - optimum) / optimum < 1e-4, "{reached} {optimum}");
                }
            }
        }
    }

    #[test]
    fn the_lipschitz_bound_is_close_from_above() {
        // singular values 3 and 1: L = 18
        let device = Device::flex();
        let a = tensor(&[3.0, 0.0, 0.0, 0.0, 1.0, 0.0], [1, 2, 3], &device);
        let [bound] = read(lipschitz_bound(&a).reshape([1])).unwrap();
        assert!((18.0 - 1e-4..18.0 * 1.02).contains(&bound), "{bound}");
    }

    #[test]
    fn an_empty_batch_is_an_empty_answer_and_bad_extents_are_errors() {
        let device = Device::flex();
        let a = tensor(&[1.0; 6], [1, 2, 3], &device);
        let settings = FistaSettings::default();
        let wrong = tensor(&[1.0; 3], [1, 3, 1], &device);
        assert!(matches!(solve(&a, &wrong, 0.1, &settings), Err(SolverError::Extent { .. })));
        let empty = solve(&a, &tensor(&[], [1, 2, 0], &device), 0.1, &settings).unwrap();
        assert_eq!((empty.x.dims(), empty.status), ([1, 3, 0], Status::Converged));
        let y = tensor(&[1.0; 2], [1, 2, 1], &device);
        assert!(matches!(solve(&a, &y, -0.1, &settings), Err(SolverError::Lambda(_))));
    }
}
