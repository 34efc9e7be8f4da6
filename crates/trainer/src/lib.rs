//! Training and clipping: train, score, clip, rebuild and measure, until the networks are small.
//!
//! Modules import only modules above them in this table (and `device`, `streams`, `trace`, `error`, which all share):
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
//!
//! # A network becomes smaller
//! `examples/compress.rs` is this as a program, and builds the network too.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use burn::tensor::Device;
//! use rayclip_data::Source;
//! use rayclip_run_folder::presets::{self, Layers, Setting};
//! use rayclip_trainer::{Backend, RunDir, RunOptions, Taken, resolve, run};
//!
//! let device = Device::flex();
//! let dataset = Source::from_name("digits").load(&Default::default(), &|_, _| ())?;
//! // The network with its weights, how it is trained, and how small it becomes: keys of the guide.
//! let settings = [
//!     "network.name=network.onnx",
//!     "network.pretrained=true",
//!     "compression.methods=['l2']",
//!     "compression.target_macs=0.5",
//! ];
//! let settings = settings.map(Setting::parse).into_iter().collect::<Result<_, _>>()?;
//! let mut config = presets::resolve(&Layers { settings, ..Layers::default() })?;
//! resolve(&mut config, &dataset, None, &mut || Ok(device.clone()))?;
//! if let Taken::Open(folder) = RunDir::take(Path::new("runs/smaller"), &config)? {
//!     let backend = Backend { device: &device, name: "flex" };
//!     run(&config, dataset, backend, &RunOptions::default(), &folder, &mut ())?;
//! }
//! let small = rayclip_formats::load("runs/smaller".as_ref(), &Default::default())?;
//! println!("{} parameters", small.graph.parameters());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compress;
mod criteria;
mod data;
mod device;
mod error;
mod folder;
mod measure;
mod run;
mod streams;
mod trace;
mod train;

pub use device::among_workers;
pub use error::TrainerError;
pub use folder::checkpoint::{Every, Schedule};
pub use folder::{FinishedRun, FolderLock, Found, RunDir, Taken};
pub use measure::{Times, classification_times};
pub use run::{
    Backend, BatchTimes, CHANNELS_KEY, Chunks, ClipTimes, Clipped, ClippedGroup, CutTensor, Event,
    Interrupter, KeepNetworks, KeptNetwork, ModelSize, Observer, OnDivergence, OneShot,
    PlannedChunk, PlannedCycle, Reached, Repeats, Resizable, Resolved, Role, RunOptions, Size,
    WeightSource, batch_times, channel_map, check_checkpoint, clip_model, clip_network, clip_once,
    clip_times, export_final, input_shape, named, resolve, run,
};
pub use train::{NetworkImages, scores};
