//! Checks whether a device gives the same bits when it repeats the same batches.
//!
//! CPU backends do, with any number of threads. On a GPU, no operation of a training step should add in a varying
//! order: the only such operation of Burn is the sum over a whole tensor, and a step does not use it. But drivers
//! may do as they like, so the device is tested.

use rayclip_model::Population;

use crate::error::TrainerError;

/// The number of batches that are trained on twice.
pub(crate) const BATCHES: usize = 4;

/// Runs `train` twice and returns whether both runs give the same bits. `train` trains fresh networks on the same
/// few batches.
///
/// # Errors
/// The device fails.
pub(crate) fn repeats(
    mut train: impl FnMut() -> Result<Population, TrainerError>,
) -> Result<bool, TrainerError> {
    let first = bits(&train()?)?;
    Ok(first == bits(&train()?)?)
}

/// Returns the bits of every parameter.
fn bits(network: &Population) -> Result<Vec<Vec<u32>>, TrainerError> {
    let of_tensor = |tensor: &burn::tensor::Tensor<3>| {
        let values: Vec<f32> = tensor.clone().try_into_vec_as().map_err(|error| {
            TrainerError::Device { doing: "testing the device", reason: error.to_string() }
        })?;
        Ok(values.into_iter().map(f32::to_bits).collect())
    };
    network.parameters().iter().map(|(_, tensor)| of_tensor(tensor)).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_model::Graph;

    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn one_other_bit_is_noticed() {
        let graph = Graph::perceptron(3, &[2], 2, false);
        let network = |seed| {
            let weights = |_, layer| stream(seed, Purpose::Weights, [layer, 0]);
            Population::init(&graph, 1, &Device::flex(), weights).unwrap()
        };
        assert!(repeats(|| Ok(network(7))).unwrap());
        let mut times = 0;
        let differs = repeats(|| {
            times += 1;
            let network = network(7);
            let nudge = if times == 2 { f64::from(f32::EPSILON) } else { 0.0 };
            let parameters = network.parameters().clone().map(|_, tensor| tensor * (1.0 + nudge));
            Ok(network.with_parameters(parameters))
        });
        assert_eq!((differs.unwrap(), times), (false, 2));
    }
}
