//! `data-lasso`: the neurons that together reproduce what the next layer receives.
//!
//! With the activations `h` of a group and its outgoing weights `W`, neuron `j` contributes
//! `A_j = h_j W[j, :]` to the next layer, over all images and outputs. A LASSO weighs the contributions:
//!
//! ```text
//! min_β ‖Σ_j β_j A_j − Σ_j A_j‖² + λ‖β‖₁
//! ```
//!
//! and λ falls until as many neurons have weight as a clip keeps. Of A only the Gram matrix
//! `G = (hᵀh) ∘ (W Wᵀ)` is needed, which the device computes; any square root of G is a LASSO of `m` rows
//! with the same solution.
//!
//! # References
//! He, Zhang, Sun, *Channel pruning for accelerating very deep neural networks* (ICCV 2017), equation 2.

use std::sync::Arc;

use burn::tensor::Tensor;
use cs_solver::{Lambda, Matrix, Operator, Problem, Solutions, SolverError};
use faer::{Mat, Side};
use rayclip_run_folder::config::SolverConfig;
use rayclip_run_folder::kept_count;

use super::{Context, Criterion, GroupScores, GroupWeights, Scores, SolveInfo, solve};
use crate::device::read;
use crate::error::TrainerError;

/// The factor by which `λ/λ_max` falls in each step, and the maximum number of steps.
const STEP: f64 = 0.6;
const STEPS: i32 = 30;

/// Added to the diagonal of G, as a fraction of its mean: neurons that never fire leave it singular.
const RIDGE: f64 = 1e-6;

/// `|β_j| √G_jj`: the norm of the weighted contribution.
pub(super) struct DataLasso;

impl Criterion for DataLasso {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let grams = groups.iter().map(|weights| gram(weights, context));
        let grams = Tensor::cat(grams.collect::<Result<_, _>>()?, 0);
        let ([_, _, m], device) = (grams.dims(), grams.device());
        let grams = read(grams, "reading the Gram matrices")?;
        let roots = grams.chunks(m * m).map(|gram| Root::of(gram, m));
        let roots = roots.collect::<Result<Vec<Root>, _>>()?;
        let y: Vec<f64> = roots.iter().flat_map(|root| root.y.iter().copied()).collect();
        let operators = roots.iter().map(|root| Ok(Arc::new(root.matrix()?) as Arc<dyn Operator>));
        let operators = operators.collect::<Result<_, TrainerError>>()?;
        let problem = Problem::grouped(operators, &y, Lambda::Ratio(STEP))?.on(&device);
        let count = kept_count(m, context.config.compression.keep);
        let Selection { columns, seconds } = select(&problem, count, &context.config.solver)?;
        let scores = columns.into_iter().zip(&roots).map(|((x, solve), root)| {
            let values = x.iter().zip(&root.norms).map(|(x, norm)| x.abs() * norm).collect();
            GroupScores { values, solve: Some(solve), rays: None }
        });
        let scores: Vec<GroupScores> = scores.collect();
        let a_group = context.replicas.len();
        let groups = scores.chunks(a_group).map(<[_]>::to_vec).collect();
        Ok(Scores { groups, solve_seconds: Some(seconds) })
    }
}

/// Returns `(hᵀh) ∘ (W Wᵀ)`, `[replica, m, m]`.
///
/// # Errors
/// The group is read in several places, or several times by one reader: contributions to one output would mix.
fn gram(weights: &GroupWeights, context: &Context<'_>) -> Result<Tensor<3>, TrainerError> {
    let readings = &weights.group.readings;
    if readings.len() != 1 || readings[0].span.repeat != 1 {
        let group = weights.group.name.clone();
        return Err(TrainerError::NotRanked { method: "data-lasso", group });
    }
    let of_activations = context.calibration.mean(|batch| {
        let activations = weights.activations(context.network, batch.images).swap_remove(0);
        activations.clone().swap_dims(1, 2).matmul(activations)
    });
    let outgoing = weights.outgoing.clone();
    Ok(of_activations * outgoing.clone().matmul(outgoing.swap_dims(1, 2)))
}

/// A square root of a Gram matrix, as a LASSO.
struct Root {
    /// `Lᵀ` with `L Lᵀ = G`, column after column of L: `[m, m]` by rows.
    rows: Vec<f64>,
    /// The contribution of all neurons together, `Lᵀ 1`.
    y: Vec<f64>,
    /// `√G_jj`; NaN if an entry of G is not finite.
    norms: Vec<f64>,
}

impl Root {
    /// # Errors
    /// The Gram matrix is not positive definite, however large the ridge.
    fn of(gram: &[f64], m: usize) -> Result<Self, SolverError> {
        if gram.iter().any(|entry| !entry.is_finite()) {
            let rows = (0..m * m).map(|at| f64::from(u8::from(at / m == at % m))).collect();
            return Ok(Self { rows, y: vec![1.0; m], norms: vec![f64::NAN; m] });
        }
        let mean = (0..m).map(|j| gram[j * m + j]).sum::<f64>() / m as f64;
        let ridge = if mean > 0.0 { RIDGE * mean } else { 1.0 };
        let entry = |i: usize, j: usize| gram[i * m + j] + if i == j { ridge } else { 0.0 };
        let norms = (0..m).map(|j| entry(j, j).sqrt()).collect();
        // Rounding in f32 may leave G short of positive definite. Then the ridge grows.
        let ridges = (0..).map(|power| 10_f64.powi(power) * ridge).take_while(|r| r.is_finite());
        let mut factors = ridges.filter_map(|more| {
            let extra = more - ridge;
            let shifted = Mat::from_fn(m, m, |i, j| entry(i, j) + if i == j { extra } else { 0.0 });
            shifted.llt(Side::Lower).ok()
        });
        let factor = factors.next().ok_or_else(|| {
            SolverError::Factorisation("no ridge makes the Gram matrix positive definite".into())
        })?;
        let lower = factor.L();
        let rows: Vec<f64> = (0..m * m)
            .map(|at| if at / m <= at % m { lower[(at % m, at / m)] } else { 0.0 })
            .collect();
        let y = rows.chunks(m).map(|row| row.iter().sum()).collect();
        Ok(Self { rows, y, norms })
    }

    fn matrix(&self) -> Result<Matrix, TrainerError> {
        let m = self.y.len();
        Ok(Matrix::from_rows(m, m, self.rows.clone())?)
    }
}

/// The solutions of a path of λ.
struct Selection {
    /// For every column, the weights at the largest λ of the path that gives enough neurons a weight, and how the
    /// solver did on the path up to there.
    columns: Vec<(Vec<f64>, SolveInfo)>,
    /// Seconds spent in the solver.
    seconds: f64,
}

/// Lowers λ until `count` neurons of every column have weight.
///
/// # Errors
/// The problem is refused, or the device fails.
fn select(
    problem: &Problem,
    count: usize,
    solver: &SolverConfig,
) -> Result<Selection, TrainerError> {
    let settings = solve::settings(solver);
    let columns = problem.lambdas().len();
    let mut chosen: Vec<Option<Vec<f64>>> = vec![None; columns];
    let mut solves: Vec<Option<SolveInfo>> = vec![None; columns];
    let mut last: Option<Solutions> = None;
    let mut seconds = 0.0;
    for step in 1..=STEPS {
        let problem = problem.with_lambda(Lambda::Ratio(STEP.powi(step)))?;
        let solutions = match &last {
            Some(last) => problem.solve_from(&settings, last)?,
            None => problem.solve(&settings)?,
        };
        seconds += solutions.seconds();
        for (index, column) in solutions.columns().iter().enumerate() {
            if chosen[index].is_some() {
                continue;
            }
            let solve = SolveInfo::of(solutions.algorithm(), std::slice::from_ref(column));
            solves[index] = Some(solve.worse_of(solves[index].take()));
            if column.support_size() >= count || step == STEPS {
                chosen[index] = Some(column.x().to_vec());
            }
        }
        last = Some(solutions);
        if chosen.iter().all(Option::is_some) {
            break;
        }
    }
    let columns = chosen.into_iter().flatten().zip(solves.into_iter().flatten()).collect();
    Ok(Selection { columns, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ridge_grows_until_the_matrix_is_definite_or_there_is_none() {
        let root = Root::of(&[1.0, 1.5, 1.5, 1.0], 2).unwrap();
        assert!(root.rows.iter().all(|entry| entry.is_finite()));
        // The product of the off-diagonal entries overflows.
        let refused = Root::of(&[1.0, f64::MAX, f64::MAX, 1.0], 2).map(|root| root.rows);
        assert!(matches!(refused, Err(SolverError::Factorisation(_))), "{refused:?}");
    }
}
