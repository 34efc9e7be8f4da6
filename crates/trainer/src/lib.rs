//! The train-compress cycle: train, rays, solve, clip, rebuild, measure — until the network is small.
//!
//! One file is one stage; `cycle.rs` is the loop that a paper would draw as an algorithm box. The
//! network and the data stay on the device for the whole run; what comes to the host in a cycle are
//! scores and metrics.

mod batches;
mod calibration;
mod checkpoint;
mod chunk;
mod chunk_size;
mod clip;
mod compensate;
pub mod config;
mod criteria;
mod cycle;
mod determinism;
mod device;
mod differing;
mod energy;
mod error;
mod evaluate;
mod events;
mod images;
mod ladder;
mod latency;
mod lock;
mod loss;
mod measurement;
mod method;
mod nearest;
mod networks;
mod optimizer;
mod plan;
mod predictions;
pub mod presets;
mod rays;
mod rebuild;
mod record;
mod replica;
mod run;
mod run_dir;
mod score;
mod scratch;
mod settings;
mod streams;
pub mod sweep;
mod tables;
mod train;
mod validate;

pub use checkpoint::{Every, Schedule, check_checkpoint};
pub use config::RunConfig;
pub use energy::Energy;
pub use error::TrainerError;
pub use events::{
    Chunks, CycleRow, DataSummary, Divergence, Event, Observer, Outcome, Progress, ReplicaSummary,
    Summary, TimingRow,
};
pub use ladder::{kept_count, ladder};
pub use latency::LatencyRow;
pub use lock::FolderLock;
pub use method::Method;
pub use nearest::nearest;
pub use networks::{KeepNetworks, KeptNetwork, NETWORK_FORMAT, export_final, network_path};
pub use replica::Replica;
pub use run::{Backend, Conduct, OnDivergence, run};
pub use run_dir::{Damage, Found, RunDir};
