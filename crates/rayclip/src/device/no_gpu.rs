//! A build without backends for a GPU.

use anyhow::bail;

use super::{Adapter, Chosen};

/// Returns no adapter: there is nothing to find one with.
pub(crate) fn adapters() -> Vec<Adapter> {
    vec![]
}

pub(super) fn first_gpu() -> Result<Chosen, String> {
    Err("this rayclip was built without GPU backends".into())
}

pub(super) fn wgpu_by_name() -> anyhow::Result<Chosen> {
    bail!(
        "--device wgpu: this rayclip was built without GPU backends; build it with its default features, or use \
         --device flex"
    )
}
