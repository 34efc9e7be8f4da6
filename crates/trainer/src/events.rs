//! What happens in a run, for whoever shows or records it.

use std::fmt;
use std::path::Path;

use cs_solver::Status;
use serde::{Deserialize, Serialize};

use crate::{Energy, Replica};

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins.
    Started {
        /// Clips until every layer is small enough.
        clips: usize,
        /// Batches of the whole run, each trained on by a chunk of replicas.
        batches: usize,
        /// Neurons of every hidden layer before the first clip.
        widths: &'a [usize],
        /// What trains at once, and what after it.
        chunks: &'a Chunks,
    },
    /// A chunk begins, or is resumed: all events up to the next of this kind are of its replicas.
    Chunk {
        /// Its position among the clipped chunks, or among those of `scratch`.
        number: usize,
        /// Its position in `Chunks::scratch_clips`, where it is one of `scratch`.
        rung: Option<usize>,
        /// The networks that train in it.
        replicas: &'a [Replica],
    },
    /// Not all replicas train at once.
    Chunked {
        /// All replicas.
        replicas: usize,
        /// Replicas that train at once, at most.
        at_once: usize,
        /// Why not more.
        reason: &'a str,
    },
    /// A checkpoint is damaged, or this rayclip cannot read it; the one before is looked at.
    CheckpointSkipped {
        /// Its file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// The run goes on from a checkpoint.
    Resumed {
        /// Batches that are done already.
        batches_done: usize,
        /// The backend and adapter that they were done on, and by which rayclip, where it is another.
        was: Option<&'a str>,
    },
    /// The device gives other bits for the same batch again: a run that is resumed is not one that never
    /// ended.
    NotDeterministic,
    /// A batch was trained on (or, on a GPU, queued).
    Batch {
        /// The cycle.
        cycle: usize,
        /// Neurons of every hidden layer.
        widths: &'a [usize],
    },
    /// Rays or other scores of a clip are being computed.
    Scoring {
        /// Hidden layers times replicas scored so far.
        done: usize,
        /// Hidden layers times replicas of this clip.
        total: usize,
    },
    /// All that is to be known of a cycle of a chunk is known.
    Cycle {
        /// One row a clipped layer and replica.
        rows: &'a [CycleRow],
        /// What each replica of the rows took.
        timings: &'a [TimingRow],
        /// Neurons of every hidden layer after the clip.
        widths: &'a [usize],
    },
    /// A replica is frozen.
    Diverged {
        /// Which, and why.
        divergence: &'a Divergence,
        /// Replicas that go on.
        left: usize,
        /// All replicas of the run.
        replicas: usize,
    },
    /// The networks of all rungs would take so many bytes: only those at the halvings of the width, the first
    /// and the last are kept.
    FewerNetworks {
        /// Bytes of the networks of all rungs and replicas.
        bytes: u64,
    },
    /// The validation accuracy of a replica has fallen below `compression.until_accuracy`: it is clipped no
    /// more; the others continue.
    Stopped {
        /// What its neurons were ranked by.
        method: &'a str,
        /// Its seed.
        seed: u64,
        /// The clip after whose training it was below.
        cycle: usize,
        /// Its validation accuracy then.
        validation: f64,
    },
}

/// The chunks of a run: first those that are clipped, each down the whole ladder, then those of `scratch`,
/// each with a fresh network at every one of some clips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunks {
    /// Replicas of every chunk that is clipped.
    pub clipped: Vec<usize>,
    /// Replicas of every chunk of `scratch`.
    pub scratch: Vec<usize>,
    /// Clips, counted from 0, to whose widths `scratch` trains: at clip `c`, for `c + 2` cycles.
    pub scratch_clips: Vec<usize>,
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

/// One clip of one layer of one replica: a line of `cycles.csv`, the same in every repetition of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleRow {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: String,
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
    /// Test accuracy before the clip, after this cycle's training; none for `scratch`.
    pub accuracy_before_clip: Option<f64>,
    /// Right after the clip of all layers; for `scratch`, after the budget spent so far.
    pub accuracy_after_clip: f64,
    /// After the training that follows the clip; none if the run ended before.
    pub accuracy_after_training: Option<f64>,
    /// As `accuracy_after_clip`, on the images held out; none without such.
    pub validation_after_clip: Option<f64>,
    /// As `accuracy_after_training`, likewise.
    pub validation_after_training: Option<f64>,
    /// Mean training loss over this cycle's batches.
    pub train_loss: f64,
    /// Weights and biases of the replica after the clip of all layers.
    pub parameters: usize,
    /// Replicas that trained at once, this one included.
    pub at_once: usize,
    /// What reconstructed the rays; empty for criteria without a solver.
    pub solver: String,
    /// Most iterations of any of the replica's rays of the layer.
    pub solver_iterations: Option<usize>,
    /// How the one that is worst off ended.
    pub solver_status: Option<Status>,
    /// Floating-point operations of all rays of the layer, as the solver counts them.
    pub solver_flops: Option<f64>,
    /// Neurons of the layer whose score equals that of another neuron of it; 0 for `scratch`, which has no
    /// scores.
    #[serde(default)]
    pub ties: usize,
}

/// What a cycle of a replica took: a line of `timings.csv`, another in every repetition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// The replica.
    pub replica: usize,
    /// The cycle.
    pub cycle: usize,
    /// Seconds of this cycle's training, of all replicas of the chunk together; for `scratch`, of all
    /// training up to here.
    pub train_seconds: f64,
    /// Seconds of scoring, clipping and rebuilding, likewise.
    pub compress_seconds: f64,
    /// Joules of the machine since the chunk's last clip, or its beginning, measuring included; for `scratch`,
    /// since the beginning of the network's training; none where no counter tells.
    pub joules: Option<f64>,
    /// Seconds of scoring by the replica's method, of all replicas of the chunk that have it together, its
    /// solver included; 0 for `scratch`.
    #[serde(default)]
    pub score_seconds: f64,
    /// Seconds of the method's solver among these; none where it has no solver.
    #[serde(default)]
    pub solve_seconds: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is not at its end yet, or the process was killed.
    Running,
    /// Every layer is small enough, and trained after its last clip.
    Finished,
    /// It was asked to end early.
    Interrupted,
    /// An error ended it.
    Failed,
    /// Of a replica: its loss, weights or scores were not finite any more.
    Diverged,
    /// Of a replica: its validation accuracy fell below `compression.until_accuracy`.
    Stopped,
}

/// A replica that could not go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// What was not finite.
    pub reason: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replica, method, seed, cycle, reason } = self;
        write!(formatter, "replica {replica} ({method}, seed {seed}) in cycle {cycle}: {reason}")
    }
}

/// What became of a replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicaSummary {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it diverged.
    pub divergence: Option<Divergence>,
    /// Test accuracy before the first clip.
    pub accuracy_before: Option<f64>,
    /// As `accuracy_before`, on the images held out; none without such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_before: Option<f64>,
    /// Test accuracy of the final network; none where the run ended in the middle of training. Of a replica
    /// that stopped, that of the last network before its validation accuracy fell.
    pub accuracy_after: Option<f64>,
    /// Its place along the first axis of `network.safetensors`; none for one that stopped, whose networks are
    /// in `networks/`.
    pub network: Option<usize>,
}

/// The images of a run.
#[derive(Debug, Clone, Serialize)]
pub struct DataSummary {
    /// The name that they were asked for by.
    pub name: String,
    /// SHA-256 of shape, images and labels.
    pub digest: String,
    /// Images trained on.
    pub train: usize,
    /// Images held out to choose settings by.
    pub validation: usize,
    /// Images that accuracies are of.
    pub test: usize,
    /// Extents of an image.
    pub image_shape: Vec<usize>,
    /// Classes.
    pub classes: usize,
    /// The folder that they were read from, absolute, where a folder was named; `progress.json` tells it,
    /// because another copy of the images gives the same summary.
    #[serde(skip)]
    pub folder: Option<String>,
}

/// How far a run is, and what it took: `progress.json`, another in every repetition of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// The cycle of the last batch.
    pub cycle: usize,
    /// Neurons of every hidden layer in it.
    pub widths: Vec<usize>,
    /// Batches done, each by a chunk of replicas.
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
    /// Seconds from the first batch to the last measurement; what came after the checkpoint that a run was
    /// resumed from is counted anew.
    pub seconds: f64,
    /// What it took, likewise; nothing where the machine has no counter that can be read.
    pub energy: Option<Energy>,
    /// The folder that the images were read from, absolute, where a folder was named: a run that is resumed
    /// from another working directory finds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<String>,
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
    /// Files that a finished run lacks, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// The backend and adapter that it ran on.
    pub device: String,
    /// Clips until every layer was small enough, of a replica that got so far.
    pub clips: usize,
    /// Neurons of every hidden layer before the first clip.
    pub widths_before: Vec<usize>,
    /// And at the end.
    pub widths: Vec<usize>,
    /// Weights and biases of a replica at the beginning.
    pub parameters_before: usize,
    /// And at the end.
    pub parameters_after: usize,
    /// The images.
    pub data: DataSummary,
    /// All replicas.
    pub replicas: Vec<ReplicaSummary>,
    /// How far it is, which has a file of its own.
    #[serde(skip)]
    pub progress: Progress,
}
