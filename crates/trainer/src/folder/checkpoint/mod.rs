//! Checkpoints: all that a run needs to resume as if it was never interrupted.
//!
//! A checkpoint is one file, `checkpoints/N.SHA256.safetensors`. It holds tensors, the bytes of `state` (JSON), and
//! `format` in the metadata. `N` counts up. The name has the SHA-256 of the content, so a damaged or incomplete
//! file is detected. It is skipped, and the checkpoint before it is used. A file is hashed in constant memory. It
//! is read only after that, and only if it is no larger than a checkpoint of the run can be. A file that passes is
//! still validated, because it comes from outside.
//!
//! The run defines the content of the state (`run/state.rs`).

mod file;
mod schedule;
mod store;
mod tensors;

pub(crate) use file::{Checkpoint, Refusal};
pub use schedule::{Every, Schedule};
pub(crate) use store::{Checkpoints, Latest};
pub(crate) use tensors::HostTensors;
