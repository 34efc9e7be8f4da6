//! The weight rays of groups: weight sums, measurements, reconstruction.
//!
//! For neuron `j` of a group, `w_prev[j] = Σ_i W_prev[i,j]` and `w_next[j] = Σ_k W_next[j,k]`. Both are measured
//! with the group's Φ, and both reconstructions of a group share its Θ.
//!
//! Paper: a group has one maker and one user, the layers before and after it. If there are several, their sums are
//! added.
//!
//! # References
//! Süzen, *Gibbs randomness-compression proposition* (arXiv:2505.23869), "Dual tomographic compression".

use std::sync::Arc;

use burn::tensor::Tensor;
use cs_solver::{Lambda, Matrix, Operator, Problem, Solution, Solutions};
use rayclip_run_folder::config::Reduction;

use super::measurement::Measurement;
use crate::criteria::{Context, GroupWeights, solve};
use crate::device::read;
use crate::error::TrainerError;

/// The measurements and the rays of the incoming and outgoing weight sums of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rays {
    /// Measurements of both sums, `[2][n]`.
    pub(crate) y: [Vec<f64>; 2],
    /// Rays of both sums, `[2][m]`, as cosine coefficients.
    pub(crate) x: [Vec<f64>; 2],
}

/// The weight sums of groups of the same width, of all replicas, on the host.
struct Totals {
    m: usize,
    /// `[group · replica][2][m]`; zero if a sum is not finite.
    values: Vec<f64>,
    /// `[group · replica]`
    finite: Vec<bool>,
}

/// The reconstructed rays of groups of the same width.
pub(super) struct Reconstruction {
    solutions: Solutions,
    /// Measurements, `[group · replica][2][n]`.
    y: Vec<f64>,
    n: usize,
    finite: Vec<bool>,
}

/// Reconstructs the rays of groups of the same width, for all replicas, as one batch with one Θ per group and
/// replica.
///
/// `totals` are the sums of each group, `[replica, 2, m]`. They are only `2 m` numbers per group. So they are read and measured on the host, where Θ is drawn and the
/// rays are certified.
///
/// # Errors
/// The solver refuses a problem, or the device fails.
pub(super) fn reconstruct(
    groups: &[GroupWeights],
    totals: Vec<Tensor<3>>,
    context: &Context<'_>,
) -> Result<Reconstruction, TrainerError> {
    let totals = Tensor::cat(totals, 0);
    let device = totals.device();
    let Totals { m, values, finite } = Totals::read(totals)?;
    let config = context.config;
    let n = config.measurement.count(m, config.compression.keep);
    let measurements = groups
        .iter()
        .flat_map(|group| context.replicas.iter().map(|replica| (replica.seed, group.index)))
        .map(|(seed, group)| {
            Measurement::draw(&config.measurement, [n, m], seed, [context.cycle, group])
        })
        .collect::<Result<Vec<_>, _>>()?;
    let y: Vec<f64> = measurements
        .iter()
        .zip(values.chunks(2 * m))
        .flat_map(|(measurement, pair)| pair.chunks(m).flat_map(|w| measurement.of(w)))
        .collect();
    let operators = measurements
        .into_iter()
        .map(|Measurement { theta, .. }| {
            Matrix::from_rows(n, m, theta).map(|theta| Arc::new(theta) as Arc<dyn Operator>)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let lambda = Lambda::Fixed(config.compression.lambda);
    let problem = Problem::grouped(operators, &y, lambda)?.on(&device);
    let solutions = problem.solve(&solve::settings(&config.solver))?;
    Ok(Reconstruction { solutions, y, n, finite })
}

impl Totals {
    fn read(totals: Tensor<3>) -> Result<Self, TrainerError> {
        let [_, _, m] = totals.dims();
        let mut values = read(totals, "reading the weight sums")?;
        // Squares of huge weights overflow. Such a replica gets no scores, and the others continue.
        let finite: Vec<bool> =
            values.chunks(2 * m).map(|pair| pair.iter().all(|total| total.is_finite())).collect();
        for (pair, finite) in values.chunks_mut(2 * m).zip(&finite) {
            if !finite {
                pair.fill(0.0);
            }
        }
        Ok(Self { m, values, finite })
    }
}

impl Reconstruction {
    /// Seconds spent in the solver.
    pub(super) fn seconds(&self) -> f64 {
        self.solutions.seconds()
    }

    /// Returns, for every group and replica (group by group), the sum of both rays as cosine coefficients, how the
    /// solver did, and the rays.
    pub(super) fn into_sums(self) -> impl Iterator<Item = (Vec<f64>, solve::SolveInfo, Rays)> {
        let Self { solutions, y, n, finite } = self;
        let algorithm = solutions.algorithm();
        let pairs: Vec<(Vec<f64>, solve::SolveInfo, Rays)> = solutions
            .columns()
            .chunks(2)
            .zip(y.chunks(2 * n))
            .zip(finite)
            .map(|((pair, y), finite)| {
                let sums = pair[0].x().iter().zip(pair[1].x()).map(|(a, b)| a + b);
                let sums = sums.map(|sum| if finite { sum } else { f64::NAN }).collect();
                let y = [0, 1].map(|side| y[side * n..(side + 1) * n].to_vec());
                let x = [0, 1].map(|side: usize| Solution::x(&pair[side]).to_vec());
                (sums, solve::SolveInfo::of(algorithm, pair), Rays { y, x })
            })
            .collect();
        pairs.into_iter()
    }
}

/// Computes `w_prev` and `w_next`, `[replica, 2, m]`.
///
/// Paper: these are signed sums, in which weights cancel. The norms are alternatives.
pub(crate) fn total_weights(group: &GroupWeights, reduction: Reduction) -> Tensor<3> {
    let reduce = |weights: &Tensor<3>, dimension| match reduction {
        Reduction::Signed => weights.clone().sum_dim(dimension),
        Reduction::L1 => weights.clone().abs().sum_dim(dimension),
        Reduction::L2 => weights.clone().square().sum_dim(dimension).sqrt(),
    };
    let outgoing = reduce(&group.outgoing, 2).swap_dims(1, 2);
    Tensor::cat(vec![reduce(&group.incoming, 1), outgoing], 1)
}
