//! The names of all files and folders of a run.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the resolved configuration; written first |
//! | `graph.json` | the network before the first clip, if it is not `mlp` |
//! | `original.safetensors` | the network before the first clip with its weights, if it has weights before the run |
//! | `cycles.csv` | one row per clip, group and replica |
//! | `timings.csv` | seconds and joules of every clip and replica |
//! | `kept/cycle_NN.json` | kept neurons after clip NN, by their original numbers |
//! | `rays/cycle_NN.safetensors` | measurements and rays of clip NN, for `dtc` |
//! | `networks/METHOD_seed_S/` | the network of every rung, in PyTorch's layout |
//! | `predictions/` | the predictions of these networks for the test images |
//! | `latency.csv` | milliseconds of a classification at the halvings of the width |
//! | `network.safetensors`, `network.json` | the final networks and their graph |
//! | `summary.json` | that the run is in progress; at its end, how it ended |
//! | `progress.json` | progress and resource use |
//! | `manifest.json` | SHA-256 of all files above, and copies of small ones; written last, when the run is finished |
//! | `checkpoints/` | the checkpoints to resume from; removed when the run is finished |
//! | `.lock` | locked while a process uses the folder |

pub use rayclip_data::MANIFEST;

use crate::config::Method;

/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// The graph of the network before the first clip, if it is not `mlp`.
pub const GRAPH: &str = "graph.json";
/// The network before the first clip with its weights, if it has weights before the run.
pub const ORIGINAL: &str = "original.safetensors";
/// One row per clip, group and replica.
pub const CYCLES: &str = "cycles.csv";
/// The cost of every clip and replica.
pub const TIMINGS: &str = "timings.csv";
/// The time of a classification.
pub const LATENCY: &str = "latency.csv";
/// That the run is in progress, or how it ended.
pub const SUMMARY: &str = "summary.json";
/// Progress and resource use.
pub const PROGRESS: &str = "progress.json";
/// The weights of the final networks.
pub const WEIGHTS: &str = "network.safetensors";
/// Their graph, and the normalisation of pixels.
pub const DESCRIPTION: &str = "network.json";
/// Kept neurons, one file per clip.
pub const KEPT: &str = "kept";
/// Measurements and rays, one file per clip.
pub const RAYS: &str = "rays";
/// The networks of every rung, one folder per replica.
pub const NETWORKS: &str = "networks";
/// Their predictions, one folder per replica.
pub const PREDICTIONS: &str = "predictions";
/// The labels of the test images, in [`PREDICTIONS`].
pub const LABELS: &str = "labels.safetensors";
/// The checkpoints to resume from.
pub const CHECKPOINTS: &str = "checkpoints";
/// Locked while a process uses the folder.
pub const LOCK: &str = ".lock";
/// The event files for TensorBoard.
pub const EVENTS: &str = "tensorboard";
/// The figures of a report in the folder.
pub const FIGURES: &str = "figures";
/// A report in the folder.
pub const REPORT: &str = "report";

/// The files in a manifest.
pub const FILES: [&str; 10] =
    [CONFIG, GRAPH, ORIGINAL, CYCLES, TIMINGS, LATENCY, WEIGHTS, DESCRIPTION, SUMMARY, PROGRESS];
/// The folders whose files are in a manifest.
pub const FOLDERS: [&str; 4] = [KEPT, RAYS, NETWORKS, PREDICTIONS];
/// The files that a manifest has copies of.
pub const COPIED: [&str; 5] = [CONFIG, SUMMARY, PROGRESS, DESCRIPTION, LATENCY];
/// Derived files, and files that are removed when the run is finished.
pub const DERIVED: [&str; 4] = [CHECKPOINTS, EVENTS, FIGURES, REPORT];
/// The files that differ when a run is repeated: they hold times, energy or process IDs, or hashes of such files.
pub const TIMED: [&str; 5] = [TIMINGS, PROGRESS, LATENCY, MANIFEST, LOCK];

/// The tensor of a file in [`PREDICTIONS`]: predicted classes of the test images, after training.
pub const AFTER_TRAINING: &str = "after_training";
/// The tensor of [`LABELS`].
pub const LABELS_TENSOR: &str = "labels";
/// The tensors of a group in a file of [`RAYS`]: both measurements, then both rays.
pub const RAY_TENSORS: [&str; 4] = ["y_previous", "y_next", "ray_previous", "ray_next"];

/// Returns the file with the kept neurons after a clip.
pub fn kept(cycle: usize) -> String {
    format!("{KEPT}/cycle_{cycle:02}.json")
}

/// Returns the file with the measurements and rays of a clip.
pub fn rays(cycle: usize) -> String {
    format!("{RAYS}/cycle_{cycle:02}.safetensors")
}

/// Returns the name of a tensor in a file of [`RAYS`]. `tensor` is one of [`RAY_TENSORS`].
pub fn ray_tensor(replica: usize, group: &str, tensor: &str) -> String {
    format!("replica_{replica}.{group}.{tensor}")
}

/// Returns the folder of a replica in [`NETWORKS`] and in [`PREDICTIONS`].
pub fn replica_folder(method: impl std::fmt::Display, seed: u64) -> String {
    format!("{method}_seed_{seed}")
}

/// Returns the name of a rung's file in the folder of a replica: after a clip, or (`None`) before the first clip.
pub fn rung_file(clip: Option<usize>) -> String {
    clip.map_or("start.safetensors".into(), |clip| format!("cycle_{clip:02}.safetensors"))
}

/// Returns the file with the network of a replica after a clip, or (`None`) before the first clip.
pub fn network(method: Method, seed: u64, clip: Option<usize>) -> String {
    format!("{NETWORKS}/{}/{}", replica_folder(method, seed), rung_file(clip))
}

/// Returns the file with the predictions of that network. `method` is the name of a method.
pub fn predictions(method: impl std::fmt::Display, seed: u64, clip: Option<usize>) -> String {
    format!("{PREDICTIONS}/{}/{}", replica_folder(method, seed), rung_file(clip))
}
