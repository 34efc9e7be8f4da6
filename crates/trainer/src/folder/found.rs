//! What a folder holds of the run of a configuration, before it is locked.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rayclip_data::{is_partial, read_whole};
use rayclip_run_folder::config::{DeviceChoice, RunConfig, described, differing};
use rayclip_run_folder::read::stored;
use rayclip_run_folder::write::RunFolder;
use rayclip_run_folder::{Outcome, RunFolderError, limits, paths};
use serde::Deserialize;

use super::origin;
use crate::error::TrainerError;

/// What a folder holds of the run of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The folder is missing or empty.
    Nothing,
    /// The unfinished run.
    Unfinished,
    /// The finished run.
    Finished,
}

impl Found {
    /// Returns what the folder `path` holds of the run of `config`.
    ///
    /// # Errors
    /// The folder holds another run or other files, or cannot be read; or the file that says whether the run is
    /// finished is damaged, and there are results but no checkpoint.
    pub fn of(path: &Path, config: &RunConfig) -> Result<Self, TrainerError> {
        if !path.exists() {
            return Ok(Self::Nothing);
        }
        if !path.is_dir() {
            return Err(TrainerError::NotAFolder { path: path.to_path_buf() });
        }
        let Some(text) = stored_file(path, paths::CONFIG)? else {
            // A process that was killed early may have left an empty folder.
            return if is_empty(path)? { Ok(Self::Nothing) } else { Err(no_run(path)) };
        };
        check_config(path, &text, config)?;
        let summary = stored_file(path, paths::SUMMARY)?;
        let is_missing = summary.is_none();
        match summary.and_then(|bytes| serde_json::from_slice::<Ended>(&bytes).ok()) {
            Some(Ended { outcome: Outcome::Finished }) => Ok(Self::Finished),
            None if would_be_undone(path)? => {
                let reason = if is_missing { "is missing" } else { "is damaged" };
                Err(TrainerError::WouldBeUndone { path: path.join(paths::SUMMARY), reason })
            }
            _ => Ok(Self::Unfinished),
        }
    }
}

/// The outcome in a summary.
#[derive(Deserialize)]
struct Ended {
    outcome: Outcome,
}

/// Refuses a folder whose stored configuration differs from `asked`.
fn check_config(path: &Path, text: &[u8], asked: &RunConfig) -> Result<(), TrainerError> {
    let Ok(mut found) = toml::from_slice::<RunConfig>(text) else {
        let holds = "another run, whose config.toml this version of rayclip cannot read";
        return Err(TrainerError::OtherRun { path: path.to_path_buf(), holds: holds.into() });
    };
    // If the stored device is `auto`, it counts as the current device, because no more is known. If `auto` is asked
    // for, any stored device fits.
    if [found.device, asked.device].contains(&DeviceChoice::Auto) {
        found.device = asked.device;
    }
    // A folder of images is the same under every path.
    if origin::is_same(path, &found.data.source, &asked.data.source) {
        found.data.source.clone_from(&asked.data.source);
    }
    if found == *asked {
        return Ok(());
    }
    let holds = format!("another run ({}): {}", described(&found), differing(&found, asked));
    Err(TrainerError::OtherRun { path: path.to_path_buf(), holds })
}

/// Reads a small file of a run folder as it was written.
pub(super) fn stored_file(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, TrainerError> {
    Ok(stored(folder, name).map_err(RunFolderError::io("read", &folder.join(name)))?)
}

/// Returns whether a restart would remove results, because there is no checkpoint to resume from.
fn would_be_undone(path: &Path) -> Result<bool, TrainerError> {
    if !RunFolder::from(path).checkpoints().all()?.is_empty() {
        return Ok(false);
    }
    let results = [paths::KEPT, paths::WEIGHTS, paths::MANIFEST];
    if results.iter().any(|name| path.join(name).exists()) {
        return Ok(true);
    }
    let table = path.join(paths::CYCLES);
    let rows = match read_whole(&table, limits::CLIPS_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        rows => rows.map_err(RunFolderError::io("read", &table))?,
    };
    // The first line is the header.
    Ok(rows.split(|byte| *byte == b'\n').nth(1).is_some_and(|row| !row.is_empty()))
}

/// Returns whether a folder holds nothing but the leftovers of a process that was killed early.
fn is_empty(folder: &Path) -> Result<bool, TrainerError> {
    let entries = fs::read_dir(folder).map_err(RunFolderError::io("read", folder))?;
    Ok(entries.filter_map(Result::ok).all(|entry| {
        let name = entry.file_name();
        name == paths::LOCK || is_partial(&name)
    }))
}

fn no_run(path: &Path) -> TrainerError {
    let holds = "files but no run (there is no config.toml)".into();
    TrainerError::OtherRun { path: path.to_path_buf(), holds }
}
