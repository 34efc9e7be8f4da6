//! What is shown of a panic: a few lines with what a report of it needs.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output;

/// The folder of the run that goes on.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether a panic was shown: those of other threads that follow are not the cause.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Has panics shown as a short report.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        if !SHOWN.swap(true, Ordering::Relaxed) {
            output::note(&report(panic));
        }
    }));
}

/// The folder that a report names from now on.
pub(crate) fn knows_folder(folder: &Path) {
    if let Ok(mut known) = FOLDER.lock() {
        *known = Some(folder.to_path_buf());
    }
}

fn report(panic: &PanicHookInfo<'_>) -> String {
    let reason = panic.payload_as_str().unwrap_or("no reason is known");
    let place = panic.location().map(|place| format!(" ({place})")).unwrap_or_default();
    let mut lines = vec![
        format!("rayclip {} has a fault, or the driver has: {reason}{place}", version()),
        format!("on {} {}", std::env::consts::OS, std::env::consts::ARCH),
    ];
    if let Some(folder) = FOLDER.lock().ok().and_then(|folder| folder.clone()) {
        let folder = folder.display();
        lines.push(format!("run folder: {folder}; `rayclip resume {folder}` goes on with it"));
    }
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => lines.push(trace.to_string()),
        _ => lines.push(format!(
            "please report this at {}/issues, with RUST_BACKTRACE=1 set if it happens again",
            env!("CARGO_PKG_REPOSITORY")
        )),
    }
    lines.join("\n")
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
