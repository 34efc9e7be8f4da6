//! What happens in a run, for whoever shows or records it.

use cs_solver::Status;
use serde::Serialize;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins.
    Started {
        /// Clips until every layer is small enough.
        clips: usize,
        /// Batches before each clip, and after the last.
        batches_per_cycle: usize,
        /// Neurons of every hidden layer before the first clip.
        widths: &'a [usize],
    },
    /// A batch was trained on (or, on a GPU, queued).
    Batch {
        /// The cycle.
        cycle: usize,
        /// Batches of this cycle so far.
        done: usize,
        /// Neurons of every hidden layer.
        widths: &'a [usize],
    },
    /// Rays or other scores of a clip are being computed.
    Scoring {
        /// The cycle.
        cycle: usize,
        /// Hidden layers times replicas scored so far.
        done: usize,
        /// Hidden layers times replicas of this clip.
        total: usize,
    },
    /// All that is to be known of a cycle is known.
    Cycle {
        /// One row a clipped layer and replica.
        rows: &'a [CycleRow],
        /// Neurons of every hidden layer after the clip.
        widths: &'a [usize],
    },
}

/// Is told what happens, and asked whether to go on.
pub trait Observer {
    /// Something happened.
    fn notify(&mut self, event: &Event<'_>);

    /// Whether the run should end after the current batch.
    fn interrupted(&self) -> bool {
        false
    }
}

/// One clip of one layer of one replica: a line of `cycles.csv`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CycleRow {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: &'static str,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// The hidden layer.
    pub layer: usize,
    /// Neurons before the clip.
    pub width_before: usize,
    /// Neurons after it.
    pub width_after: usize,
    /// Fraction of the layer's first width that is gone.
    pub sparsity: f64,
    /// Test accuracy before the clip, after this cycle's training.
    pub accuracy_before_clip: f64,
    /// Right after the clip of all layers.
    pub accuracy_after_clip: f64,
    /// After the training that follows the clip; none if the run ended before.
    pub accuracy_after_training: Option<f64>,
    /// Mean training loss over this cycle's batches.
    pub train_loss: f64,
    /// Weights and biases of the replica after the clip of all layers.
    pub parameters: usize,
    /// Seconds of this cycle's training, of all replicas together.
    pub train_seconds: f64,
    /// Seconds of scoring, clipping and rebuilding, of all replicas and layers together.
    pub compress_seconds: f64,
    /// What reconstructed the rays; empty for criteria without a solver.
    pub solver: &'static str,
    /// Most iterations of any ray of the layer's batch.
    pub solver_iterations: Option<usize>,
    /// How the ray that is worst off ended.
    pub solver_status: Option<Status>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every layer is small enough, and trained after its last clip.
    Finished,
    /// It was asked to end early.
    Interrupted,
    /// An error ended it.
    Failed,
}

/// The whole run in a few numbers: `summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Version of the engine.
    pub version: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The error, where it failed.
    pub error: Option<String>,
    /// The backend and adapter that it ran on.
    pub device: String,
    /// Clips made.
    pub clips: usize,
    /// Neurons of every hidden layer before the first clip.
    pub widths_before: Vec<usize>,
    /// And at the end.
    pub widths: Vec<usize>,
    /// Weights and biases of a replica at the beginning.
    pub parameters_before: usize,
    /// And at the end.
    pub parameters_after: usize,
    /// Test accuracy of every replica before the first clip.
    pub accuracy_before: Vec<f64>,
    /// And of the final network; empty where the run ended in the middle of training.
    pub accuracy_after: Vec<f64>,
    /// Seconds of all training.
    pub train_seconds: f64,
    /// Seconds of all scoring, clipping and rebuilding.
    pub compress_seconds: f64,
    /// Seconds from the first batch to the last measurement.
    pub seconds: f64,
}
