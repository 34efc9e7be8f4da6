//! Rescales the weights that read a clipped group, so that what each layer receives has the mean and the variance that it
//! had before the clip.
//!
//! For each output of a layer that reads the group, with the mean `μ` and the standard deviation `σ` over training images
//! before the clip and `μ'`, `σ'` after it: weights times `σ / σ'`, and a bias of `μ + (b − μ') σ / σ'`. A layer without
//! bias has only the factor, that of the roots of the mean squares.
//!
//! # References
//! Jordan, Sedghi, Saukh, Entezari, Neyshabur, *REPAIR: renormalizing permuted activations for interpolation repair*
//! (ICLR 2023).

use burn::tensor::Tensor;
use rayclip_model::{Population, Value};

use super::readers::{Clipped, Parameters, for_each_reader, values};
use crate::data::Calibration;
use crate::error::TrainerError;

/// A factor is between this number and its reciprocal: an output that is nearly constant after a clip has no variance to
/// restore.
const LEAST: f64 = 0.1;

/// Rescales the layers of `network` that read the last group of `clipped`. `before` are the networks before the clip;
/// `clipped` are the groups that are narrower since then.
///
/// # Errors
/// The images cannot be read.
pub(crate) fn rescale(
    network: Population,
    before: &Population,
    clipped: &[Clipped],
    calibration: &Calibration<'_>,
) -> Result<Population, TrainerError> {
    for_each_reader(network, clipped, |network, reader| {
        let Parameters { weight, bias } = reader.parameters(&network);
        let moments = |output: Tensor<3>| {
            Tensor::cat(vec![output.clone().mean_dim(1), output.square().mean_dim(1)], 1)
        };
        let both = calibration.mean(|batch| {
            let wanted = reader.output_before(before, batch.images.clone(), clipped);
            let [received] = values(&network, batch.images, [Value::Node(reader.node)]);
            Tensor::cat(vec![moments(wanted), moments(received)], 1)
        })?;
        let [mean, square, mean_after, square_after] =
            [0, 1, 2, 3].map(|row| both.clone().narrow(1, row, 1));
        let spread = |mean: &Tensor<3>, square: Tensor<3>| match bias {
            Some(_) => (square - mean.clone().square()).clamp_min(0.0).sqrt(),
            None => square.sqrt(),
        };
        let (wanted, received) = (spread(&mean, square), spread(&mean_after, square_after));
        let is_constant = received.clone().lower_equal_elem(0.0);
        let factor = (wanted / received.clamp_min(f64::from(f32::MIN_POSITIVE)))
            .clamp(LEAST, LEAST.recip())
            .mask_fill(is_constant, 1.0);
        let rescaled = network.parameters().clone().map(|name, parameter| {
            if name == weight {
                parameter * factor.clone()
            } else if Some(name) == bias.as_deref() {
                (parameter - mean_after.clone()) * factor.clone() + mean.clone()
            } else {
                parameter
            }
        });
        Ok(network.with_parameters(rescaled))
    })
}
