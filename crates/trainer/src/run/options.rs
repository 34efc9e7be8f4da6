//! Options of a run. On the CPU backends, no result depends on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;

use super::KeepNetworks;
use super::chunk_size::free_bytes;
use crate::folder::checkpoint::Schedule;

/// The most bytes of images in the memory of a GPU. No graphics API reports the free memory.
const GPU_IMAGE_BYTES: usize = 2 << 30;

/// Where a run computes.
#[derive(Debug, Clone, Copy)]
pub struct Backend<'a> {
    /// The device.
    pub device: &'a Device,
    /// Backend and adapter, for the summary.
    pub name: &'a str,
}

/// Options of a run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The maximum number of replicas that train at the same time. If `None`, as many as fit into memory, and on a
    /// CPU no more than train fast. A resumed run keeps its chunks.
    pub at_once: Option<usize>,
    /// The networks of the rungs to keep. If `None`, all if they take less than 1 GiB together, otherwise those at
    /// the halvings of the width. A resumed run keeps this choice.
    pub keep_networks: Option<KeepNetworks>,
    /// When checkpoints are taken.
    pub checkpoints: Schedule,
    /// What happens to a replica that diverges.
    pub on_divergence: OnDivergence,
    /// If true, a GPU that gives different bits when it repeats a batch is an error; otherwise only a warning.
    pub deterministic: bool,
    /// The most bytes of images that are held in memory. On a GPU, a split with more is copied batch by batch from the
    /// host; `None` for 2 GiB.
    pub image_memory: Option<usize>,
    /// Ends the run early.
    pub interrupter: Interrupter,
}

impl RunOptions {
    /// Returns the most bytes of images that are held in the host's memory; by default, half of what is free.
    pub fn host_image_memory(&self) -> usize {
        self.image_memory.unwrap_or_else(|| free_bytes() / 2)
    }

    /// Returns the most bytes of the images of a split in the memory of a GPU; by default, 2 GiB.
    pub fn device_image_memory(&self) -> usize {
        self.image_memory.unwrap_or(GPU_IMAGE_BYTES)
    }
}

/// What happens to a replica whose loss, weights or scores are no longer finite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDivergence {
    /// The replica is frozen, and the others continue.
    #[default]
    Freeze,
    /// The run ends.
    Stop,
}

/// Ends a run after its current batch; clones end the same run.
#[derive(Debug, Clone, Default)]
pub struct Interrupter(Arc<AtomicBool>);

impl Interrupter {
    /// Ends the run after its current batch. Returns whether this was already requested.
    pub fn interrupt(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Returns whether the run should end.
    pub fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
