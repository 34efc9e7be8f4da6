//! The weight rays of hidden layers: total weights, measurements, reconstruction.
//!
//! For neuron `j` of a layer, `w_prev[j] = Σ_i W_prev[i,j]` and `w_next[j] = Σ_k W_next[j,k]`. Both
//! are measured with the layer's Φ, and both reconstructions of a layer share its Θ.
//!
//! # References
//! Süzen, *Gibbs randomness-compression proposition* (arXiv:2505.23869), "Dual tomographic
//! compression".

use burn::tensor::{Tensor, TensorData};
use cs_solver::fista::{self, FistaSettings};
use cs_solver::{Matrix, Status, homotopy};

use crate::TrainerError;
use crate::config::Algorithm;
use crate::criteria::{Context, LayerWeights, SolveInfo};
use crate::device::{is_host, read};
use crate::measurement::Measurement;

/// The sum of both rays of every layer and replica, layer after layer.
pub(crate) struct RaySums {
    /// `[layer · replica][m]`, cosine coefficients.
    pub(crate) sums: Vec<Vec<f64>>,
    pub(crate) info: SolveInfo,
}

/// Reconstructs the rays of layers of one width, all replicas, as one batch.
///
/// # Errors
/// A problem is refused, or the device fails.
pub(crate) fn ray_sums(
    layers: &[LayerWeights],
    context: &Context<'_>,
) -> Result<RaySums, TrainerError> {
    let totals = Tensor::cat(layers.iter().map(total_weights).collect(), 0);
    let [_, m, _] = totals.dims();
    let config = context.config;
    let measurements = layers
        .iter()
        .flat_map(|layer| context.seeds.iter().map(|seed| (*seed, layer.layer)))
        .map(|(seed, layer)| {
            let position = [context.cycle, layer];
            Measurement::draw(&config.measurement, config.compression.keep, m, seed, position)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let exact = match config.solver.algorithm {
        Algorithm::Auto => is_host(&totals.device()),
        Algorithm::Homotopy => true,
        Algorithm::Fista => false,
    };
    if exact {
        on_host(totals, &measurements, config.compression.lambda)
    } else {
        let settings = FistaSettings {
            tolerance: config.solver.tolerance,
            max_iterations: config.solver.max_iterations,
            ..FistaSettings::default()
        };
        on_device(&totals, &measurements, config.compression.lambda, &settings)
    }
}

/// `w_prev` and `w_next`, `[replica, m, 2]`.
pub(crate) fn total_weights(layer: &LayerWeights) -> Tensor<3> {
    let incoming = layer.incoming.clone().sum_dim(1).swap_dims(1, 2);
    let outgoing = layer.outgoing.clone().sum_dim(2);
    Tensor::cat(vec![incoming, outgoing], 2)
}

fn on_host(
    totals: Tensor<3>,
    measurements: &[Measurement],
    lambda: f64,
) -> Result<RaySums, TrainerError> {
    let [_, m, _] = totals.dims();
    let totals = read(totals, "reading the weight sums")?;
    let matrices = measurements
        .iter()
        .map(|measurement| Matrix::from_rows(measurement.n, m, &measurement.theta))
        .collect::<Result<Vec<_>, _>>()?;
    let measured: Vec<[Vec<f64>; 2]> = totals
        .chunks(2 * m)
        .zip(measurements)
        .map(|(pairs, measurement)| {
            [0, 1].map(|side| {
                let w: Vec<f64> = pairs.iter().skip(side).step_by(2).copied().collect();
                measurement.of(&w)
            })
        })
        .collect();
    let problems: Vec<(&Matrix, &[f64])> = matrices
        .iter()
        .zip(&measured)
        .flat_map(|(matrix, sides)| sides.iter().map(move |y| (matrix, y.as_slice())))
        .collect();
    let rays = homotopy::solve_all(&problems, lambda)?;
    let sums = rays
        .chunks(2)
        .map(|pair| pair[0].x.iter().zip(&pair[1].x).map(|(a, b)| a + b).collect())
        .collect();
    let info = SolveInfo {
        algorithm: "homotopy",
        iterations: rays.iter().map(|ray| ray.iterations).max().unwrap_or(0),
        status: rays
            .iter()
            .map(|ray| ray.status)
            .find(|status| *status != Status::Converged)
            .unwrap_or(Status::Converged),
    };
    Ok(RaySums { sums, info })
}

fn on_device(
    totals: &Tensor<3>,
    measurements: &[Measurement],
    lambda: f64,
    settings: &FistaSettings,
) -> Result<RaySums, TrainerError> {
    let [groups, m, _] = totals.dims();
    let n = measurements[0].n;
    let upload = |part: fn(&Measurement) -> &[f64]| {
        let values: Vec<f32> =
            measurements.iter().flat_map(part).map(|value| *value as f32).collect();
        Tensor::<3>::from_data(TensorData::new(values, [groups, n, m]), &totals.device())
    };
    let y = upload(|measurement| &measurement.phi).matmul(totals.clone());
    let theta = upload(|measurement| &measurement.theta);
    let solution = fista::solve(&theta, &y, lambda, settings)?;
    let sums = read(solution.x.sum_dim(2), "reading the ray sums")?;
    let info =
        SolveInfo { algorithm: "fista", iterations: solution.iterations, status: solution.status };
    Ok(RaySums { sums: sums.chunks(m).map(<[f64]>::to_vec).collect(), info })
}
