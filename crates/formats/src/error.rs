//! Errors of files with networks.

use std::io;
use std::path::{Path, PathBuf};

use rayclip_model::ModelError;
use rayclip_onnx::OnnxError;

/// Why a network could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is damaged, or is no file with a network.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A pickle asks for code. It was not run.
    #[error(
        "{}: it asks Python to run {code}, which is refused; save only tensors: torch.save(model.state_dict(), path)",
        path.display()
    )]
    Code {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        code: String,
    },
    /// A pickle holds a module instead of its tensors.
    #[error(
        "{}: it is a whole module ({class}), which only Python with its classes can read; save its state_dict instead: \
         torch.save(model.state_dict(), path)",
        path.display()
    )]
    WholeModule {
        /// The file.
        path: PathBuf,
        /// The class of the module.
        class: String,
    },
    /// A network lacks a tensor.
    #[error("{}: the tensor {tensor} {expected:?} is missing{remedy}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The extents that the graph asks for.
        expected: Vec<usize>,
        /// What it may have been named instead.
        remedy: String,
    },
    /// A tensor has other extents than the graph asks for.
    #[error("{}: the tensor {tensor} is {found:?}, expected {expected:?}", path.display())]
    Extents {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The extents that the graph asks for.
        expected: Vec<usize>,
        /// Its extents.
        found: Vec<usize>,
    },
    /// The graph has no use for a tensor.
    #[error(
        "{}: the graph has no tensor {tensor} {found:?}{}: it is not the graph of this network",
        path.display(),
        others(*more)
    )]
    Unused {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its extents.
        found: Vec<usize>,
        /// The number of other tensors without a use.
        more: usize,
    },
    /// A number of a tensor is infinite or none.
    #[error(
        "{}: the tensor {tensor} has numbers that are not finite, {count} of {of}, the first is {found}; the network has \
         diverged, or the file is damaged",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The first such number.
        found: f32,
        /// How many there are.
        count: usize,
        /// The number of all its numbers.
        of: usize,
    },
    /// A tensor has elements that are not floats.
    #[error("{}: the elements of {tensor} are {found}, expected float32, float16, bfloat16 or float64{remedy}", path.display())]
    Elements {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type of its elements.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A file has tensors only, and they do not say what the network computes.
    #[error(
        "{}: a state dict does not say what the network computes, and {reason}; say it with --graph FILE (TOML or \
         JSON, as `rayclip inspect` takes it)",
        path.display()
    )]
    Topology {
        /// The file.
        path: PathBuf,
        /// Why it cannot be inferred.
        reason: String,
    },
    /// A file has several networks, or not the one that was asked for.
    #[error("{}: {reason}", path.display())]
    Replica {
        /// The file or folder.
        path: PathBuf,
        /// What there is, and how to choose.
        reason: String,
    },
    /// A graph cannot be computed.
    #[error("{}", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ModelError,
    },
    /// A network has operations that are not computed here.
    #[error(
        "{}: it cannot be run here, only clipped (rayclip clip): {}{}", path.display(), first(obstacles), more(obstacles)
    )]
    NotComputed {
        /// The file.
        path: PathBuf,
        /// One reason for every node.
        obstacles: Vec<String>,
    },
    /// A network cannot be written in a format.
    #[error("the network cannot be written as {format}: {reason}")]
    Unwritten {
        /// The format.
        format: &'static str,
        /// Why.
        reason: String,
    },
    /// A file is there already.
    #[error("{} exists, and nothing was overwritten: name another one, or add --force", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// An ONNX file could not be read or written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A device failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl FormatError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn replica(path: &Path, reason: impl Into<String>) -> Self {
        Self::Replica { path: path.into(), reason: reason.into() }
    }
}

fn first(obstacles: &[String]) -> &str {
    obstacles.first().map_or("", String::as_str)
}

fn more(obstacles: &[String]) -> String {
    match obstacles.len() {
        0 | 1 => String::new(),
        all => format!("; and {} more", all - 1),
    }
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => ", nor another one of the file".to_owned(),
        more => format!(", nor {more} others of the file"),
    }
}
