//! The folder of a run: every path and every write in one place.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the resolved configuration; written first |
//! | `cycles.csv` | one row a clip, layer and replica |
//! | `timings.csv` | seconds and joules of every clip and replica |
//! | `kept/cycle_NN.json` | kept neurons after clip NN, in their first numbering |
//! | `rays/cycle_NN.safetensors` | measurements and rays of clip NN, where `dtc` takes them |
//! | `networks/METHOD_seed_S/` | the network of every rung, as PyTorch reads it (`networks.rs`) |
//! | `predictions/` | what it predicts of the test images (`predictions.rs`) |
//! | `latency.csv` | milliseconds of a classification at the halvings of the width |
//! | `network.safetensors`, `network.json` | the final networks and their shape |
//! | `summary.json` | that the run goes on; at its end, how it ended |
//! | `progress.json` | how far the run is, and what it took |
//! | `manifest.json` | SHA-256 of all files above, and copies of the small ones; written last, when it is finished |
//! | `checkpoints/` | what the run goes on from (`checkpoint/mod.rs`); gone when it is finished |
//! | `.lock` | locked while a process works in the folder |
//!
//! Every file is written beside its place and renamed, so no reader finds half of one. What checkpoints
//! have too is synced when the run ends, all else at once. On a CPU a run that is repeated, or resumed,
//! writes the same bytes, but for `timings.csv`, `progress.json` and `latency.csv`, and `manifest.json`, which has
//! their SHA-256. Nothing is written or removed through a link in the folder; on a disk that is full, checkpoints
//! but the last give way to any file. A run that is finished is never begun anew: what its manifest has a copy of
//! is restored, and what is damaged else is named (`finished.rs`).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rayclip_data::{Dir, Manifest, is_partial};
use serde::Deserialize;

use crate::checkpoint::{Checkpoints, Schedule, store};
use crate::config::DeviceChoice;
use crate::differing::{described, differing};
use crate::lock::FolderLock;
use crate::{Outcome, RunConfig, TrainerError};

mod finished;
mod origin;
mod rungs;
mod write;

pub use finished::Damage;
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
    dir: Dir,
    found: Found,
    restored: Vec<&'static str>,
    _lock: FolderLock,
}

impl RunDir {
    /// Makes the folder, which must not exist, and writes the configuration into it.
    ///
    /// # Errors
    /// It exists, or cannot be made or written to.
    pub fn create(folder: impl Into<Dir>, config: &RunConfig) -> Result<Self, TrainerError> {
        let folder = folder.into();
        let parents = folder.path().ancestors().skip(1);
        if let Some(file) = parents.into_iter().find(|ancestor| ancestor.is_file()) {
            return Err(TrainerError::NotAFolder { path: file.to_path_buf() });
        }
        folder.create().map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => {
                TrainerError::RunFolderExists { path: folder.path().to_path_buf() }
            }
            _ => io("create the run folder", folder.path(), source),
        })?;
        Self::open(folder, config)
    }

    /// Takes the folder, which exists and holds nothing or a run of `config`, to go on with it;
    /// [`RunDir::found`] says which. Of a finished run, small files that are damaged are restored.
    ///
    /// # Errors
    /// It holds another run, another process works in it, a link is where it would be written to, or it cannot
    /// be written to.
    pub fn open(folder: impl Into<Dir>, config: &RunConfig) -> Result<Self, TrainerError> {
        let dir = folder.into();
        // What is another's gets no lock either.
        Self::find(dir.path(), config)?;
        let links = dir.refuse_links(&[&finished::FOLDERS[..], &finished::DERIVED].concat());
        links.map_err(|source| io("write into", dir.path(), source))?;
        let lock = FolderLock::take(&dir)?;
        // A process that had it until now may have changed what it holds.
        let found = Self::find(dir.path(), config)?;
        let mut run = Self { dir, found, restored: vec![], _lock: lock };
        run.remove_partial_files()?;
        match found {
            Found::Nothing => {
                run.write("config.toml", encode(config)?.as_bytes())?;
                run.write_cycles(&[])?;
            }
            Found::Finished => run.restored = run.restore()?,
            Found::Unfinished => {}
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
            let Ok(found) = path.symlink_metadata() else { break path };
            // A link leads to what somebody has elsewhere.
            if !anew
                && !found.is_symlink()
                && matches!(Self::find(&path, config), Ok(Found::Unfinished))
            {
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
    /// There is another run, or something else, or it cannot be read; or what says whether the run is finished is
    /// damaged, and there are results and no checkpoint.
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
        let Some(text) = stored(path, "config.toml")? else {
            // A process that was killed at once may have left the folder alone.
            return if is_empty(path)? { Ok(Found::Nothing) } else { Err(no_run(path)) };
        };
        let mut stored_config: Option<RunConfig> = toml::from_slice(&text).ok();
        // One that was not resolved was begun on the device that is taken now, as far as is known; and who leaves
        // the choice to rayclip asks for the run on whatever it was begun on.
        let is_auto = |device| device == DeviceChoice::Auto;
        if let Some(stored) =
            stored_config.as_mut().filter(|c| is_auto(c.device) || is_auto(config.device))
        {
            stored.device = config.device;
        }
        // A folder of images is the same by whatever path.
        if let Some(stored) = stored_config.as_mut()
            && origin::is_same(path, &stored.data.source, &config.data.source)
        {
            stored.data.source.clone_from(&config.data.source);
        }
        if stored_config.as_ref() != Some(config) {
            return Err(other_run(path, stored_config.as_ref(), config));
        }
        let summary = stored(path, SUMMARY)?;
        let is_missing = summary.is_none();
        match summary.and_then(|bytes| serde_json::from_slice::<Ended>(&bytes).ok()) {
            Some(Ended { outcome: Outcome::Finished }) => Ok(Found::Finished),
            None if finished::would_be_undone(path)? => {
                let reason = if is_missing { "is missing" } else { "is damaged" };
                Err(TrainerError::WouldBeUndone { path: path.join(SUMMARY), reason })
            }
            _ => Ok(Found::Unfinished),
        }
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
        let bytes = stored(path, SUMMARY).ok()??;
        Some(serde_json::from_slice::<Summary>(&bytes).ok()?.data.digest)
    }

    /// What it held when it was taken.
    pub fn found(&self) -> Found {
        self.found
    }

    /// Small files that were damaged, and were restored when it was taken.
    pub fn restored(&self) -> &[&'static str] {
        &self.restored
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Its checkpoints.
    pub(crate) fn checkpoints(&self, schedule: Schedule) -> Checkpoints {
        Checkpoints::of(&self.dir, schedule)
    }

    /// Removes the files of all clips, and the networks of an interruption.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn clear_clips(&self) -> Result<(), TrainerError> {
        let refused = |name: &str| {
            let path = self.path().join(name);
            move |source| io("remove", &path, source)
        };
        for name in ["kept", "rays"] {
            self.dir.remove_all(name).map_err(refused(name))?;
        }
        for name in ["network.safetensors", "network.json"] {
            self.dir.remove(name).map_err(refused(name))?;
        }
        Ok(())
    }

    /// Removes what a process that was killed had begun to write.
    fn remove_partial_files(&self) -> Result<(), TrainerError> {
        let remove = || {
            self.dir.remove_partial(0)?;
            let folders = finished::FOLDERS.iter().chain(&[store::FOLDER]);
            folders.map(|name| self.dir.join(name)).try_for_each(|folder| folder.remove_partial(2))
        };
        remove().map_err(|source| io("remove unfinished files in", self.path(), source))
    }
}

/// How a run ended, or that it goes on.
const SUMMARY: &str = "summary.json";

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

/// A file of a run folder as it was written: where it is damaged, the copy that the manifest has.
fn stored(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, TrainerError> {
    let found = read(folder, name)?;
    // One that is damaged vouches for nothing.
    let Ok(Some(manifest)) = Manifest::read(folder) else { return Ok(found) };
    let is_whole = found.as_ref().is_some_and(|bytes| manifest.agrees(name, bytes));
    let copy = if is_whole { None } else { manifest.copy(name) };
    Ok(copy.map(<[u8]>::to_vec).or(found))
}

/// Whether there is nothing in a folder but what a process leaves that is killed at once.
fn is_empty(folder: &Path) -> Result<bool, TrainerError> {
    let entries = fs::read_dir(folder).map_err(|source| io("read", folder, source))?;
    Ok(entries.filter_map(Result::ok).all(|entry| {
        let name = entry.file_name();
        name == FolderLock::FILE || is_partial(&name)
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
    use rayclip_data::PARTIAL;

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
        let partial = path.join("checkpoints").join(format!("{PARTIAL}abc"));
        fs::create_dir(path.join("checkpoints")).unwrap();
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
