//! The train-compress cycle: train, rays, solve, clip, rebuild, measure — until the network is small.
//!
//! One file is one stage; [`run`] is the loop that a paper would draw as an algorithm box. The
//! network and the data stay on the device for the whole run; what comes to the host in a cycle are
//! scores and metrics.

mod batches;
mod clip;
pub mod config;
mod criteria;
mod cycle;
mod device;
mod error;
mod evaluate;
mod events;
mod images;
mod loss;
mod measurement;
mod optimizer;
pub mod presets;
mod rays;
mod run_dir;
mod streams;
mod train;

pub use clip::kept_count;
pub use config::RunConfig;
pub use cycle::run;
pub use error::TrainerError;
pub use events::{CycleRow, Event, Observer, Outcome, Summary};
pub use run_dir::RunDir;
