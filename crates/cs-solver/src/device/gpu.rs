//! Whether a device is a GPU, and what it can bind.

use burn::backend::DispatchDevice;
use burn::tensor::Device;

/// Returns whether the device has memory of its own.
pub(crate) fn is_gpu(device: &Device) -> bool {
    device.identity().is_some()
}

/// Returns the bytes that the device can bind as one buffer; `None` if the memory of the host is the limit.
pub(crate) fn largest_buffer(device: &Device) -> Option<usize> {
    let DispatchDevice::Cube(device) = device.as_dispatch() else { return None };
    Some(device.client().properties().memory.max_page_size as usize)
}
