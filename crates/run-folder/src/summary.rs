//! How a run and its replicas ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::DataSummary;
use crate::progress::Progress;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The run is in progress, or the process was killed.
    Running,
    /// Every group is small enough, and the training after the last clip is done.
    Finished,
    /// The user interrupted it.
    Interrupted,
    /// An error ended it.
    Failed,
    /// Of a replica: its loss, weights or scores are no longer finite.
    Diverged,
    /// Of a replica: its validation accuracy fell below `compression.until_accuracy`, or by more than
    /// `compression.max_drop`.
    Stopped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Diverged => "diverged",
            Self::Stopped => "stopped",
        })
    }
}

/// How a replica diverged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// The replica.
    pub replica: usize,
    /// The method that ranks its neurons.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// What is not finite.
    pub reason: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replica, method, seed, cycle, reason } = self;
        write!(formatter, "replica {replica} ({method}, seed {seed}) in cycle {cycle}: {reason}")
    }
}

/// The summary of a replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaSummary {
    /// The replica.
    pub replica: usize,
    /// The method that ranks its neurons.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How it diverged, if it did.
    pub divergence: Option<Divergence>,
    /// Test accuracy before the first clip.
    pub accuracy_before: Option<f64>,
    /// As `accuracy_before`, on the held-out images; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_before: Option<f64>,
    /// Test accuracy of the final network; `None` if the run ended during training. For a stopped replica: test
    /// accuracy of the last network before its validation accuracy fell.
    pub accuracy_after: Option<f64>,
    /// The clip after which its validation accuracy had fallen, if it stopped: its result is the network before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<usize>,
    /// Its index along the first axis of `network.safetensors`; `None` for a stopped replica, whose networks are in
    /// `networks/`.
    pub network: Option<usize>,
}

/// `summary.json`: the whole run in a few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The rayclip version.
    pub version: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The error, if it failed.
    pub error: Option<String>,
    /// Files that a finished run lacks, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// The backend and adapter.
    pub device: String,
    /// The number of clips of the replica that got furthest.
    pub clips: Option<usize>,
    /// The names of the groups that are clipped.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Neurons of every group before the first clip.
    pub widths_before: Vec<usize>,
    /// Neurons of every group at the end.
    #[serde(default)]
    pub widths: Vec<usize>,
    /// Weights and biases of a replica before the first clip.
    pub parameters_before: usize,
    /// Weights and biases of a replica at the end.
    pub parameters_after: Option<usize>,
    /// Bytes of the parameters of a replica before the first clip, as f32.
    pub bytes_before: Option<usize>,
    /// Multiply-accumulates to classify an image before the first clip.
    pub macs_before: Option<usize>,
    /// The images.
    pub data: DataSummary,
    /// All replicas.
    pub replicas: Vec<ReplicaSummary>,
    /// Its progress, which has a file of its own.
    #[serde(skip)]
    pub progress: Progress,
}
