//! A build without backends for a GPU.

use burn::tensor::Device;

pub(crate) fn is_gpu(_: &Device) -> bool {
    false
}

pub(crate) fn largest_buffer(_: &Device) -> Option<usize> {
    None
}
