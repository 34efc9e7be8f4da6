//! Operations of convolutional networks, for `R` networks at once: convolution, pooling and batch normalisation.
//!
//! Burn has these operations for one network and with channels first. Here every tensor has a replica axis, and
//! channels come last, so that a convolution is one batched product of patches and weights for all replicas.
//!
//! # Shapes
//! An activation is `[replica, image · position, channel]`: the rows are the positions of the first image, row by
//! row, then those of the second. A first extent of 1 is shared by all replicas. A weight is `[replica, tap · input
//! channel, output channel]`: taps are the entries of the window, row by row.
//!
//! # Backends
//! On `flex`, the operations are loops over the memory of the tensors (`host/`): patches of one image at a time,
//! which stay in the cache. On all other backends, they are tensor operations (`anywhere.rs`). Gradients are our own
//! on every backend: they compute the patches again instead of keeping them, and add in a fixed order.

mod anywhere;
mod backend;
mod differentiate;
mod host;
mod window;

pub use backend::{Moments, batch_moments, batch_norm, conv, depthwise, max_pool, patches};
pub use window::Window;
