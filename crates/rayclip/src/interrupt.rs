//! Ctrl-C: the first one ends the run after the current batch, the second one ends the process.

use std::sync::OnceLock;

use anyhow::Context;
use rayclip_trainer::Interrupter;

use crate::output;

/// The exit code of an interrupted run.
pub(crate) const EXIT_CODE: u8 = 130;

/// What the handler interrupts. A command may do several runs, and a process can have one handler.
static INTERRUPTER: OnceLock<Interrupter> = OnceLock::new();

/// Handles Ctrl-C and the termination signals; returns the object through which they interrupt all runs of the command.
///
/// # Errors
/// The handler cannot be installed.
pub(crate) fn listen() -> anyhow::Result<Interrupter> {
    if let Some(interrupter) = INTERRUPTER.get() {
        return Ok(interrupter.clone());
    }
    let interrupter = Interrupter::default();
    let asked = interrupter.clone();
    ctrlc::set_handler(move || {
        if asked.interrupt() {
            std::process::exit(i32::from(EXIT_CODE));
        }
        output::note("ending after the current batch; press Ctrl-C again to end immediately");
    })
    .context("cannot handle Ctrl-C")?;
    Ok(INTERRUPTER.get_or_init(|| interrupter).clone())
}
