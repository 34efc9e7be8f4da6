//! Progress and resource use of a run.

use serde::{Deserialize, Serialize};

/// The content of `progress.json`. It differs when a run is repeated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The cycle of the last batch.
    pub cycle: usize,
    /// Neurons of every group in this cycle.
    pub widths: Vec<usize>,
    /// Batches done, each by one chunk of replicas.
    pub batches_done: usize,
    /// Batches of the whole run.
    pub batches: usize,
    /// When this was written, in seconds since 1970.
    pub updated: f64,
    /// How often the run was resumed from a checkpoint.
    pub resumed: usize,
    /// Seconds of all training.
    pub train_seconds: f64,
    /// Seconds of all scoring, clipping and rebuilding.
    pub compress_seconds: f64,
    /// Seconds of the run, after the images are uploaded. Work that was lost after a checkpoint is not counted; its
    /// repetition is.
    pub seconds: f64,
    /// Energy in the same time; `None` if the machine has no counter that can be read.
    pub energy: Option<Energy>,
    /// The folder with the images, absolute, if the user named one. With it, a run can resume in another working
    /// directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<String>,
}

/// The energy that a run used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Joules of all sources together.
    pub joules: f64,
    /// The counters that they were read from.
    pub sources: Vec<String>,
}
