//! Where the libraries' warnings and the spans of a run go: warnings to stderr, spans to the file of `--trace`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tracing::subscriber::set_global_default;
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::output;

/// The crates whose spans are written.
const TRACED: [&str; 2] = ["rayclip_trainer", "cs_solver"];

/// A trace that is being written.
pub(crate) struct Trace {
    path: PathBuf,
    flush: FlushGuard,
    refused: Refused,
}

/// The most bytes of a trace without a span: its brackets.
const NO_SPAN: u64 = 8;

/// The first error of the file.
type Refused = Arc<Mutex<Option<io::Error>>>;

/// Receives all warnings, and all spans if there is a file for them.
///
/// # Errors
/// The file exists, or cannot be written.
pub(crate) fn install(file: Option<&Path>) -> anyhow::Result<Option<Trace>> {
    let (trace, layer) = match file {
        None => (None, None),
        Some(path) => {
            let file = File::create_new(path)
                .with_context(|| format!("--trace: cannot create {}", output::path(path)))?;
            let refused = Refused::default();
            let file = TraceFile { file, refused: Arc::clone(&refused) };
            let (layer, flush) = ChromeLayerBuilder::new()
                .writer(file)
                .include_args(true)
                .include_locations(false)
                .build();
            let spans = Targets::new().with_targets(TRACED.map(|name| (name, LevelFilter::INFO)));
            let path = path.to_owned();
            (Some(Trace { path, flush, refused }), Some(layer.with_filter(spans)))
        }
    };
    let warnings = fmt::layer()
        .with_writer(output::Warnings::new)
        .with_ansi(output::has_colours())
        .without_time()
        .with_target(false)
        .with_filter(LevelFilter::WARN);
    // `init` would show what other libraries log, too.
    set_global_default(registry().with(layer).with(warnings))?;
    Ok(trace)
}

impl Trace {
    /// Writes the end of the trace. The trace of a command that did nothing is deleted, so that it can be tried again.
    ///
    /// # Errors
    /// The file refused a part of the trace.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        drop(self.flush);
        if fs::metadata(&self.path).is_ok_and(|file| file.len() <= NO_SPAN) {
            return fs::remove_file(&self.path).context("--trace: the trace has no span");
        }
        match self.refused.lock().ok().and_then(|mut refused| refused.take()) {
            Some(error) => Err(error).context("--trace: the trace is incomplete"),
            None => Ok(()),
        }
    }
}

/// The file of a trace. Its writer panics at an error, so it is told none; the first one is kept for the end.
struct TraceFile {
    file: File,
    refused: Refused,
}

impl TraceFile {
    fn keep(&self, written: io::Result<()>) {
        if let (Err(error), Ok(mut refused)) = (written, self.refused.lock()) {
            refused.get_or_insert(error);
        }
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_all(bytes);
        self.keep(written);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.keep(flushed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_file_is_kept_and_the_writer_is_not_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = Refused::default();
        // Opened for reading alone, so it refuses what is written.
        let file = File::open(file.path()).unwrap();
        let mut file = TraceFile { file, refused: Arc::clone(&refused) };
        assert_eq!(file.write(b"[]").unwrap(), 2);
        assert!(refused.lock().unwrap().is_some());
    }
}
