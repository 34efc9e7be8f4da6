//! Errors of reports.

use std::path::PathBuf;

/// The reason why a run cannot be reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of a run cannot be read.
    #[error(transparent)]
    Folder(#[from] rayclip_run_folder::RunFolderError),
    /// A folder is not the folder of a run.
    #[error("{} is not the folder of a run: it has no cycles.csv{}", path.display(), inside(holds))]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// Folders of runs inside it.
        holds: Vec<String>,
    },
    /// A file does not have the columns or keys that it must have.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No run was named.
    #[error("there is no run to compare")]
    Nothing,
    /// Two runs have different data or ladders.
    #[error(
        "cannot compare {} and {}: their {what} differ: {of_first} | {of_second}",
        first.display(), second.display()
    )]
    NotComparable {
        /// What differs.
        what: &'static str,
        /// A run folder.
        first: PathBuf,
        /// Its value.
        of_first: String,
        /// Another run folder.
        second: PathBuf,
        /// Its value.
        of_second: String,
    },
    /// No method has this name.
    #[error("no method is named `{name}` here; known methods: {known}")]
    UnknownMethod {
        /// The given name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A folder contains something other than a report.
    #[error("{} contains something other than a report; name another folder with --out", path.display())]
    OtherFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A figure cannot be drawn, or does not exist.
    #[error("cannot draw the figure {figure}: {reason}; its points are in the tables")]
    Figure {
        /// Name of its files.
        figure: &'static str,
        /// The reason.
        reason: String,
    },
    /// The scores of images cannot be counted.
    #[error("the scores of the network cannot be counted: {reason}")]
    Scores {
        /// What is wrong with them.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The largest number of runs that a message names.
const NAMED: usize = 10;

fn inside(holds: &[String]) -> String {
    if holds.is_empty() {
        String::new()
    } else {
        let more = if holds.len() > NAMED { ", …" } else { "" };
        let named: Vec<&str> = holds.iter().take(NAMED).map(String::as_str).collect();
        format!("; it contains the runs {}{more}", named.join(", "))
    }
}

/// Returns an error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
