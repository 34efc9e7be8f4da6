//! A run folder whose run is finished: its manifest, what is damaged in it, and what can be restored.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_data::{Dir, Kind, MANIFEST, Manifest, is_partial};

use super::{RunDir, io};
use crate::TrainerError;
use crate::checkpoint::{Checkpoints, Schedule};
use crate::lock::FolderLock;

/// Files of a run, and folders of such, that a manifest names.
const FILES: [&str; 8] = [
    "config.toml",
    "cycles.csv",
    "timings.csv",
    "latency.csv",
    "network.safetensors",
    "network.json",
    "summary.json",
    "progress.json",
];
pub(super) const FOLDERS: [&str; 4] = ["kept", "rays", "networks", "predictions"];

/// Files that it has copies of.
const COPIED: [&str; 5] =
    ["config.toml", "summary.json", "progress.json", "network.json", "latency.csv"];

/// What is made of these, or is gone when the run is finished.
pub(super) const DERIVED: [&str; 4] = ["checkpoints", "tensorboard", "figures", "report"];

/// A file of a finished run that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl RunDir {
    /// Makes what was written without syncing outlast a loss of power.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn sync(&self) -> Result<(), TrainerError> {
        for name in self.results()? {
            self.dir.sync(&name).map_err(|source| io("sync", &self.path().join(&name), source))?;
        }
        Ok(())
    }

    /// Writes the manifest of all that the finished run left. Whoever writes one of its files after it has to
    /// write it again.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn seal(&self) -> Result<(), TrainerError> {
        let refused = |source| io("make the manifest of", self.path(), source);
        let manifest = Manifest::of(self.path(), &self.results()?, &COPIED).map_err(refused)?;
        self.write(MANIFEST, &manifest.encode().map_err(refused)?)
    }

    /// Does what is left to do for a run that is finished: the manifest, where the process was killed before it,
    /// and the checkpoints, which nobody needs any more.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn tidy(&self) -> Result<(), TrainerError> {
        let checkpoints = self.checkpoints(Schedule::default());
        // The first release wrote none, and left no checkpoint either.
        if !self.is_sealed()? && !checkpoints.is_empty()? {
            self.seal()?;
        }
        checkpoints.clear()
    }

    /// Files of the finished run that are damaged or missing; none are known where it has no manifest.
    pub fn damaged(&self) -> Vec<Damage> {
        let damage = |name: &str, reason| Damage { path: self.path().join(name), reason };
        match Manifest::read(self.path()) {
            Ok(None) => vec![],
            Ok(Some(manifest)) => {
                let problem = |name: &str| Some(damage(name, manifest.problem(self.path(), name)?));
                manifest.names().filter_map(problem).collect()
            }
            Err(error) => {
                let reason = format!("{error}; without it no file is verified");
                vec![damage(MANIFEST, reason)]
            }
        }
    }

    /// Writes the copies that the manifest has of files that are damaged; their names.
    pub(super) fn restore(&self) -> Result<Vec<&'static str>, TrainerError> {
        let Ok(Some(manifest)) = Manifest::read(self.path()) else { return Ok(vec![]) };
        let mut restored = vec![];
        for name in COPIED {
            if manifest.problem(self.path(), name).is_some()
                && let Some(copy) = manifest.copy(name)
            {
                self.write(name, copy)?;
                restored.push(name);
            }
        }
        Ok(restored)
    }

    /// Restores the configuration of a finished run, without which nothing else is read; whether it was damaged,
    /// and its manifest had a copy.
    ///
    /// # Errors
    /// Another process works in the folder, or the file system refuses.
    pub fn restore_config(folder: &Path) -> Result<bool, TrainerError> {
        const NAME: &str = "config.toml";
        let Ok(Some(manifest)) = Manifest::read(folder) else { return Ok(false) };
        let Some(copy) = manifest.copy(NAME) else { return Ok(false) };
        if manifest.problem(folder, NAME).is_none() {
            return Ok(false);
        }
        let _lock = FolderLock::take(folder)?;
        let written = Dir::from(folder).write(NAME, copy, true);
        written.map_err(|source| io("write", &folder.join(NAME), source))?;
        Ok(true)
    }

    fn is_sealed(&self) -> Result<bool, TrainerError> {
        let kind = self.dir.kind(MANIFEST).map_err(|source| io("read", self.path(), source))?;
        Ok(kind.is_some())
    }

    /// The files that the run wrote and that outlast it, with `/` between the parts of their names.
    fn results(&self) -> Result<Vec<String>, TrainerError> {
        let find = || {
            let mut names = vec![];
            for name in FILES {
                if self.dir.kind(name)? == Some(Kind::File) {
                    names.push(name.to_owned());
                }
            }
            for name in FOLDERS {
                files_in(&self.dir.join(name), name, &mut names)?;
            }
            Ok(names)
        };
        find().map_err(|source| io("read", self.path(), source))
    }
}

fn files_in(folder: &Dir, prefix: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for (name, kind) in folder.entries()? {
        // No file of a run has a name that is no text.
        let Some(text) = name.to_str() else { continue };
        match kind {
            Kind::Folder => files_in(&folder.join(text), &format!("{prefix}/{text}"), names)?,
            Kind::File if !is_partial(&name) => names.push(format!("{prefix}/{text}")),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a run that began anew in a folder would remove results, and there is no checkpoint to go on from.
pub(super) fn would_be_undone(path: &Path) -> Result<bool, TrainerError> {
    if !Checkpoints::of(path, Schedule::default()).is_empty()? {
        return Ok(false);
    }
    if ["kept", "network.safetensors", MANIFEST].iter().any(|name| path.join(name).exists()) {
        return Ok(true);
    }
    let rows = match rayclip_data::read_whole(&path.join("cycles.csv"), super::LIMIT) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        rows => rows.map_err(|source| io("read", &path.join("cycles.csv"), source))?,
    };
    // The first line is the header.
    Ok(rows.split(|byte| *byte == b'\n').nth(1).is_some_and(|row| !row.is_empty()))
}
