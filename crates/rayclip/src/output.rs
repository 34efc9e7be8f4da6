//! The only places that print: results to stdout, all else to stderr.
//!
//! A reader that went away (`rayclip run | head`) is no reason to lose a run: what it cannot take is
//! dropped. A file or a disk that refuses results is: [`end`] says so.
//!
//! What files say of themselves may be in a line. Nothing that a terminal obeys is printed; an error is one
//! line, whatever is in it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use rayclip_data::{is_obeyed, plain_within};

/// Characters of one cause of an error.
const CAUSE: usize = 1000;

/// Characters of a path; Linux has no longer one.
const PATH: usize = 4096;

/// Why results did not get out, the first time that they did not.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Columns that rows and bars take where no terminal tells how wide it is.
const COLUMNS: usize = 80;

/// Columns that a line may take: those of the terminal, where there is one.
pub(crate) fn columns() -> usize {
    size().map_or(COLUMNS, |(columns, _)| usize::from(columns).max(1))
}

/// Columns and rows of the terminal that results go to, or else messages; nothing where there is none.
pub(crate) fn size() -> Option<(u16, u16)> {
    if !io::stdout().is_terminal() && !io::stderr().is_terminal() {
        return None;
    }
    // Some terminals say that they have none.
    ratatui::crossterm::terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

/// A sentence of results. A terminal gets it in lines that end between words.
pub(crate) fn sentence(text: &str) {
    if !io::stdout().is_terminal() {
        return result(text);
    }
    for line in wrapped(text, columns()) {
        result(&line);
    }
}

/// Lines of whole words, each of at most `room` columns where no word is longer.
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

/// A line of results.
pub(crate) fn result(line: &str) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", shown(line)).and_then(|()| stdout.flush());
    if let Err(error) = written {
        refused(error);
    }
}

/// Takes note that stdout refuses results; of a reader that went away, none is taken.
pub(crate) fn refused(error: io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut first) = REFUSED.lock()
    {
        first.get_or_insert(error);
    }
}

/// The exit code of a process that would have ended with `code`: 2 where results did not get out, which
/// is said.
pub(crate) fn end(code: ExitCode) -> ExitCode {
    let refused = REFUSED.lock().ok().and_then(|mut refused| refused.take());
    let Some(reason) = refused else { return code };
    error(&anyhow::Error::new(reason).context("cannot write the results to stdout"));
    ExitCode::from(2)
}

/// A line for the person at the terminal.
pub(crate) fn note(line: &str) {
    let _reader_went_away = writeln!(io::stderr(), "{}", shown(line));
}

/// An error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("error: {}", chain(error)));
}

/// What a terminal shows as it is; lines and columns are ours.
fn shown(line: &str) -> String {
    line.replace(|c: char| is_obeyed(c) && !['\n', '\t'].contains(&c), "\u{fffd}")
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let texts: Vec<String> =
        error.chain().map(|cause| plain_within(&cause.to_string(), CAUSE)).collect();
    texts.join(": ")
}

/// A path, as it may stand in a line.
pub(crate) fn path(path: &Path) -> String {
    plain_within(&path.display().to_string(), PATH)
}

/// What a file says, as it may stand in a line.
pub(crate) fn text(said: &str) -> String {
    plain_within(said, CAUSE)
}

/// Whether stderr takes colours: it is a terminal, and nobody has set `NO_COLOR` (<https://no-color.org>).
pub(crate) fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !unwanted
}

/// Where the libraries' warnings go: stderr, each as one line of text.
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

/// A warning with the end of its line, as stderr shows it.
fn warning(bytes: &[u8], coloured: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    // The colours are the subscriber's own, which escapes what is in the message.
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
