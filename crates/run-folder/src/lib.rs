//! The folder of a run: its configuration ([`config`]), its contents ([`CycleRow`], [`Summary`], [`Progress`]), the
//! names of its files ([`paths`]), and how they are read ([`read`]) and written ([`mod@write`]).
//!
//! The trainer writes through this crate; the report and the live view read through it. It needs no tensors.

pub mod config;
pub mod csv;
mod cycles;
mod data;
pub mod epochs;
mod error;
pub mod limits;
mod nearest;
pub mod operations;
pub mod paths;
mod progress;
pub mod read;
mod rows;
mod summary;
pub mod write;

pub use config::ladder::{
    clipped_groups, halvings, hidden_group, kept_count, ladder, scratch_clips,
};
pub use config::{
    METHOD_SCRATCH, METHOD_SCRATCH_DISTILLED, Method, Replica, RunConfig, is_from_scratch, presets,
};
pub use cycles::Cycles;
pub use data::DataSummary;
pub use error::RunFolderError;
pub use nearest::nearest;
pub use progress::{Energy, Progress};
pub use rows::{CycleRow, GroupRays, KeptRow, LatencyRow, TimingRow};
pub use summary::{Divergence, Outcome, ReplicaSummary, Summary};
