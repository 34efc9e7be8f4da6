//! `data-lasso`: the neurons that together reproduce what the next layer receives.
//!
//! With the activations `h` of a layer and its outgoing weights `W`, neuron `j` contributes
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
use std::time::Instant;

use burn::tensor::Tensor;
use cs_solver::{Lambda, Matrix, Operator, Problem, Solutions, SolverError};
use faer::{Mat, Side};

use super::{Context, Criterion, LayerWeights, Scores, SolveInfo};
use crate::TrainerError;
use crate::config::SolverConfig;
use crate::device::read;
use crate::ladder::kept_count;

/// `λ/λ_max` falls by this factor, at most so many times.
const STEP: f64 = 0.6;
const STEPS: i32 = 30;

/// Added to the diagonal of G, as a fraction of its mean: neurons that never fire leave it singular.
const RIDGE: f64 = 1e-6;

/// `|β_j| √G_jj`: the norm of the weighted contribution.
pub(super) struct DataLasso;

impl Criterion for DataLasso {
    fn score(
        &self,
        layers: &[LayerWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let grams = Tensor::cat(layers.iter().map(|layer| gram(layer, context)).collect(), 0);
        let ([_, _, m], device) = (grams.dims(), grams.device());
        let grams = read(grams, "reading the Gram matrices")?;
        let roots = grams.chunks(m * m).map(|gram| Root::of(gram, m));
        let roots = roots.collect::<Result<Vec<Root>, _>>()?;
        let y: Vec<f64> = roots.iter().flat_map(|root| root.y.iter().copied()).collect();
        let operators = roots.iter().map(|root| Ok(Arc::new(root.matrix()?) as Arc<dyn Operator>));
        let operators = operators.collect::<Result<_, TrainerError>>()?;
        let problem = Problem::grouped(operators, &y, Lambda::Ratio(STEP))?.on(&device);
        let count = kept_count(m, context.config.compression.keep);
        let began = Instant::now();
        let (weights, solves) = select(&problem, count, &context.config.solver)?;
        let solve_seconds = Some(began.elapsed().as_secs_f64());
        let scores: Vec<Vec<f64>> = weights
            .iter()
            .zip(&roots)
            .map(|(x, root)| x.iter().zip(&root.norms).map(|(x, norm)| x.abs() * norm).collect())
            .collect();
        let a_layer = context.replicas.len();
        Ok(Scores {
            layers: scores.chunks(a_layer).map(<[_]>::to_vec).collect(),
            solves: solves.chunks(a_layer).map(<[_]>::to_vec).collect(),
            solve_seconds,
        })
    }
}

/// `(hᵀh) ∘ (W Wᵀ)`, `[replica, m, m]`.
fn gram(layer: &LayerWeights, context: &Context<'_>) -> Tensor<3> {
    let calibration = context.calibration;
    let of_activations = calibration.mean(|batch| {
        let activations = calibration.network.activations(layer.layer, batch.images);
        activations.clone().swap_dims(1, 2).matmul(activations)
    });
    let outgoing = layer.outgoing.clone();
    of_activations * outgoing.clone().matmul(outgoing.swap_dims(1, 2))
}

/// A square root of a Gram matrix, as a LASSO.
struct Root {
    /// `Lᵀ` with `L Lᵀ = G`, column after column of L: `[m, m]` by rows.
    rows: Vec<f64>,
    /// What all neurons together contribute, `Lᵀ 1`.
    y: Vec<f64>,
    /// `√G_jj`; not a number where an entry of G is none.
    norms: Vec<f64>,
}

impl Root {
    /// # Errors
    /// The Gram matrix is not definite, whatever is added to its diagonal.
    fn of(gram: &[f64], m: usize) -> Result<Self, SolverError> {
        if gram.iter().any(|entry| !entry.is_finite()) {
            let rows = (0..m * m).map(|at| f64::from(u8::from(at / m == at % m))).collect();
            return Ok(Self { rows, y: vec![1.0; m], norms: vec![f64::NAN; m] });
        }
        let mean = (0..m).map(|j| gram[j * m + j]).sum::<f64>() / m as f64;
        let ridge = if mean > 0.0 { RIDGE * mean } else { 1.0 };
        let entry = |i: usize, j: usize| gram[i * m + j] + if i == j { ridge } else { 0.0 };
        let norms = (0..m).map(|j| entry(j, j).sqrt()).collect();
        // Rounding in f32 may leave G short of definite: then the ridge grows.
        let ridges = (0..).map(|power| 10_f64.powi(power) * ridge).take_while(|r| r.is_finite());
        let mut factors = ridges.filter_map(|more| {
            let extra = more - ridge;
            let shifted = Mat::from_fn(m, m, |i, j| entry(i, j) + if i == j { extra } else { 0.0 });
            shifted.llt(Side::Lower).ok()
        });
        let factor = factors.next().ok_or_else(|| {
            SolverError::Factorisation("no ridge makes the Gram matrix definite".into())
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

/// The weights of every column at the largest λ of the path at which `count` neurons have weight, and how
/// the path went up to there.
fn select(
    problem: &Problem,
    count: usize,
    solver: &SolverConfig,
) -> Result<(Vec<Vec<f64>>, Vec<SolveInfo>), TrainerError> {
    let settings = solver.settings();
    let columns = problem.lambdas().len();
    let mut chosen: Vec<Option<Vec<f64>>> = vec![None; columns];
    let mut solves: Vec<Option<SolveInfo>> = vec![None; columns];
    let mut last: Option<Solutions> = None;
    for step in 1..=STEPS {
        let problem = problem.with_lambda(Lambda::Ratio(STEP.powi(step)))?;
        let solutions = match &last {
            Some(last) => problem.solve_from(&settings, last)?,
            None => problem.solve(&settings)?,
        };
        for (place, column) in solutions.columns().iter().enumerate() {
            if chosen[place].is_some() {
                continue;
            }
            let solve = SolveInfo::of(solutions.algorithm(), std::slice::from_ref(column));
            solves[place] = Some(solve.worse_of(solves[place].take()));
            if column.support_size() >= count || step == STEPS {
                chosen[place] = Some(column.x().to_vec());
            }
        }
        last = Some(solutions);
        if chosen.iter().all(Option::is_some) {
            break;
        }
    }
    Ok((chosen.into_iter().flatten().collect(), solves.into_iter().flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ridge_grows_until_the_matrix_is_definite_or_there_is_none() {
        let root = Root::of(&[1.0, 1.5, 1.5, 1.0], 2).unwrap();
        assert!(root.rows.iter().all(|entry| entry.is_finite()));
        // The product of the entries beside the diagonal is past all numbers.
        let refused = Root::of(&[1.0, f64::MAX, f64::MAX, 1.0], 2).map(|root| root.rows);
        assert!(matches!(refused, Err(SolverError::Factorisation(_))), "{refused:?}");
    }
}
