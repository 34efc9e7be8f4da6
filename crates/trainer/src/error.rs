//! What can end a run before its time.

use std::io;
use std::path::PathBuf;

use cs_solver::SolverError;
use rayclip_model::ModelError;

use crate::Divergence;

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why a run could not begin or go on. Every message names the key, file or replica.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainerError {
    /// There is no preset of this name.
    #[error("unknown preset `{name}`; the presets are {known}")]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no key of this name.
    #[error("unknown key `{key}` ({origin}); did you mean `{nearest}`?")]
    UnknownKey {
        /// What was set.
        key: String,
        /// The known key most like it.
        nearest: String,
        /// The file or flag.
        origin: String,
    },
    /// A key has a value of the wrong type or out of range.
    #[error("configuration key `{key}`: {reason}")]
    Value {
        /// The dotted key.
        key: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A file or a flag gives a key a value of the wrong type or out of range.
    #[error("{origin}: configuration key `{key}`: {reason}")]
    Setting {
        /// The dotted key.
        key: String,
        /// The file or flag.
        origin: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A configuration file is not TOML.
    #[error("{} is not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The run folder is there already.
    #[error("run folder {} exists; nothing was overwritten: name another one with --out", path.display())]
    RunFolderExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works in the folder.
    #[error(
        "{} is at work in {}: wait for it, or end it, or name another folder with --out",
        process.map_or("another process".to_owned(), |process| format!("process {process}")),
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The number of the process.
        process: Option<u32>,
    },
    /// A folder holds another run than the one that is to be resumed, or other files.
    #[error("{} holds {holds}; nothing was changed: name another folder with --out", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// Which run, and the keys that differ; or that there is none.
        holds: String,
    },
    /// A file is where a folder should be.
    #[error("{} is a file; --out takes a folder: name another one", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder holds the run that is wanted, with other data.
    #[error("{} holds this run with other data; nothing was touched: name another folder with --out", path.display())]
    OtherData {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint is of another configuration than its folder.
    #[error(
        "{} is not of the configuration that config.toml says: {}; nothing was touched: put back what was edited, \
         take the file away if it is another run's, or name another folder with --out",
        path.display(), keys.join(", ")
    )]
    OtherConfiguration {
        /// The checkpoint.
        path: PathBuf,
        /// The keys that differ, with both values.
        keys: Vec<String>,
    },
    /// What says whether a run is finished cannot be read, and beginning anew would remove what it left.
    #[error(
        "{} {reason}, and there is no checkpoint to go on from; nothing was run or removed: restore the file from a \
         copy, or train again in another folder (--out)",
        path.display()
    )]
    WouldBeUndone {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of a finished run is not as it was.
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
    /// No replica is left.
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
        /// What was configured.
        learning_rate: f64,
    },
    /// A rebuilt network is not the larger one without the clipped neurons.
    #[error(
        "rebuilding hidden layer {layer} in cycle {cycle} changed more than the clipped neurons: \
         {reason}; nothing was trained on it. This is a fault of the device or of rayclip"
    )]
    Rebuild {
        /// The hidden layer.
        layer: usize,
        /// The cycle.
        cycle: usize,
        /// What differs.
        reason: String,
    },
    /// A replica diverged, and that was to end the run.
    #[error(
        "{0}; nothing is lost: `rayclip resume` with --on-divergence freeze goes on with the others"
    )]
    Diverged(Divergence),
    /// The device does not repeat itself, and that was asked for.
    #[error(
        "--deterministic: {device} gives other bits for the same batch again; take --device flex, or leave it out"
    )]
    NotDeterministic {
        /// Backend and adapter.
        device: String,
    },
    /// There are checkpoints, and none can be used.
    #[error(
        "no checkpoint can be used, and they were left alone: {}: {reason}; to begin anew, name another folder \
         with --out",
        path.display()
    )]
    Checkpoint {
        /// The last of them.
        path: PathBuf,
        /// What keeps it from being used.
        reason: String,
    },
    /// A file that the run needs cannot be made.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// What was to be written.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// The backend, or rayclip, gave up.
    #[error(
        "the device or its driver failed, or rayclip has a fault: {reason}; nothing that was saved is lost: \
         `rayclip resume` goes on from the last checkpoint"
    )]
    Panic {
        /// What it said.
        reason: String,
    },
    /// The network does not fit the device or the machine.
    #[error("{what} takes {} MiB, and {whose} {} MiB: set a smaller {key}", bytes >> 20, limit >> 20)]
    TooLarge {
        /// A tensor, or a network.
        what: &'static str,
        /// What it takes.
        bytes: usize,
        /// Who sets the limit, as a sentence that ends with it.
        whose: &'static str,
        /// The limit, in bytes.
        limit: usize,
        /// The key that makes it smaller.
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
