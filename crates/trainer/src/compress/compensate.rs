//! Refits the weights that read a clipped group, so that the next layer receives what it received before the clip.
//!
//! ```text
//! min_D ‖H (W + D) − Y‖² + δ‖D‖²
//! ```
//!
//! H are the activations that a layer reads after the clip (the patches, if it is a convolution), and Y is its output
//! before the clip, on training images. Conjugate gradients solve the normal equations on the device, for all
//! replicas and outputs together.
//!
//! # References
//! He, Zhang, Sun, *Channel pruning for accelerating very deep neural networks* (ICCV 2017), equation 4; Hestenes,
//! Stiefel, *Methods of conjugate gradients for solving linear systems* (1952).

use burn::tensor::{Int, Tensor};
use rayclip_model::{Population, Value};

use super::readers::{Clipped, Parameters, for_each_reader, values};
use crate::data::Calibration;
use crate::error::TrainerError;

/// δ, as a fraction of the mean of the diagonal of `HᵀH` (with a column of ones for the bias). It keeps the weights
/// that the images do not determine.
const RIDGE: f64 = 1e-2;

/// Steps of conjugate gradients. With this ridge and 512 neurons, 50 steps leave the fit half a percent above the
/// best one. With fewer neurons, the fit is closer.
const STEPS: usize = 100;

/// Refits the layers of `network` that read the last group of `clipped`. `before` are the networks before the clip;
/// `clipped` are the groups that are narrower since then.
///
/// # Errors
/// The images cannot be read.
pub(crate) fn refit(
    network: Population,
    before: &Population,
    clipped: &[Clipped],
    calibration: &Calibration<'_>,
) -> Result<Population, TrainerError> {
    for_each_reader(network, clipped, |network, reader| {
        let Parameters { weight, bias } = reader.parameters(&network);
        let with_bias = bias.is_some();
        let output = Value::Node(reader.node);
        let normal_equations = |images: Tensor<3>| {
            let wanted = reader.output_before(before, images.clone(), clipped);
            let [kept, received] = values(&network, images, [reader.reads, output]);
            let missing = wanted - received;
            let kept = network.graph().rows_read(reader.node, kept);
            let kept = if with_bias { with_ones(kept) } else { kept };
            let transposed = kept.clone().swap_dims(1, 2);
            Tensor::cat(vec![transposed.clone().matmul(kept), transposed.matmul(missing)], 2)
        };
        let both = calibration.mean(|batch| normal_equations(batch.images))?;
        let [_, k, columns] = both.dims();
        let correction = solve(both.clone().narrow(2, 0, k), both.narrow(2, k, columns - k));
        let neurons = k - usize::from(with_bias);
        let corrected = network.parameters().clone().map(|name, parameter| {
            if name == weight {
                parameter + correction.clone().narrow(1, 0, neurons)
            } else if Some(name) == bias.as_deref() {
                parameter + correction.clone().narrow(1, neurons, 1)
            } else {
                parameter
            }
        });
        Ok(network.with_parameters(corrected))
    })
}

/// Appends an activation of 1, for the bias.
fn with_ones(activations: Tensor<3>) -> Tensor<3> {
    let [replicas, images, _] = activations.dims();
    let ones = Tensor::ones([replicas, images, 1], &activations.device());
    Tensor::cat(vec![activations, ones], 2)
}

/// Solves `(G + δ) D = B` by conjugate gradients, starting from zero; `[replica, k, k]`, `[replica, k, q]`.
fn solve(gram: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    let [_, k, _] = gram.dims();
    let ids = Tensor::<1, Int>::arange(0..k as i64, &gram.device());
    let diagonal = ids.clone().reshape([1, k, 1]).equal(ids.reshape([1, 1, k])).float();
    let trace = (gram.clone() * diagonal.clone()).sum_dim(2).sum_dim(1);
    // If no neuron fires, the matrix and the right-hand side are zero.
    let ridge = (trace * (RIDGE / k as f64)).clamp_min(f64::from(f32::MIN_POSITIVE));
    let gram = gram + diagonal * ridge;
    let dot = |a: &Tensor<3>, b: &Tensor<3>| (a.clone() * b.clone()).sum_dim(1);
    // A solved column has a residual of zero. Its step must not become 0/0.
    let ratio = |a: Tensor<3>, b: Tensor<3>| a / b.clamp_min(f64::from(f32::MIN_POSITIVE));
    let (mut solution, mut residual) = (right.zeros_like(), right);
    let mut direction = residual.clone();
    let mut squared = dot(&residual, &residual);
    for _ in 0..STEPS {
        let image = gram.clone().matmul(direction.clone());
        let length = ratio(squared.clone(), dot(&direction, &image));
        solution = solution + direction.clone() * length.clone();
        residual = residual - image * length;
        let next = dot(&residual, &residual);
        direction = residual.clone() + direction * ratio(next.clone(), squared);
        squared = next;
    }
    solution
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn conjugate_gradients_solve_the_ridged_equations() {
        let device = Device::flex();
        let gram = Tensor::from_data([[[4.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]], &device);
        let right =
            Tensor::from_data([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], &device);
        let solved: Vec<f32> = solve(gram, right).into_data().try_to_vec().unwrap();
        // (G + 0.035 I)⁻¹ (1, 2), by hand.
        let (a, b, c) = (4.0 + 3.5 * RIDGE, 1.0, 3.0 + 3.5 * RIDGE);
        let determinant = a * c - b * b;
        let expected = [(c - 2.0 * b) / determinant, (2.0 * a - b) / determinant];
        assert!((f64::from(solved[0]) - expected[0]).abs() < 1e-5, "{solved:?}");
        assert!((f64::from(solved[2]) - expected[1]).abs() < 1e-5, "{solved:?}");
        assert_eq!([solved[1], solved[3]], [0.0; 2]);
        assert_eq!(solved[4..], [0.0; 4]);
    }
}
