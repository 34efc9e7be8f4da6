//! The iterations as GPU kernels: a workgroup a column, many iterations a launch.
//!
//! One source runs on every CubeCL runtime (Vulkan, Metal and DX12 through wgpu, CUDA). A column's
//! state lies in workgroup memory from the first iteration of a launch to the last; only A is read
//! again and again, from the card's caches. It is the shape for small and middling batches, where a
//! launch costs more than an iteration; large ones go as matrix products in tensor operations.

mod fista;
mod halpern;
mod launch;
mod steps;

pub(crate) use launch::{Shape, fista_block, halpern_block};
