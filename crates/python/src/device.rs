//! The device of a solve.

use std::panic::catch_unwind;
use std::sync::OnceLock;

use burn::tensor::{Device, DeviceKind};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The GPU, or why there is none. It can be initialised once in a process.
static GPU: OnceLock<Result<Device, String>> = OnceLock::new();

/// Returns a device by its name.
///
/// # Errors
/// The name is unknown, or the GPU cannot be used.
pub(crate) fn by_name(name: &str) -> PyResult<Device> {
    match name {
        "cpu" => Ok(Device::flex()),
        "gpu" => GPU.get_or_init(gpu).clone().map_err(|reason| {
            PyRuntimeError::new_err(format!("device \"gpu\" does not work: {reason}"))
        }),
        _ => Err(PyValueError::new_err(format!(
            "there is no device \"{name}\"; there are \"cpu\" and \"gpu\""
        ))),
    }
}

fn gpu() -> Result<Device, String> {
    // A broken driver may panic.
    let options = Device::wgpu_options().device_kind(DeviceKind::DefaultDevice);
    match catch_unwind(|| options.init_with_setup()) {
        Ok(Ok((device, _))) => Ok(device),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its driver panicked".into()),
    }
}
