//! Ctrl-C: the first ends the run after the current batch, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::output;

/// Exit code of a run that was asked to end early.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether the process was asked to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to Ctrl-C and the termination signals.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let flag = interrupt.clone();
        ctrlc::set_handler(move || {
            if flag.0.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(EXIT_CODE));
            }
            output::note("ending after the current batch; once more to end at once");
        })
        .context("cannot listen to Ctrl-C")?;
        Ok(interrupt)
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
