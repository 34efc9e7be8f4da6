//! The only places that print: results to stdout, all else to stderr.
//!
//! A reader that went away (`rayclip run | head`) is no reason to lose a run: what it cannot take is
//! dropped.

use std::io::{IsTerminal, Write};

/// Columns that rows and bars take where no terminal tells how wide it is.
const COLUMNS: usize = 80;

/// Columns that a line may take: those of the terminal, where there is one.
pub(crate) fn columns() -> usize {
    size().map_or(COLUMNS, |(columns, _)| usize::from(columns).max(1))
}

/// Columns and rows of the terminal that results go to, or else messages; nothing where there is none.
pub(crate) fn size() -> Option<(u16, u16)> {
    if !std::io::stdout().is_terminal() && !std::io::stderr().is_terminal() {
        return None;
    }
    // Some terminals say that they have none.
    ratatui::crossterm::terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

/// A line of results.
pub(crate) fn result(line: &str) {
    let _reader_went_away = writeln!(std::io::stdout(), "{}", shown(line));
}

/// A line for the person at the terminal.
pub(crate) fn note(line: &str) {
    let _reader_went_away = writeln!(std::io::stderr(), "{}", shown(line));
}

/// An error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("error: {}", chain(error)));
}

/// What a terminal does not obey: what files say of themselves may be in a line.
fn shown(line: &str) -> String {
    line.replace(|c: char| c.is_control() && !['\n', '\t'].contains(&c), "\u{fffd}")
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(shown("a \u{1b}[2J\n\tb"), "a \u{fffd}[2J\n\tb");
    }
}
