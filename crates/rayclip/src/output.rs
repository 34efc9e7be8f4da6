//! The only places that print: results to stdout, all else to stderr.
//!
//! A reader that went away (`rayclip run | head`) is no reason to lose a run: what it cannot take is
//! dropped.

use std::io::Write;

/// A line of results.
pub(crate) fn result(line: &str) {
    let _reader_went_away = writeln!(std::io::stdout(), "{line}");
}

/// A line for the person at the terminal.
pub(crate) fn note(line: &str) {
    let _reader_went_away = writeln!(std::io::stderr(), "{line}");
}

/// An error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().skip(1).map(|cause| format!(": {cause}")).collect();
    note(&format!("error: {error}{}", causes.concat()));
}
