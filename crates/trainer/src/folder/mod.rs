//! A run folder that one process has locked: what it holds, and whether there is anything to do.
//!
//! All commands use one protocol. [`RunDir::take`] (or [`RunDir::numbered`]) says whether the run in the folder is
//! finished ([`Taken::Finished`]: nothing runs again) or not ([`Taken::Open`]: it starts, or resumes from its last
//! checkpoint). `rayclip_run_folder` defines the names and formats of the files.
//!
//! A finished run is never restarted. Damaged files that the manifest has a copy of are restored; other damaged
//! files are named.

pub(crate) mod checkpoint;
mod found;
mod lock;
mod origin;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_data::Dir;
use rayclip_run_folder::config::RunConfig;
use rayclip_run_folder::csv::header;
use rayclip_run_folder::write::{Damage, RunFolder, config_copy};
use rayclip_run_folder::{CycleRow, RunFolderError, paths};
use serde::Deserialize;

pub use found::Found;
use found::stored_file;
pub use lock::FolderLock;

use crate::error::TrainerError;

/// A run folder that this process has locked.
#[derive(Debug)]
pub enum Taken {
    /// The run can start or resume.
    Open(RunDir),
    /// The run is finished.
    Finished(FinishedRun),
}

/// A folder in which a run can start or resume. No other process uses it.
#[derive(Debug)]
pub struct RunDir {
    folder: RunFolder,
    _lock: FolderLock,
}

/// A folder with a finished run. No other process uses it.
#[derive(Debug)]
pub struct FinishedRun {
    folder: RunFolder,
    restored: Vec<&'static str>,
    _lock: FolderLock,
}

impl RunDir {
    /// Locks a folder for the run of `config`. Creates the folder if it is missing.
    ///
    /// # Errors
    /// The folder holds another run, another process uses it, a link is in the place of a file or folder to write,
    /// or the folder cannot be written to.
    pub fn take(folder: impl Into<Dir>, config: &RunConfig) -> Result<Taken, TrainerError> {
        let dir = folder.into();
        if !dir.path().exists() {
            return Self::create(dir, config).map(Taken::Open);
        }
        // A folder of another run gets no lock file either.
        Found::of(dir.path(), config)?;
        let links = dir.refuse_links(&[&paths::FOLDERS[..], &paths::DERIVED].concat());
        links.map_err(RunFolderError::io("write into", dir.path()))?;
        let lock = FolderLock::take(&dir)?;
        // Another process may have changed the folder before the lock was taken.
        let found = Found::of(dir.path(), config)?;
        let folder = RunFolder::from(dir);
        remove_partial_files(&folder)?;
        match found {
            Found::Finished => {
                let restored = folder.restore()?;
                return Ok(Taken::Finished(FinishedRun { folder, restored, _lock: lock }));
            }
            Found::Nothing => {
                folder.write_config(config)?;
                folder.write_unsynced(paths::CYCLES, &header::<CycleRow>()?)?;
            }
            Found::Unfinished => {}
        }
        Ok(Taken::Open(Self { folder, _lock: lock }))
    }

    /// Creates a folder, which must not exist, and locks it.
    ///
    /// # Errors
    /// It exists, or cannot be created or written to.
    pub fn create(folder: impl Into<Dir>, config: &RunConfig) -> Result<Self, TrainerError> {
        let folder = folder.into();
        let parents = folder.path().ancestors().skip(1);
        if let Some(file) = parents.into_iter().find(|ancestor| ancestor.is_file()) {
            return Err(TrainerError::NotAFolder { path: file.to_path_buf() });
        }
        let exists = || TrainerError::RunFolderExists { path: folder.path().to_path_buf() };
        folder.create().map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => RunFolderError::io("create the run folder", folder.path())(source).into(),
        })?;
        match Self::take(&folder, config)? {
            Taken::Open(run) => Ok(run),
            // Another process created the folder first, and has finished the run.
            Taken::Finished(_) => Err(exists()),
        }
    }

    /// Takes one of the folders `stem`, `stem-2`, `stem-3`, … in `parent`: the first one with an unfinished run of
    /// `config` that no process uses, otherwise the first missing one. If `fresh`, always the first missing one.
    ///
    /// # Errors
    /// The folder cannot be created or written to.
    pub fn numbered(
        parent: &Path,
        stem: &str,
        config: &RunConfig,
        fresh: bool,
    ) -> Result<Self, TrainerError> {
        let mut number = 1;
        let missing = loop {
            let name = if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") };
            let path = parent.join(name);
            let Ok(found) = path.symlink_metadata() else { break path };
            // A link leads to files that the user keeps elsewhere.
            if !fresh
                && !found.is_symlink()
                && matches!(Found::of(&path, config), Ok(Found::Unfinished))
            {
                match Self::take(&path, config) {
                    Err(TrainerError::Locked { .. }) | Ok(Taken::Finished(_)) => {}
                    Ok(Taken::Open(run)) => return Ok(run),
                    Err(error) => return Err(error),
                }
            }
            number += 1;
        };
        match Self::create(&missing, config) {
            // Another process was faster.
            Err(TrainerError::RunFolderExists { .. }) => {
                Self::numbered(parent, stem, config, fresh)
            }
            created => created,
        }
    }

    /// Restores the configuration of a finished run; nothing else can be read without it. Returns whether the file
    /// was damaged and the manifest had a copy.
    ///
    /// # Errors
    /// Another process uses the folder, or the file system refuses.
    pub fn restore_config(folder: &Path) -> Result<bool, TrainerError> {
        let Some(copy) = config_copy(folder) else { return Ok(false) };
        let _lock = FolderLock::take(folder)?;
        RunFolder::from(folder).write(paths::CONFIG, &copy)?;
        Ok(true)
    }

    /// Returns the folder to read from and write to.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl FinishedRun {
    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the small files that were damaged, and that were restored when the folder was locked.
    pub fn restored(&self) -> impl Iterator<Item = PathBuf> {
        self.restored.iter().map(|name| self.path().join(name))
    }

    /// Returns the damaged files that have no copy.
    pub fn damaged(&self) -> Vec<Damage> {
        self.folder.damaged()
    }

    /// Checks that the run used the data with this SHA-256.
    ///
    /// # Errors
    /// It used other data.
    pub fn check_data(&self, digest: &str) -> Result<(), TrainerError> {
        #[derive(Deserialize)]
        struct Summary {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            digest: String,
        }
        let summary = stored_file(self.path(), paths::SUMMARY)?;
        let summary = summary.and_then(|bytes| serde_json::from_slice::<Summary>(&bytes).ok());
        if summary.is_some_and(|summary| summary.data.digest == digest) {
            return Ok(());
        }
        Err(TrainerError::OtherData { path: self.path().to_path_buf() })
    }

    /// Completes an interrupted finish if nothing is damaged: see [`RunFolder::tidy`].
    ///
    /// # Errors
    /// The file system refuses.
    pub fn tidy(&self) -> Result<(), TrainerError> {
        Ok(self.folder.tidy()?)
    }
}

/// Removes the unfinished files of a process that was killed.
fn remove_partial_files(folder: &RunFolder) -> Result<(), TrainerError> {
    let dir = folder.dir();
    let remove = || {
        dir.remove_partial(0)?;
        let folders = paths::FOLDERS.iter().chain(&[paths::CHECKPOINTS]);
        folders.map(|name| dir.join(name)).try_for_each(|folder| folder.remove_partial(2))
    };
    Ok(remove().map_err(RunFolderError::io("remove unfinished files in", dir.path()))?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rayclip_data::PARTIAL;
    use rayclip_run_folder::config::presets::{Layers, resolve};

    use super::*;

    #[test]
    fn an_existing_folder_is_left_alone_and_a_numbered_one_gets_the_next_number() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let numbered = |fresh| RunDir::numbered(parent.path(), "run", &config, fresh).unwrap();
        let first = numbered(false);
        let refused = RunDir::create(first.path(), &config).unwrap_err();
        assert!(matches!(refused, TrainerError::RunFolderExists { .. }), "{refused}");
        // This process still has the first folder locked.
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
    fn only_the_same_run_is_resumed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let config = resolve(&Layers::default()).unwrap();
        let find = || Found::of(&path, &config);
        assert_eq!(find().unwrap(), Found::Nothing);
        fs::create_dir(&path).unwrap();
        fs::write(path.join(".partial-x"), "half").unwrap();
        assert_eq!(find().unwrap(), Found::Nothing);
        drop(RunDir::take(&path, &config).unwrap());
        assert_eq!(find().unwrap(), Found::Unfinished);
        assert!(!path.join(".partial-x").exists());
        let summary = r#"{"outcome":"finished","data":{"digest":"d"}}"#;
        fs::write(path.join("summary.json"), summary).unwrap();
        assert_eq!(find().unwrap(), Found::Finished);
        let Taken::Finished(finished) = RunDir::take(&path, &config).unwrap() else {
            panic!("it is finished")
        };
        assert!(finished.check_data("d").is_ok());
        assert!(matches!(finished.check_data("e"), Err(TrainerError::OtherData { .. })));
        drop(finished);
        let other = RunConfig { seed: 77, ..config.clone() };
        let message = RunDir::take(&path, &other).unwrap_err().to_string();
        for part in ["another run (dtc on digits, seed 0)", "seed is 0 there and 77 here"] {
            assert!(message.contains(part), "{message}");
        }
        fs::write(parent.path().join("file"), "").unwrap();
        let file = Found::of(&parent.path().join("file"), &config).unwrap_err();
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
        let _run = RunDir::take(&path, &config).unwrap();
        assert!(!partial.exists());
        let refused = RunDir::take(&path, &config).unwrap_err();
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
