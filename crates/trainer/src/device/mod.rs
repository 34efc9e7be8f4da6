//! Where tensors are stored, and how the host reads them.

#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
mod gpu;

use burn::tensor::{Device, Tensor};

pub(crate) use gpu::{is_host, largest_buffer};

use crate::error::TrainerError;

/// Does `work` on one of the threads that compute, if the host is the device: there it takes part in the products that it
/// starts, instead of sleeping until others have done them.
pub fn among_workers<T: Send>(device: &Device, work: impl FnOnce() -> T + Send) -> T {
    if is_host(device) { rayon::scope(|_| work()) } else { work() }
}

/// Reads the values of a tensor to the host.
pub(crate) fn read<const D: usize>(
    tensor: Tensor<D>,
    doing: &'static str,
) -> Result<Vec<f64>, TrainerError> {
    let values: Vec<f32> = tensor
        .try_into_vec_as()
        .map_err(|error| TrainerError::Device { doing, reason: error.to_string() })?;
    Ok(values.into_iter().map(f64::from).collect())
}
