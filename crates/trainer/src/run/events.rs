//! Events of a run, for code that shows or records them.

use std::path::Path;

use rayclip_run_folder::{CycleRow, Divergence, Replica, TimingRow};

/// An event of a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run starts.
    Started {
        /// Clips until every group is small enough.
        clips: usize,
        /// Batches of the whole run; each one trains a chunk of replicas.
        batches: usize,
        /// Neurons of every group before the first clip.
        widths: &'a [usize],
        /// What trains together, and in which order.
        chunks: &'a Chunks,
    },
    /// A chunk starts or resumes. All events until the next one of this kind are about its replicas.
    Chunk {
        /// Its index among the clipped chunks, or among the chunks of `scratch`.
        number: usize,
        /// Its index in `Chunks::scratch_clips`, if it is a chunk of `scratch`.
        rung: Option<usize>,
        /// The networks that train in it.
        replicas: &'a [Replica],
    },
    /// Not all replicas train at the same time.
    Chunked {
        /// All replicas.
        replicas: usize,
        /// The maximum number of replicas that train at the same time.
        at_once: usize,
        /// Why not more.
        reason: &'a str,
    },
    /// A checkpoint is damaged, or this rayclip cannot read it. The checkpoint before it is tried.
    CheckpointSkipped {
        /// The file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// The run resumes from a checkpoint.
    Resumed {
        /// Batches that are already done.
        batches_done: usize,
        /// The backend, adapter and rayclip version of these batches, if they differ from the current ones.
        was: Option<&'a str>,
    },
    /// The device gives different bits when it repeats a batch. So a resumed run does not give the same bits as an
    /// uninterrupted one.
    NotDeterministic,
    /// A batch was trained on (or, on a GPU, queued).
    Batch {
        /// The cycle.
        cycle: usize,
        /// Neurons of every group.
        widths: &'a [usize],
    },
    /// The neurons of a clip are being scored.
    Scoring {
        /// Groups times replicas scored so far.
        done: usize,
        /// Groups times replicas of this clip.
        total: usize,
    },
    /// A cycle of a chunk is complete, and all its results are known.
    Cycle {
        /// One row per clipped group and replica.
        rows: &'a [CycleRow],
        /// The cost for each replica of the rows.
        timings: &'a [TimingRow],
        /// Neurons of every group after the clip.
        widths: &'a [usize],
    },
    /// A replica is frozen.
    Diverged {
        /// The replica and the reason.
        divergence: &'a Divergence,
        /// Replicas that continue.
        left: usize,
        /// All replicas of the run.
        replicas: usize,
    },
    /// The networks of all rungs would take too many bytes. Only the first, the last, and those at the halvings of
    /// the width are kept.
    FewerNetworks {
        /// Bytes of the networks of all rungs and replicas.
        bytes: u64,
    },
    /// The validation accuracy of a replica fell below `compression.until_accuracy`, or by more than
    /// `compression.max_drop`. It is not clipped again. The others continue.
    Stopped {
        /// The method that ranks its neurons.
        method: &'a str,
        /// Its seed.
        seed: u64,
        /// The clip whose training ended below.
        cycle: usize,
        /// Its validation accuracy after this training.
        validation: f64,
    },
}

/// The chunks of a run: first the clipped ones, each down the whole ladder; then those of `scratch`, which train a
/// fresh network for each of some clips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunks {
    /// The clipped chunks.
    pub clipped: Vec<PlannedChunk>,
    /// The chunks of `scratch`, `[chunk][clip]`, with one for each of `scratch_clips`.
    pub scratch: Vec<Vec<PlannedChunk>>,
    /// Clips, counted from 0, whose widths `scratch` trains: for clip `c`, it trains `c + 2` cycles.
    pub scratch_clips: Vec<usize>,
}

/// What trains in a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedChunk {
    /// Number of replicas.
    pub replicas: usize,
    /// Its cycles, in order.
    pub cycles: Vec<PlannedCycle>,
}

/// What trains in a cycle of a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlannedCycle {
    /// Batches, each of all networks.
    pub batches: usize,
    /// Networks: before the first clip, the replicas of a seed have one together; later, each may have several copies.
    pub networks: usize,
    /// Neurons of all groups of a network.
    pub neurons: usize,
}

/// Receives the events of a run.
pub trait Observer: Send {
    /// Handles an event.
    fn notify(&mut self, event: &Event<'_>);
}

/// Sees nothing.
impl Observer for () {
    fn notify(&mut self, _event: &Event<'_>) {}
}
