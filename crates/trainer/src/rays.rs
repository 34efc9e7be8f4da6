//! The weight rays of hidden layers: total weights, measurements, reconstruction.
//!
//! For neuron `j` of a layer, `w_prev[j] = Σ_i W_prev[i,j]` and `w_next[j] = Σ_k W_next[j,k]`. Both
//! are measured with the layer's Φ, and both reconstructions of a layer share its Θ.
//!
//! # References
//! Süzen, *Gibbs randomness-compression proposition* (arXiv:2505.23869), "Dual tomographic
//! compression".

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Tensor;
use cs_solver::{Lambda, Matrix, Operator, Problem, Solution};

use crate::TrainerError;
use crate::config::Reduction;
use crate::criteria::{Context, LayerWeights, SolveInfo};
use crate::device::read;
use crate::measurement::Measurement;

/// What the incoming and the outgoing weight sums of a layer were measured and reconstructed as.
#[derive(Debug, Clone)]
pub(crate) struct Rays {
    /// Measurements of both, `[2][n]`.
    pub(crate) y: [Vec<f64>; 2],
    /// Rays of both, `[2][m]`, cosine coefficients.
    pub(crate) x: [Vec<f64>; 2],
}

/// The sum of both rays of every layer and replica, layer after layer.
pub(crate) struct RaySums {
    /// `[layer · replica][m]`, cosine coefficients.
    pub(crate) sums: Vec<Vec<f64>>,
    /// `[layer · replica]`
    pub(crate) solves: Vec<SolveInfo>,
    /// Seconds of the solver.
    pub(crate) solve_seconds: f64,
}

/// Reconstructs the rays of layers of one width, all replicas, as one batch with a Θ a group.
///
/// The sums are `2 m` numbers a layer: they are read and measured on the host, where Θ is drawn and
/// the rays are certified.
///
/// # Errors
/// A problem is refused, or the device fails.
pub(crate) fn ray_sums(
    layers: &[LayerWeights],
    reduction: Reduction,
    context: &Context<'_>,
) -> Result<RaySums, TrainerError> {
    let totals = layers.iter().map(|layer| total_weights(layer, reduction)).collect();
    let totals = Tensor::cat(totals, 0);
    let ([_, _, m], device) = (totals.dims(), totals.device());
    let mut totals = read(totals, "reading the weight sums")?;
    // Squares of huge weights overflow: that replica gets no scores, the others must not be held up.
    let finite: Vec<bool> =
        totals.chunks(2 * m).map(|pair| pair.iter().all(|total| total.is_finite())).collect();
    for (pair, finite) in totals.chunks_mut(2 * m).zip(&finite) {
        if !finite {
            pair.fill(0.0);
        }
    }
    let config = context.config;
    let measurements = layers
        .iter()
        .flat_map(|layer| context.replicas.iter().map(|replica| (replica.seed, layer.layer)))
        .map(|(seed, layer)| {
            let position = [context.cycle, layer];
            Measurement::draw(&config.measurement, config.compression.keep, m, seed, position)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let y: Vec<f64> = measurements
        .iter()
        .zip(totals.chunks(2 * m))
        .flat_map(|(measurement, pair)| pair.chunks(m).flat_map(|w| measurement.of(w)))
        .collect();
    let n = measurements[0].n;
    let operators = measurements
        .into_iter()
        .map(|Measurement { n, theta, .. }| {
            Matrix::from_rows(n, m, theta).map(|theta| Arc::new(theta) as Arc<dyn Operator>)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let lambda = Lambda::Fixed(config.compression.lambda);
    let problem = Problem::grouped(operators, &y, lambda)?.on(&device);
    let began = Instant::now();
    let rays = problem.solve(&config.solver.settings())?;
    let solve_seconds = began.elapsed().as_secs_f64();
    let sum = |(pair, finite): (&[Solution], &bool)| -> Vec<f64> {
        let sums = pair[0].x().iter().zip(pair[1].x()).map(|(a, b)| a + b);
        sums.map(|sum| if *finite { sum } else { f64::NAN }).collect()
    };
    let pairs = rays.columns().chunks(2);
    let solve = |(pair, y): (&[Solution], &[f64])| {
        let y = [0, 1].map(|side| y[side * n..(side + 1) * n].to_vec());
        let x = [0, 1].map(|side| pair[side].x().to_vec());
        SolveInfo { rays: Some(Rays { y, x }), ..SolveInfo::of(rays.algorithm(), pair) }
    };
    Ok(RaySums {
        sums: pairs.clone().zip(&finite).map(sum).collect(),
        solves: pairs.zip(y.chunks(2 * n)).map(solve).collect(),
        solve_seconds,
    })
}

/// `w_prev` and `w_next`, `[replica, 2, m]`.
///
/// Paper: they are signed sums, in which weights cancel; norms are offered beside them.
pub(crate) fn total_weights(layer: &LayerWeights, reduction: Reduction) -> Tensor<3> {
    let reduce = |weights: &Tensor<3>, dimension| match reduction {
        Reduction::Signed => weights.clone().sum_dim(dimension),
        Reduction::L1 => weights.clone().abs().sum_dim(dimension),
        Reduction::L2 => weights.clone().square().sum_dim(dimension).sqrt(),
    };
    let outgoing = reduce(&layer.outgoing, 2).swap_dims(1, 2);
    Tensor::cat(vec![reduce(&layer.incoming, 1), outgoing], 1)
}
