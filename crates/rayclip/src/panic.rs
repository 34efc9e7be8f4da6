//! Shows a panic as a few lines that are enough for a bug report.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayclip_data::plain;

use crate::output;

/// The folder of the current run.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether a panic was shown. Later panics of other threads are not the cause, and are not shown.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Installs a panic hook that prints a short report.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        if !SHOWN.swap(true, Ordering::Relaxed) {
            output::note(&report(panic));
        }
    }));
}

/// Sets the run folder that a report names.
pub(crate) fn knows_folder(folder: &Path) {
    if let Ok(mut known) = FOLDER.lock() {
        *known = Some(folder.to_path_buf());
    }
}

fn report(panic: &PanicHookInfo<'_>) -> String {
    let reason = plain(panic.payload_as_str().unwrap_or("unknown reason"));
    let location = panic.location().map(ToString::to_string);
    let folder = FOLDER.lock().ok().and_then(|folder| folder.clone());
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    lines(&reason, location.as_deref(), folder.as_deref(), trace)
}

fn lines(
    reason: &str,
    location: Option<&str>,
    folder: Option<&Path>,
    trace: Option<String>,
) -> String {
    let location = location.map(|location| format!(" ({location})")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut lines = vec![
        format!("rayclip {version} crashed (a bug in it or in a driver): {reason}{location}"),
        format!("on {} {}", std::env::consts::OS, std::env::consts::ARCH),
    ];
    if let Some(folder) = folder {
        let folder = output::path(folder);
        lines.push(format!("run folder: {folder}; `rayclip resume {folder}` resumes the run"));
    }
    lines.push(trace.unwrap_or_else(|| {
        let page = env!("CARGO_PKG_REPOSITORY");
        format!("please report this at {page}/issues, with RUST_BACKTRACE=1 if it happens again")
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_version_folder_and_what_to_do() {
        let text =
            lines("index out of bounds", Some("src/a.rs:3:5"), Some("runs/a".as_ref()), None);
        for part in [
            env!("CARGO_PKG_VERSION"),
            "index out of bounds (src/a.rs:3:5)",
            "`rayclip resume runs/a`",
            "/issues",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = lines("no reason", None, None, Some("0: main".into()));
        assert!(text.ends_with("0: main") && !text.contains("run folder"), "{text}");
    }
}
