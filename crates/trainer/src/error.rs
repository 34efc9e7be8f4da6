//! Why a run cannot start or continue.

use std::path::PathBuf;

use cs_solver::SolverError;
use rayclip_formats::FormatError;
use rayclip_model::ModelError;
use rayclip_run_folder::{Divergence, RunFolderError};

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why a run cannot start or continue. Every message names the key, file or replica.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainerError {
    /// The configuration is refused, or a file of the run cannot be read or written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The run folder exists already.
    #[error("run folder {} exists; nothing was overwritten: name another one with --out", path.display())]
    RunFolderExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error(
        "{} is using {}: wait for it, stop it, or name another folder with --out",
        process.map_or("another process".to_owned(), |process| format!("process {process}")),
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process ID.
        process: Option<u32>,
    },
    /// The folder holds a different run, or other files.
    #[error("{} holds {holds}; nothing was changed: name another folder with --out", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// Which run and which keys differ; or that it holds no run.
        holds: String,
    },
    /// A file is where a folder should be.
    #[error("{} is a file; --out takes a folder: name another one", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds this run, but its data differ.
    #[error("{} holds this run on other data; nothing was changed: name another folder with --out", path.display())]
    OtherData {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint and the folder it lies in have different configurations.
    #[error(
        "{} has another configuration than config.toml: {}; nothing was changed: undo the edit of config.toml, remove \
         the checkpoint if it belongs to another run, or name another folder with --out",
        path.display(), keys.join(", ")
    )]
    OtherConfiguration {
        /// The checkpoint.
        path: PathBuf,
        /// The keys that differ, with both values.
        keys: Vec<String>,
    },
    /// The file that says whether a run is finished cannot be read, and starting again would delete its results.
    #[error(
        "{} {reason}, and there is no checkpoint to resume from; nothing was run or removed: restore the file from a \
         copy, or train again in another folder (--out)",
        path.display()
    )]
    WouldBeUndone {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of a finished run was changed.
    #[error(
        "{}: {reason}; the run is finished, and nothing was run or removed: restore the file from a copy, or train \
         again in another folder (--out)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// All replicas diverged.
    #[error(
        "{} diverged{}: {first}; a smaller training.learning_rate than {learning_rate:?} may help",
        if *replicas == 1 { "the network" } else { "every replica" },
        if *replicas == 1 { String::new() } else { format!(" ({replicas} of {replicas})") }
    )]
    AllDiverged {
        /// How many there were.
        replicas: usize,
        /// The first of them, and what happened to it.
        first: Divergence,
        /// The learning rate of the run.
        learning_rate: f64,
    },
    /// A rebuilt network differs from the larger one with its clipped neurons silenced.
    #[error(
        "rebuilding group {group} in cycle {cycle} changed more than the clipped neurons: \
         {reason}; nothing was trained on it. This is a bug in the device driver or in rayclip"
    )]
    Rebuild {
        /// The group of neurons.
        group: String,
        /// The cycle.
        cycle: usize,
        /// What differs.
        reason: String,
    },
    /// A replica diverged, and `--on-divergence stop` ends the run.
    #[error(
        "{0}; nothing is lost: `rayclip resume` with --on-divergence freeze continues with the others"
    )]
    Diverged(Divergence),
    /// An invariant does not hold.
    #[error("{reason}: this is a bug in rayclip")]
    Fault {
        /// The invariant that does not hold.
        reason: &'static str,
    },
    /// The data set has no training image.
    #[error(
        "there is no training image: name another data.source, or hold fewer images out (data.validation)"
    )]
    NoImages,
    /// The data set has no test image.
    #[error("there is no image to measure the accuracy on: name another data.source")]
    NoTestImages,
    /// `--deterministic` was given, and the device is not deterministic.
    #[error(
        "--deterministic: {device} gives different bits when it repeats a batch; use --device flex, or leave the flag out"
    )]
    NotDeterministic {
        /// Backend and adapter.
        device: String,
    },
    /// The folder has checkpoints, but none can be used.
    #[error(
        "no checkpoint can be used, and none was changed: {}: {reason}; to start again, name another folder with \
         --out",
        path.display()
    )]
    Checkpoint {
        /// The newest one.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },
    /// A file cannot be put into its format.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// The content of the file.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// The backend or rayclip panicked.
    #[error(
        "the device or its driver failed, or rayclip has a bug: {reason}; nothing that was saved is lost: \
         `rayclip resume` continues from the last checkpoint"
    )]
    Panic {
        /// The text of the panic.
        reason: String,
    },
    /// There is no such network, or it does not fit the images.
    #[error("the network {name} {reason}")]
    Network {
        /// Its name, or its file.
        name: String,
        /// What is wrong with it, as the predicate of a sentence.
        reason: String,
    },
    /// The data are not those for a network with weights.
    #[error("{name}: {reason}")]
    Unsuited {
        /// The file of the network.
        name: String,
        /// What differs, as a sentence.
        reason: String,
    },
    /// A file with a network cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The widths that a configuration asks for are impossible.
    #[error("{key}: {reason}")]
    Ladder {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// The network does not fit the device or the machine.
    #[error("{what} takes {} MiB, and {whose} {} MiB: set a smaller {key}", bytes >> 20, limit >> 20)]
    TooLarge {
        /// A tensor, or a network.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// Who sets the limit; the message continues with the limit.
        whose: &'static str,
        /// The limit, in bytes.
        limit: usize,
        /// The key to lower.
        key: &'static str,
    },
    /// The data set cannot be split as configured.
    #[error(transparent)]
    Data(#[from] rayclip_data::DataError),
    /// The network could not be built or saved.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The rays could not be reconstructed.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The device failed.
    #[error("the device failed while {doing}: {reason}")]
    Device {
        /// What it was doing.
        doing: &'static str,
        /// The backend's reason.
        reason: String,
    },
}

impl TrainerError {
    /// An invariant does not hold.
    pub(crate) fn fault(reason: &'static str) -> Self {
        Self::Fault { reason }
    }

    /// A key of the section `compression` makes no ladder.
    pub(crate) fn ladder(key: &str, reason: String) -> Self {
        Self::Ladder { key: format!("compression.{key}"), reason }
    }
}
