//! The folder of a run: every path and every write in one place.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the resolved configuration; written first |
//! | `cycles.csv` | one row a clip, layer and replica |
//! | `timings.csv` | seconds and joules of every clip and replica |
//! | `kept/cycle_NN.json` | kept neurons after clip NN, in their first numbering |
//! | `rays/cycle_NN.safetensors` | measurements and rays of clip NN, where `dtc` takes them |
//! | `latency.csv` | milliseconds of a classification at the halvings of the width |
//! | `network.safetensors`, `network.json` | the final networks and their shape |
//! | `summary.json` | that the run goes on; written last, how it ended |
//! | `progress.json` | how far the run is, and what it took |
//! | `checkpoints/` | what the run goes on from (`checkpoint/mod.rs`); gone when it is finished |
//! | `.lock` | locked while a process works in the folder |
//!
//! Every file is written beside its place and renamed, so no reader finds half of one. What checkpoints
//! have too is synced when the run ends, all else at once. On a CPU a run that is repeated, or resumed,
//! writes the same bytes, but for `timings.csv`, `progress.json` and `latency.csv`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_data::PARTIAL;
use serde::Deserialize;

use crate::checkpoint::{Checkpoints, Schedule};
use crate::config::DeviceChoice;
use crate::differing::{described, differing};
use crate::lock::FolderLock;
use crate::{Outcome, RunConfig, TrainerError};

mod write;

pub(crate) use write::{Kept, LayerRays};

/// What a folder holds of the run of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is no folder, or nothing in it.
    Nothing,
    /// The run, not at its end.
    Unfinished,
    /// The run, at its end.
    Finished,
}

/// A run folder, in which no other process works.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    found: Found,
    _lock: FolderLock,
}

impl RunDir {
    /// Makes the folder `path`, which must not exist, and writes the configuration into it.
    ///
    /// # Errors
    /// It exists, or cannot be made or written to.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainerError> {
        if let Some(parent) = path.parent() {
            if let Some(file) = parent.ancestors().find(|ancestor| ancestor.is_file()) {
                return Err(TrainerError::NotAFolder { path: file.to_path_buf() });
            }
            fs::create_dir_all(parent)
                .map_err(|source| io("create the run folder's parent", parent, source))?;
        }
        fs::create_dir(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => TrainerError::RunFolderExists { path: path.to_path_buf() },
            _ => io("create the run folder", path, source),
        })?;
        Self::open(path, config)
    }

    /// Takes the folder `path`, which exists and holds nothing or a run of `config`, to go on with it;
    /// [`RunDir::found`] says which.
    ///
    /// # Errors
    /// It holds another run, another process works in it, or it cannot be written to.
    pub fn open(path: &Path, config: &RunConfig) -> Result<Self, TrainerError> {
        // What is another's gets no lock either.
        Self::find(path, config)?;
        let lock = FolderLock::take(path)?;
        // A process that had it until now may have changed what it holds.
        let found = Self::find(path, config)?;
        let run = Self { path: path.to_path_buf(), found, _lock: lock };
        remove_partial_files(&run.path)?;
        if found == Found::Nothing {
            run.write("config.toml", encode(config)?.as_bytes())?;
            run.write_cycles(&[])?;
        }
        Ok(run)
    }

    /// Of the folders `stem`, `stem-2`, `stem-3`, … in `parent`, takes the first that holds an unfinished run
    /// of `config` in which no process works, or else makes the first that does not exist; with `anew`,
    /// the latter at once.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn numbered(
        parent: &Path,
        stem: &str,
        config: &RunConfig,
        anew: bool,
    ) -> Result<Self, TrainerError> {
        let mut number = 1;
        let missing = loop {
            let name = if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") };
            let path = parent.join(name);
            if !path.exists() {
                break path;
            }
            if !anew && matches!(Self::find(&path, config), Ok(Found::Unfinished)) {
                match Self::open(&path, config) {
                    Err(TrainerError::Locked { .. }) => {}
                    Ok(run) if run.found == Found::Finished => {}
                    opened => return opened,
                }
            }
            number += 1;
        };
        match Self::create(&missing, config) {
            // Another process was faster.
            Err(TrainerError::RunFolderExists { .. }) => Self::numbered(parent, stem, config, anew),
            created => created,
        }
    }

    /// What the folder `path` holds of the run of `config`.
    ///
    /// # Errors
    /// There is another run, or something else, or it cannot be read.
    pub fn find(path: &Path, config: &RunConfig) -> Result<Found, TrainerError> {
        #[derive(Deserialize)]
        struct Ended {
            outcome: Outcome,
        }
        if !path.exists() {
            return Ok(Found::Nothing);
        }
        if !path.is_dir() {
            return Err(TrainerError::NotAFolder { path: path.to_path_buf() });
        }
        let Some(text) = read(path, "config.toml")? else {
            // A process that was killed at once may have left the folder alone.
            return if is_empty(path)? { Ok(Found::Nothing) } else { Err(no_run(path)) };
        };
        let mut stored: Option<RunConfig> = toml::from_slice(&text).ok();
        // One that was not resolved was begun on the device that is taken now, as far as is known.
        if let Some(stored) = stored.as_mut().filter(|stored| stored.device == DeviceChoice::Auto) {
            stored.device = config.device;
        }
        if stored.as_ref() != Some(config) {
            return Err(other_run(path, stored.as_ref(), config));
        }
        let summary = read(path, "summary.json")?;
        let ended = summary.and_then(|bytes| serde_json::from_slice::<Ended>(&bytes).ok());
        Ok(match ended {
            Some(Ended { outcome: Outcome::Finished }) => Found::Finished,
            _ => Found::Unfinished,
        })
    }

    /// SHA-256 of the data that the run in the folder was made with, where its summary tells.
    pub fn data_digest(path: &Path) -> Option<String> {
        #[derive(Deserialize)]
        struct Summary {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            digest: String,
        }
        let bytes = read(path, "summary.json").ok()??;
        Some(serde_json::from_slice::<Summary>(&bytes).ok()?.data.digest)
    }

    /// What it held when it was taken.
    pub fn found(&self) -> Found {
        self.found
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes what was written without syncing outlast a loss of power.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn sync(&self) -> Result<(), TrainerError> {
        let mut paths: Vec<PathBuf> =
            ["cycles.csv", "timings.csv"].map(|name| self.path.join(name)).into();
        for folder in ["kept", "rays"].map(|name| self.path.join(name)) {
            let entries = fs::read_dir(folder).into_iter().flatten();
            paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        for path in paths {
            rayclip_data::sync_file(&path).map_err(|source| io("sync", &path, source))?;
        }
        Ok(())
    }

    /// Removes what a run at its end needs no more.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn tidy(&self) -> Result<(), TrainerError> {
        self.checkpoints(Schedule::default()).clear()
    }

    /// Its checkpoints.
    pub(crate) fn checkpoints(&self, schedule: Schedule) -> Checkpoints {
        Checkpoints::of(&self.path, schedule)
    }

    /// Removes the files of all clips, and the networks of an interruption.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn clear_clips(&self) -> Result<(), TrainerError> {
        for name in ["kept", "rays"] {
            let path = self.path.join(name);
            match fs::remove_dir_all(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(io("remove", &path, source));
                }
                _ => {}
            }
        }
        for name in ["network.safetensors", "network.json"] {
            remove(&self.path.join(name))?;
        }
        Ok(())
    }
}

/// Removes what a process that was killed had begun to write.
fn remove_partial_files(run: &Path) -> Result<(), TrainerError> {
    for folder in ["", "kept", "rays", "checkpoints"].map(|name| run.join(name)) {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.map_err(|source| io("read", &folder, source))?;
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                remove(&entry.path())?;
            }
        }
    }
    Ok(())
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> Result<(), TrainerError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(io("remove", path, source)),
        _ => Ok(()),
    }
}

/// Bytes of the largest summary that is read; a configuration has less.
const LIMIT: u64 = 32 << 20;

/// A file of a run folder; nothing where there is none.
fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, TrainerError> {
    let path = folder.join(name);
    match rayclip_data::read_whole(&path, LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io("read", &path, source)),
    }
}

/// Whether there is nothing in a folder but what a process leaves that is killed at once.
fn is_empty(folder: &Path) -> Result<bool, TrainerError> {
    let entries = fs::read_dir(folder).map_err(|source| io("read", folder, source))?;
    Ok(entries.filter_map(Result::ok).all(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name == FolderLock::FILE || name.starts_with(PARTIAL)
    }))
}

/// A configuration as its file has it.
fn encode(config: &RunConfig) -> Result<String, TrainerError> {
    toml::to_string(config).map_err(not_encoded)
}

fn not_encoded(error: impl std::fmt::Display) -> TrainerError {
    TrainerError::Encode { what: "a file of the run", reason: error.to_string() }
}

fn no_run(path: &Path) -> TrainerError {
    let holds = "files that belong to no run (it has no config.toml)".into();
    TrainerError::OtherRun { path: path.to_path_buf(), holds }
}

/// What is said of a folder whose configuration is `stored`, if it can be read, and not `asked`.
fn other_run(path: &Path, stored: Option<&RunConfig>, asked: &RunConfig) -> TrainerError {
    let holds = match stored {
        Some(stored) => {
            format!("another run ({}): {}", described(stored), differing(stored, asked))
        }
        None => "a config.toml that this version of rayclip cannot read, of another run".into(),
    };
    TrainerError::OtherRun { path: path.to_path_buf(), holds }
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> TrainerError {
    TrainerError::Io { action, path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, resolve};

    #[test]
    fn an_existing_folder_is_left_alone_and_a_numbered_one_gets_the_next_number() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let numbered = |anew| RunDir::numbered(parent.path(), "run", &config, anew).unwrap();
        let first = numbered(false);
        let refused = RunDir::create(first.path(), &config).unwrap_err();
        assert!(matches!(refused, TrainerError::RunFolderExists { .. }), "{refused}");
        // A process works in the first, and it is ours.
        let second = numbered(false);
        assert_eq!(second.path(), parent.path().join("run-2"));
        let first_path = first.path().to_path_buf();
        drop(first);
        assert_eq!(numbered(true).path(), parent.path().join("run-3"));
        assert_eq!(numbered(false).path(), first_path);
        fs::write(first_path.join("config.toml"), "mine").unwrap();
        assert_eq!(numbered(false).path(), parent.path().join("run-3"));
        assert_eq!(fs::read_to_string(first_path.join("config.toml")).unwrap(), "mine");
    }

    #[test]
    fn only_the_same_run_is_gone_on_with() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let config = resolve(&Layers::default()).unwrap();
        let find = || RunDir::find(&path, &config);
        assert_eq!(find().unwrap(), Found::Nothing);
        fs::create_dir(&path).unwrap();
        fs::write(path.join(".partial-x"), "half").unwrap();
        assert_eq!(find().unwrap(), Found::Nothing);
        drop(RunDir::open(&path, &config).unwrap());
        assert_eq!(find().unwrap(), Found::Unfinished);
        assert!(!path.join(".partial-x").exists());
        let summary = r#"{"outcome":"finished","data":{"digest":"d"}}"#;
        fs::write(path.join("summary.json"), summary).unwrap();
        assert_eq!(find().unwrap(), Found::Finished);
        assert_eq!(RunDir::data_digest(&path).unwrap(), "d");
        let other = RunConfig { seed: 77, ..config.clone() };
        let message = RunDir::open(&path, &other).unwrap_err().to_string();
        for part in ["another run (dtc on digits, seed 0)", "seed is 0 there and 77 here"] {
            assert!(message.contains(part), "{message}");
        }
        fs::write(parent.path().join("file"), "").unwrap();
        let file = RunDir::find(&parent.path().join("file"), &config).unwrap_err();
        assert!(matches!(file, TrainerError::NotAFolder { .. }), "{file}");
        fs::remove_file(path.join("config.toml")).unwrap();
        assert!(matches!(find(), Err(TrainerError::OtherRun { .. })));
    }

    #[test]
    fn what_was_half_written_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let config = resolve(&Layers::default()).unwrap();
        drop(RunDir::create(&path, &config).unwrap());
        let partial = path.join("kept").join(format!("{PARTIAL}abc"));
        fs::create_dir(path.join("kept")).unwrap();
        fs::write(&partial, "half").unwrap();
        let _run = RunDir::open(&path, &config).unwrap();
        assert!(!partial.exists());
        let refused = RunDir::open(&path, &config).unwrap_err();
        assert!(matches!(refused, TrainerError::Locked { .. }), "{refused}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let message = RunDir::create(&file.join("run"), &config).unwrap_err().to_string();
        assert!(message.contains(&file.display().to_string()), "{message}");
    }
}
