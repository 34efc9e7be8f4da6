//! The loop around an iteration: blocks, judging, keeping the best, stopping.

use burn::tensor::{Int, Tensor, TensorData};

use crate::answer::{Answer, Column};
use crate::problem::read;
use crate::{Settings, SolverError, Status};

/// Where a batch stands.
pub(crate) struct Points {
    /// `[group, column, m]`, exactly zero off the support.
    pub(crate) x: Tensor<3>,
    /// `[group, column, n]`, of the problem that the iteration works on.
    pub(crate) nu: Tensor<3>,
    /// Relative gap as f32 sees it, `[group, column, 1]`.
    pub(crate) gap: Tensor<3>,
    /// What the best point has least of, `[group, column, 1]`.
    pub(crate) merit: Tensor<3>,
}

/// An iteration over a batch.
pub(crate) trait Iteration {
    /// Iterations between two looks.
    const BLOCK: usize;
    /// Progress is a fall of the merit by this fraction.
    const PROGRESS: f64;
    /// Blocks without progress after which a column has stalled.
    const PATIENCE: f32;

    /// Goes on for `iterations`; columns whose `open`, `[group, column, 1]`, is 0 may stand still (those
    /// of a kernel do, in tensor operations they move along).
    fn advance(&mut self, iterations: usize, open: Tensor<3>);

    /// Whether the merit is meant for the problem itself already (no continuation is under way).
    fn is_settled(&self) -> bool;

    /// Judges the present point.
    fn points(&self) -> Points;

    /// Goes on with the columns at `places` alone; only where there is one group.
    fn keep(&mut self, places: &Tensor<1, Int>);

    /// Dual points of the caller's problem, `[column, n]`, from those of group `group`.
    fn dual_points(&self, group: usize, nu: &[f64]) -> Vec<f64>;

    /// Floating-point operations of what is done once for a group.
    fn setup_flops(&self) -> f64;
}

/// The best points so far.
struct Best {
    points: Points,
    /// Blocks since the last progress, `[group, column, 1]`.
    stale: Tensor<3>,
    /// Iterations at the best point, `[group, column, 1]`.
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
    /// Nothing yet, in the shapes of `points`.
    fn start(points: &Points, stall: Stall) -> Self {
        let stale = points.gap.zeros_like();
        // The largest number, not infinity: GPU compilers may assume that there is none.
        let nothing = stale.clone().add_scalar(f32::MAX);
        let (x, nu) = (points.x.zeros_like(), points.nu.zeros_like());
        let points = Points { x, nu, gap: nothing.clone(), merit: nothing };
        Self { points, reached: stale.clone(), stale, stall }
    }

    fn offer(&mut self, offered: Points, iterations: usize, settled: bool) {
        let (best, stall) = (&mut self.points, self.stall);
        // Comparisons with NaN are false: such a point is not taken. Where a compiler thinks otherwise,
        // the certificate does not.
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

    fn keep(&mut self, places: &Tensor<1, Int>) {
        let best = &mut self.points;
        for tensor in [
            &mut best.x,
            &mut best.nu,
            &mut best.gap,
            &mut best.merit,
            &mut self.stale,
            &mut self.reached,
        ] {
            *tensor = tensor.clone().select(1, places.clone());
        }
    }

    /// Columns that are not converged and still make progress, as 0 and 1.
    fn alive(&self, tolerance: f64) -> Tensor<3> {
        let open = self.points.gap.clone().greater_elem(tolerance);
        open.bool_and(self.stale.clone().lower_elem(self.stall.patience)).float()
    }

    /// Their count: the one number that is read after every block.
    fn count(&self, tolerance: f64) -> Result<usize, SolverError> {
        Ok(read(self.alive(tolerance).sum())?[0] as usize)
    }
}

/// What came back from the device, by column.
struct Returned {
    /// `[group · width]`; nothing for a column that is on the device.
    answers: Vec<Option<Answer>>,
    /// Columns of the largest group.
    width: usize,
    /// Which columns the device still works on, `[group · width]` at first.
    places: Vec<usize>,
}

impl Returned {
    /// Reads the columns that `wanted` names among those on the device.
    fn take<I: Iteration>(
        &mut self,
        iteration: &I,
        best: &Best,
        wanted: &[bool],
        (iterations, tolerance): (usize, f64),
    ) -> Result<(), SolverError> {
        let (m, n) = (best.points.x.dims()[2], best.points.nu.dims()[2]);
        let (x, nu) = (read(best.points.x.clone())?, read(best.points.nu.clone())?);
        let gaps = read(best.points.gap.clone())?;
        let (stale, reached) = (read(best.stale.clone())?, read(best.reached.clone())?);
        for (at, &place) in self.places.iter().enumerate().filter(|(at, _)| wanted[*at]) {
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
            self.answers[place] = Some(Answer {
                x: x[at * m..(at + 1) * m].to_vec(),
                nu: iteration.dual_points(place / self.width, &nu[at * n..(at + 1) * n]),
                iterations: if converged { reached[at] as usize } else { iterations },
                // Two products an iteration, three for a look.
                flops: (2 * iterations + 3 * (iterations / I::BLOCK + 1)) as f64
                    * 2.0
                    * (n * m) as f64,
                status,
            });
        }
        Ok(())
    }

    /// Sends the columns home that are done, and goes on with those that are alive alone.
    fn compact(
        &mut self,
        iteration: &mut impl Iteration,
        best: &mut Best,
        (iterations, tolerance): (usize, f64),
    ) -> Result<(), SolverError> {
        let alive: Vec<bool> =
            read(best.alive(tolerance))?.into_iter().map(|alive| alive != 0.0).collect();
        let done: Vec<bool> = alive.iter().map(|alive| !alive).collect();
        self.take(iteration, best, &done, (iterations, tolerance))?;
        let kept: Vec<i32> = (0..alive.len()).filter(|at| alive[*at]).map(|at| at as i32).collect();
        self.places = kept.iter().map(|at| self.places[*at as usize]).collect();
        let device = best.stale.device();
        let kept = Tensor::from_data(TensorData::new(kept, [self.places.len()]), &device);
        iteration.keep(&kept);
        best.keep(&kept);
        Ok(())
    }
}

/// Runs an iteration until every column has converged or stalled.
///
/// # Errors
/// The device fails, or a column did not come back.
pub(crate) fn drive<I: Iteration>(
    mut iteration: I,
    columns: &[Vec<Column<'_>>],
    settings: &Settings,
) -> Result<Vec<Vec<Answer>>, SolverError> {
    // The device's own gap is a little off; the certificate decides.
    let tolerance = 0.5 * settings.tolerance;
    let first = iteration.points();
    let mut best = Best::start(&first, Stall { progress: I::PROGRESS, patience: I::PATIENCE });
    let mut iterations = 0;
    best.offer(first, iterations, false);
    let [groups, width, _] = best.points.x.dims();
    let count = groups * width;
    let mut returned = Returned { answers: vec![None; count], width, places: (0..count).collect() };
    while iterations < settings.max_iterations {
        let alive = best.count(tolerance)?;
        if alive == 0 {
            break;
        }
        if groups == 1 && 2 * alive < returned.places.len() {
            returned.compact(&mut iteration, &mut best, (iterations, tolerance))?;
        }
        let block = I::BLOCK.min(settings.max_iterations - iterations);
        iteration.advance(block, best.alive(tolerance));
        iterations += block;
        best.offer(iteration.points(), iterations, iteration.is_settled());
    }
    let all = vec![true; returned.places.len()];
    returned.take(&iteration, &best, &all, (iterations, tolerance))?;
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
