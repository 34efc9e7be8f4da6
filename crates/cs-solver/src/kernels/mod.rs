//! The iterations as GPU kernels: one workgroup per column, many iterations per launch.
//!
//! One source runs on every CubeCL runtime (Vulkan, Metal and DX12 through wgpu, CUDA). The state of a column is in
//! workgroup memory for a whole launch; only A is read in every iteration, from the caches of the card. Kernels suit
//! small and medium batches, where a launch costs more than an iteration. Large batches use matrix products in
//! tensor operations.

#[cfg(feature = "gpu")]
mod fista;
#[cfg(feature = "gpu")]
mod halpern;
#[cfg(feature = "gpu")]
mod launch;
#[cfg(not(feature = "gpu"))]
mod no_gpu;
#[cfg(feature = "gpu")]
mod steps;

#[cfg(feature = "gpu")]
pub(crate) use launch::{Shape, fista_block, halpern_block};
#[cfg(not(feature = "gpu"))]
pub(crate) use no_gpu::{Shape, fista_block, halpern_block};

/// The constants of the Halpern iteration, as its kernel takes them.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "only a kernel reads them"))]
pub(crate) struct HalpernConstants {
    /// The square of the fraction of ‖f‖ at which it restarts.
    pub(crate) sufficient_squared: f32,
    /// The square of the fraction of ‖f‖ at which it restarts after a long time.
    pub(crate) necessary_squared: f32,
    /// The fraction of all iterations that is a long time.
    pub(crate) long: f32,
    /// The relaxation of the reflected step.
    pub(crate) relaxation: f32,
}
