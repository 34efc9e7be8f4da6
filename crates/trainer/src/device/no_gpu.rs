//! A build without backends for a GPU.

use burn::tensor::Device;

pub(crate) fn is_host(_: &Device) -> bool {
    true
}

pub(crate) fn largest_buffer(_: &Device) -> Option<usize> {
    None
}
