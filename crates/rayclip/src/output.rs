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
    note(&format!("error: {}", chain(error)));
}

/// An error with its causes, in one line. What files say of themselves may be in it: a terminal must not obey.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    let obeyed = |c: char| c.is_control() && c != '\n';
    texts.join(": ").replace(obeyed, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        let error = anyhow::anyhow!("inner \u{1b}[2J").context("outer");
        assert_eq!(chain(&error), "outer: inner \u{fffd}[2J");
    }
}
