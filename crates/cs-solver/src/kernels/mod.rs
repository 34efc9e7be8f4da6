//! The iterations as GPU kernels: one workgroup per column, many iterations per launch.
//!
//! One source runs on every CubeCL runtime (Vulkan, Metal and DX12 through wgpu, CUDA). The state of a column is in
//! workgroup memory for a whole launch; only A is read in every iteration, from the caches of the card. Kernels suit
//! small and medium batches, where a launch costs more than an iteration. Large batches use matrix products in
//! tensor operations.

mod fista;
mod halpern;
mod launch;
mod steps;

pub(crate) use launch::{HalpernConstants, Shape, fista_block, halpern_block};
