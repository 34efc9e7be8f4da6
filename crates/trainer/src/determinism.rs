//! Whether a device gives the same bits for the same batch again.
//!
//! On the CPU it does, whatever the number of threads. On a GPU nothing of what a step asks for adds up in
//! an order of its own: Burn's only such operation, the sum over a whole tensor, is not among them. But
//! drivers are free, so it is tried.

use burn::tensor::Device;
use rayclip_model::MlpShape;

use crate::chunk::Chunk;
use crate::images::Splits;
use crate::replica::Replica;
use crate::{RunConfig, TrainerError};

/// Batches that are trained on twice.
const BATCHES: usize = 4;

/// Whether fresh networks of some replicas have, to the bit, the same weights after the same batches again.
///
/// # Errors
/// The device fails.
pub(crate) fn repeats(
    config: &RunConfig,
    splits: &Splits,
    replicas: &[Replica],
    on: (&MlpShape, &Device),
) -> Result<bool, TrainerError> {
    let bits = || -> Result<Vec<Vec<u32>>, TrainerError> {
        let mut chunk = Chunk::start(config, splits, replicas, on)?;
        for _ in 0..BATCHES.min(config.training.batches_per_cycle) {
            chunk.step()?;
        }
        let tensors = chunk.network.named().map(|(_, tensor)| {
            let values: Vec<f32> = tensor.try_into_vec_as().map_err(|error| {
                TrainerError::Device { doing: "trying the device", reason: error.to_string() }
            })?;
            Ok(values.into_iter().map(f32::to_bits).collect())
        });
        tensors.collect()
    };
    Ok(bits()? == bits()?)
}
