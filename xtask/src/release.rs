//! The release binary: builds it as a user does, and measures its memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;

/// How often the peak memory of the running process is read.
const POLL: Duration = Duration::from_millis(20);

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the target folder of cargo.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the release binary and returns its path.
///
/// # Errors
/// The build fails.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    // The variables that `cargo xtask` sets for this process would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let status = build.args(["build", "--release"]).current_dir(root()).status()?;
    ensure!(status.success(), "the release build failed");
    Ok(target().join("release").join("rayclip"))
}

/// Waits for the process to end. Returns its peak memory in MiB, if the system has `/proc`.
///
/// # Errors
/// The process cannot be waited for.
pub(crate) fn watch(child: &mut Child) -> anyhow::Result<Option<f64>> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        peak = fs::read_to_string(&status).ok().as_deref().and_then(peak_of).or(peak);
        sleep(POLL);
    }
    Ok(peak)
}

/// Returns the MiB from the line `VmHWM: … kB`.
fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_peak_in_mebibytes() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n"), Some(2.0));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }
}
