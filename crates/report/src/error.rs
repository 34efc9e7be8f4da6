//! Why a run cannot be reported.

use std::path::PathBuf;

/// A run folder that cannot be read.
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
    /// A folder holds no run itself.
    #[error("{} is not the folder of a run: there is no cycles.csv in it{}", path.display(), inside(holds))]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// Folders of runs in it.
        holds: Vec<String>,
    },
    /// A file has not the columns or keys that it must have.
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
    /// Two runs have not the same data or ladder.
    #[error(
        "{} and {} do not compare, their {what} differ: {of_first} | {of_second}",
        first.display(), second.display()
    )]
    NotComparable {
        /// What differs.
        what: &'static str,
        /// A run folder.
        first: PathBuf,
        /// What it has.
        of_first: String,
        /// Another run folder.
        second: PathBuf,
        /// What that one has.
        of_second: String,
    },
    /// No method has this name.
    #[error("no method is named `{name}` here; there are {known}")]
    UnknownMethod {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A report would be written over something else.
    #[error("{} holds something that is no report; name another folder with --out", path.display())]
    OtherFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A figure cannot be drawn, or is not there to be shown.
    #[error("cannot draw the figure {figure}: {reason}; the tables hold its points")]
    Figure {
        /// Name of its files.
        figure: &'static str,
        /// What went wrong.
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

/// Runs that a message names.
const NAMED: usize = 10;

fn inside(holds: &[String]) -> String {
    if holds.is_empty() {
        String::new()
    } else {
        let more = if holds.len() > NAMED { ", …" } else { "" };
        let named: Vec<&str> = holds.iter().take(NAMED).map(String::as_str).collect();
        format!("; it holds the runs {}{more}", named.join(", "))
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
