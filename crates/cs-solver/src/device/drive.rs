//! The loop around an iteration: runs blocks, evaluates the points, keeps the best, stops.

use burn::tensor::{Int, Tensor, TensorData};

use crate::answer::{Answer, Column};
use crate::error::SolverError;
use crate::interrupter::Interrupter;
use crate::problem::read;
use crate::settings::Settings;
use crate::status::Status;

/// The current points of a batch.
pub(crate) struct Points {
    /// `[group, column, m]`, exactly zero off the support.
    pub(crate) x: Tensor<3>,
    /// `[group, column, n]`, of the problem that the iteration works on.
    pub(crate) nu: Tensor<3>,
    /// The relative gap in f32, `[group, column, 1]`.
    pub(crate) gap: Tensor<3>,
    /// The merit, `[group, column, 1]`: the best point has the smallest.
    pub(crate) merit: Tensor<3>,
}

/// An iteration over a batch.
pub(crate) trait Iteration {
    /// Iterations between two evaluations.
    const BLOCK: usize;
    /// A fall of the merit by this fraction counts as progress.
    const PROGRESS: f64;
    /// After this many blocks without progress, a column has stalled.
    const PATIENCE: f32;

    /// Runs `iterations`. Columns with 0 in `open`, `[group, column, 1]`, need not change: kernels leave them as they
    /// are, tensor operations change them too.
    fn advance(&mut self, iterations: usize, open: Tensor<3>);

    /// Whether the merit is that of the problem itself, and not of a stage of the continuation.
    fn is_settled(&self) -> bool;

    /// Evaluates the current point.
    fn points(&self) -> Points;

    /// Keeps only the columns at `indices`. Used only with one group.
    fn keep(&mut self, indices: &Tensor<1, Int>);

    /// Returns the dual points of the caller's problem, `[column, n]`, from those of the group `group`.
    fn dual_points(&self, group: usize, nu: &[f64]) -> Vec<f64>;

    /// Returns the floating-point operations of the work that is done once per group.
    fn setup_flops(&self) -> f64;
}

/// The best points so far.
struct Best {
    points: Points,
    /// Blocks since the last progress, `[group, column, 1]`.
    stale: Tensor<3>,
    /// Iterations up to the best point, `[group, column, 1]`.
    reached: Tensor<3>,
    stall: Stall,
}

/// When a column has stalled.
#[derive(Clone, Copy)]
struct Stall {
    progress: f64,
    patience: f32,
}

impl Best {
    /// Starts without a point, in the shapes of `points`.
    fn start(points: &Points, stall: Stall) -> Self {
        let stale = points.gap.zeros_like();
        // This is the largest number and not infinity: GPU compilers may assume that infinity does not occur.
        let nothing = stale.clone().add_scalar(f32::MAX);
        let (x, nu) = (points.x.zeros_like(), points.nu.zeros_like());
        let points = Points { x, nu, gap: nothing.clone(), merit: nothing };
        Self { points, reached: stale.clone(), stale, stall }
    }

    fn offer(&mut self, offered: Points, iterations: usize, settled: bool) {
        let (best, stall) = (&mut self.points, self.stall);
        // Comparisons with NaN are false, so such a point is not taken. If a compiler breaks this, the certificate
        // still finds the NaN.
        let better = offered.merit.clone().lower(best.merit.clone());
        let least = best.merit.clone().mul_scalar(1.0 - stall.progress);
        let progress = offered.merit.clone().lower(least);
        let wide = |extent: usize| {
            let [groups, columns, _] = better.dims();
            better.clone().expand([groups, columns, extent])
        };
        let extents = (offered.x.dims()[2], offered.nu.dims()[2]);
        best.x = best.x.clone().mask_where(wide(extents.0), offered.x);
        best.nu = best.nu.clone().mask_where(wide(extents.1), offered.nu);
        best.gap = best.gap.clone().mask_where(better.clone(), offered.gap);
        best.merit = best.merit.clone().mask_where(better.clone(), offered.merit);
        self.reached = self.reached.clone().mask_fill(better, iterations as f32);
        self.stale = self.stale.clone().add_scalar(1.0).mask_fill(progress, 0.0);
        if !settled {
            self.stale = self.stale.zeros_like();
        }
    }

    fn keep(&mut self, indices: &Tensor<1, Int>) {
        let best = &mut self.points;
        for tensor in [
            &mut best.x,
            &mut best.nu,
            &mut best.gap,
            &mut best.merit,
            &mut self.stale,
            &mut self.reached,
        ] {
            *tensor = tensor.clone().select(1, indices.clone());
        }
    }

    /// Marks with 1 the columns that have not converged and still make progress, the others with 0.
    fn alive(&self, tolerance: f64) -> Tensor<3> {
        let open = self.points.gap.clone().greater_elem(tolerance);
        open.bool_and(self.stale.clone().lower_elem(self.stall.patience)).float()
    }

    /// Returns the number of these columns. It is the only number that is read after every block.
    fn count(&self, tolerance: f64) -> Result<usize, SolverError> {
        Ok(read(self.alive(tolerance).sum())?[0] as usize)
    }
}

/// The results that were read from the device, by column.
struct Returned {
    /// `[group · width]`; `None` for a column that is still on the device.
    answers: Vec<Option<Answer>>,
    /// The number of columns of the largest group.
    width: usize,
    /// The columns that are still on the device, `[group · width]` at first.
    on_device: Vec<usize>,
}

impl Returned {
    /// Reads the columns in `wanted` from the device.
    fn take<I: Iteration>(
        &mut self,
        iteration: &I,
        best: &Best,
        wanted: &[bool],
        iterations: usize,
        tolerance: f64,
    ) -> Result<(), SolverError> {
        let (m, n) = (best.points.x.dims()[2], best.points.nu.dims()[2]);
        let (x, nu) = (read(best.points.x.clone())?, read(best.points.nu.clone())?);
        let gaps = read(best.points.gap.clone())?;
        let (stale, reached) = (read(best.stale.clone())?, read(best.reached.clone())?);
        for (at, &column) in self.on_device.iter().enumerate().filter(|(at, _)| wanted[*at]) {
            let status = if gaps[at].is_nan() || gaps[at] >= f64::from(f32::MAX) {
                Status::NonFinite
            } else if gaps[at] <= tolerance {
                Status::Converged
            } else if stale[at] >= f64::from(best.stall.patience) {
                Status::Stalled
            } else {
                Status::MaxIterations
            };
            let converged = status == Status::Converged;
            self.answers[column] = Some(Answer {
                x: x[at * m..(at + 1) * m].to_vec(),
                nu: iteration.dual_points(column / self.width, &nu[at * n..(at + 1) * n]),
                iterations: if converged { reached[at] as usize } else { iterations },
                // Two products per iteration, three per evaluation.
                flops: (2 * iterations + 3 * (iterations / I::BLOCK + 1)) as f64
                    * 2.0
                    * (n * m) as f64,
                status,
            });
        }
        Ok(())
    }

    /// Reads the finished columns from the device, and continues only with the others.
    fn compact(
        &mut self,
        iteration: &mut impl Iteration,
        best: &mut Best,
        iterations: usize,
        tolerance: f64,
    ) -> Result<(), SolverError> {
        let alive: Vec<bool> =
            read(best.alive(tolerance))?.into_iter().map(|alive| alive != 0.0).collect();
        let done: Vec<bool> = alive.iter().map(|alive| !alive).collect();
        self.take(iteration, best, &done, iterations, tolerance)?;
        let kept: Vec<i32> = (0..alive.len()).filter(|at| alive[*at]).map(|at| at as i32).collect();
        self.on_device = kept.iter().map(|at| self.on_device[*at as usize]).collect();
        let device = best.stale.device();
        let kept = Tensor::from_data(TensorData::new(kept, [self.on_device.len()]), &device);
        iteration.keep(&kept);
        best.keep(&kept);
        Ok(())
    }
}

/// Runs an iteration until every column has converged or stalled.
///
/// # Errors
/// The device fails, a column has no answer, or the solve was interrupted.
pub(crate) fn drive<I: Iteration>(
    mut iteration: I,
    columns: &[Vec<Column<'_>>],
    settings: &Settings,
) -> Result<Vec<Vec<Answer>>, SolverError> {
    // The gap in f32 is not exact; the certificate decides.
    let tolerance = 0.5 * settings.tolerance;
    let first = iteration.points();
    let mut best = Best::start(&first, Stall { progress: I::PROGRESS, patience: I::PATIENCE });
    let mut iterations = 0;
    best.offer(first, iterations, false);
    let [groups, width, _] = best.points.x.dims();
    let count = groups * width;
    let mut returned =
        Returned { answers: vec![None; count], width, on_device: (0..count).collect() };
    let interrupter = columns.iter().flatten().next().map(|column| column.interrupter);
    while iterations < settings.max_iterations {
        if interrupter.is_some_and(Interrupter::is_interrupted) {
            return Err(SolverError::Interrupted);
        }
        let alive = best.count(tolerance)?;
        if alive == 0 {
            break;
        }
        if groups == 1 && 2 * alive < returned.on_device.len() {
            returned.compact(&mut iteration, &mut best, iterations, tolerance)?;
        }
        let block = I::BLOCK.min(settings.max_iterations - iterations);
        iteration.advance(block, best.alive(tolerance));
        iterations += block;
        best.offer(iteration.points(), iterations, iteration.is_settled());
    }
    let all = vec![true; returned.on_device.len()];
    returned.take(&iteration, &best, &all, iterations, tolerance)?;
    let setup = iteration.setup_flops();
    let mut answers = returned.answers.into_iter().enumerate();
    columns
        .iter()
        .map(|columns| {
            let share = setup / columns.len().max(1) as f64;
            let answered = |(column, answer): (usize, Option<Answer>)| {
                let answer = answer.ok_or(SolverError::Unanswered { column })?;
                Ok(Answer { flops: answer.flops + share, ..answer })
            };
            let group: Vec<_> = answers.by_ref().take(width).collect();
            group.into_iter().take(columns.len()).map(answered).collect()
        })
        .collect()
}
