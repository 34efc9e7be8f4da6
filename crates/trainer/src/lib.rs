//! Training and clipping: train, score, clip, rebuild and measure, until the networks are small.
//!
//! Modules import only modules above them in this table (and `device`, `streams`, `error`, which all share):
//!
//! | module | content |
//! |---|---|
//! | `data/` | the input: images on the device, batches, the images for criteria |
//! | `train/` | a training step, the loss, Adam, accuracies, the check whether a device repeats its bits |
//! | `measure/` | the cost of a run: energy, the time of a classification |
//! | `criteria/` | the criteria that rank neurons, one per file |
//! | `compress/` | score, clip, rebuild, compensate |
//! | `folder/` | a locked run folder, its lock, its checkpoints |
//! | `run/` | the loop: `cycle.rs` asks a chunk for the next step, and the session records it |
//!
//! The networks and the data stay on the device for the whole run. The host reads what is scored, measured or
//! written: weight sums, scores, metrics, predictions, and the networks of checkpoints and files.

mod compress;
mod criteria;
mod data;
mod device;
mod error;
mod folder;
mod measure;
mod run;
mod streams;
mod train;

pub use error::TrainerError;
pub use folder::checkpoint::{Every, Schedule};
pub use folder::{FinishedRun, FolderLock, Found, RunDir, Taken};
pub use measure::{Times, classification_times};
pub use run::{
    Backend, Chunks, ClipOptions, ClippedGroup, ClippedModel, Event, Interrupter, KeepNetworks,
    KeptNetwork, Observer, OnDivergence, Reached, Resizable, RunOptions, Size, WeightSource,
    check_checkpoint, clip_model, clip_once, export_final, input_shape, named, resolve, run,
};
pub use train::{NetworkImages, scores};
