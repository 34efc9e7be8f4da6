//! The folder of a run: its configuration ([`config`]), its contents ([`CycleRow`], [`Summary`], [`Progress`]), the
//! names of its files ([`paths`]), and how they are read ([`read`]) and written ([`mod@write`]).
//!
//! The trainer writes through this crate; the report and the live view read through it. It needs no tensors.

pub mod config;
pub mod csv;
mod data;
pub mod epochs;
mod error;
mod ladder;
pub mod limits;
mod nearest;
pub mod operations;
pub mod paths;
mod progress;
pub mod read;
mod rows;
mod summary;
pub mod write;

pub use config::{Method, Replica, RunConfig, presets};
pub use data::DataSummary;
pub use error::RunFolderError;
pub use ladder::{clipped_groups, halvings, kept_count, ladder, scratch_clips};
pub use nearest::nearest;
pub use progress::{Energy, Progress};
pub use rows::{CycleRow, GroupRays, KeptRow, LatencyRow, TimingRow};
pub use summary::{Divergence, Outcome, ReplicaSummary, Summary};

/// The name of [`Method::Scratch`].
pub const METHOD_SCRATCH: &str = "scratch";

/// Returns the name of the group of hidden layer `layer` of a perceptron. It is the name of the layer that makes
/// its neurons.
pub fn hidden_group(layer: impl std::fmt::Display) -> String {
    format!("layer_{layer}")
}
