//! Prints everything: results to stdout, all other lines to stderr.
//!
//! If the reader of stdout ends early (`rayclip run | head`), the run continues, and the output for it is
//! dropped. If a file or a disk refuses results, [`end`] reports it.
//!
//! A line may contain text from files. Characters that control a terminal are replaced, and an error is always
//! one line.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use rayclip_data::{is_obeyed, plain_within};

/// The most characters of one cause of an error.
const CAUSE: usize = 1000;

/// The most characters of a path; Linux has no longer ones.
const PATH: usize = 4096;

/// The first error of writing results to stdout.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// The width of rows and bars if there is no terminal.
const COLUMNS: usize = 80;

/// Returns the columns that a line may have: those of the terminal, if there is one.
pub(crate) fn columns() -> usize {
    size().map_or(COLUMNS, |(columns, _)| usize::from(columns).max(1))
}

/// Returns the columns and rows of the terminal that shows results or messages; `None` if there is none.
pub(crate) fn size() -> Option<(u16, u16)> {
    if !io::stdout().is_terminal() && !io::stderr().is_terminal() {
        return None;
    }
    // Some terminals report zero.
    ratatui::crossterm::terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

/// Prints a sentence of results. On a terminal, the lines break between words.
pub(crate) fn sentence(text: &str) {
    if !io::stdout().is_terminal() {
        return result(text);
    }
    for line in wrapped(text, columns()) {
        result(&line);
    }
}

/// Splits a text into lines of whole words. A line has at most `room` columns, unless one word is longer.
pub(crate) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Prints a line of results.
pub(crate) fn result(line: &str) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", shown(line)).and_then(|()| stdout.flush());
    if let Err(error) = written {
        refused(error);
    }
}

/// Records that stdout refuses results. A reader that ended early is not recorded.
pub(crate) fn refused(error: io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut first) = REFUSED.lock()
    {
        first.get_or_insert(error);
    }
}

/// Returns the exit code of the process: `code`, or 2 if results could not be written. Then it prints the error.
pub(crate) fn end(code: ExitCode) -> ExitCode {
    let refused = REFUSED.lock().ok().and_then(|mut refused| refused.take());
    let Some(reason) = refused else { return code };
    error(&anyhow::Error::new(reason).context("cannot write the results to stdout"));
    ExitCode::from(2)
}

/// Prints a message to stderr.
pub(crate) fn note(line: &str) {
    let _reader_went_away = writeln!(io::stderr(), "{}", shown(line));
}

/// Prints an error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("error: {}", chain(error)));
}

/// Replaces the characters that control a terminal, except for line ends and tabs.
fn shown(line: &str) -> String {
    line.replace(|c: char| is_obeyed(c) && !['\n', '\t'].contains(&c), "\u{fffd}")
}

/// Returns an error with its causes, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let texts: Vec<String> =
        error.chain().map(|cause| plain_within(&cause.to_string(), CAUSE)).collect();
    texts.join(": ")
}

/// Returns a path as text that is safe to print in a line.
pub(crate) fn path(path: &Path) -> String {
    plain_within(&path.display().to_string(), PATH)
}

/// Returns text from a file so that it is safe to print in a line.
pub(crate) fn text(said: &str) -> String {
    plain_within(said, CAUSE)
}

/// Whether stderr shows colours: it is a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
pub(crate) fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !unwanted
}

/// The writer of the libraries' warnings: each is one line on stderr.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    coloured: bool,
}

impl Warnings {
    pub(crate) fn new() -> Self {
        Self { coloured: has_colours() }
    }
}

impl Write for Warnings {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(warning(bytes, self.coloured).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Returns a warning as one line for stderr, with its line end.
fn warning(bytes: &[u8], coloured: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    // The escapes for colours come from the subscriber. It escapes those in the message itself.
    let is_obeyed = |c: char| is_obeyed(c) && !(coloured && c == '\u{1b}');
    line.replace(is_obeyed, "\u{fffd}") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(shown("a \u{1b}[2J\n\tb\u{202e}"), "a \u{fffd}[2J\n\tb\u{fffd}");
        assert_eq!(path("a\nb".as_ref()), "a\u{fffd}b");
        let warned = warning(b"WARN a\nb \x1b[2J\n", false);
        assert_eq!(warned, "WARN a\u{fffd}b \u{fffd}[2J\n");
    }

    #[test]
    fn an_error_is_one_line_of_a_length_that_is_read() {
        let inner = anyhow::anyhow!("in the file{}\nerror: forged\n: the remedy", "x".repeat(9999));
        let text = chain(&inner.context("a\nb"));
        assert!(text.starts_with("a\u{fffd}b: in the filexxx"), "{text}");
        assert!(text.ends_with("\u{fffd}error: forged\u{fffd}: the remedy"), "{text}");
        assert!(text.chars().count() < 1100 && !text.contains('\n'), "{text}");
    }
}
