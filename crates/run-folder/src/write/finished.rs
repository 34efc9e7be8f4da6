//! A finished run: its manifest, its damaged files, and the restoring of files.

use std::path::{Path, PathBuf};

use rayclip_data::{Dir, Kind, MANIFEST, Manifest, is_partial, read_whole};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunFolder;
use crate::csv::{from_csv, to_csv};
use crate::error::RunFolderError;
use crate::rows::{CycleRow, TimingRow};
use crate::summary::Summary;
use crate::{limits, paths};

/// A damaged or missing file of a finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl RunFolder {
    /// Syncs all files that the run wrote, so that they survive a loss of power.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn sync_all(&self) -> Result<(), RunFolderError> {
        self.sync(self.results()?.iter())
    }

    /// Writes the manifest of all results of the finished run. After a later change to one of these files, the
    /// manifest must be written again.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn seal(&self) -> Result<(), RunFolderError> {
        let refused = || RunFolderError::io("create the manifest of", self.path());
        let manifest = Manifest::of(self.path(), &self.results()?, &paths::COPIED);
        let bytes = manifest.map_err(refused())?.encode().map_err(refused())?;
        self.write(MANIFEST, &bytes)
    }

    /// Completes a run whose summary says that it is finished: sorts the tables, writes the manifest, and removes
    /// the checkpoints, which are no longer needed.
    ///
    /// # Errors
    /// A table is damaged, or the file system refuses.
    pub fn finish(&self) -> Result<(), RunFolderError> {
        self.sort_tables()?;
        self.seal()?;
        self.checkpoints().clear()
    }

    /// Completes [`RunFolder::finish`] if the process was killed in the middle of it.
    ///
    /// # Errors
    /// As [`RunFolder::finish`].
    pub fn tidy(&self) -> Result<(), RunFolderError> {
        let checkpoints = self.checkpoints();
        let sealed = self.dir.kind(MANIFEST).map_err(RunFolderError::io("read", self.path()))?;
        // The first release wrote no manifest, but it left no checkpoints either.
        if sealed.is_none() && !checkpoints.all()?.is_empty() {
            self.finish()
        } else {
            checkpoints.clear()
        }
    }

    /// Sorts the appended tables by cycle, replica and group. So they do not depend on the chunks of the run.
    fn sort_tables(&self) -> Result<(), RunFolderError> {
        let summary = read_json::<Summary>(&self.path().join(paths::SUMMARY))?;
        let (groups, clips) = (&summary.groups, summary.clips.unwrap_or_default());
        let most = limits::table_bytes(summary.replicas.len(), clips, groups.len());
        let group = |row: &CycleRow| groups.iter().position(|name| *name == row.group);
        self.sort(paths::CYCLES, most, |row: &CycleRow| (row.cycle, row.replica, group(row)))?;
        self.sort(paths::TIMINGS, most, |row: &TimingRow| (row.cycle, row.replica))
    }

    fn sort<T: Serialize + DeserializeOwned, K: Ord>(
        &self,
        name: &str,
        most_bytes: u64,
        key: impl Fn(&T) -> K,
    ) -> Result<(), RunFolderError> {
        let path = self.path().join(name);
        let bytes = read_whole(&path, most_bytes);
        let rows = from_csv(&bytes.map_err(RunFolderError::io("read", &path))?);
        let mut rows: Vec<T> = rows.map_err(|reason| damaged(&path, reason))?;
        rows.sort_by_key(key);
        self.write(name, &to_csv(&rows)?)
    }

    /// Returns the damaged and missing files of the finished run; none if it has no manifest.
    pub fn damaged(&self) -> Vec<Damage> {
        let damage = |name: &str, reason| Damage { path: self.path().join(name), reason };
        match Manifest::read(self.path()) {
            Ok(None) => vec![],
            Ok(Some(manifest)) => {
                let problem = |name: &str| Some(damage(name, manifest.problem(self.path(), name)?));
                manifest.names().filter_map(problem).collect()
            }
            Err(error) => {
                let reason = format!("{error}; without it, no file can be verified");
                vec![damage(MANIFEST, reason)]
            }
        }
    }

    /// Restores damaged files from the copies in the manifest. Returns their names.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn restore(&self) -> Result<Vec<&'static str>, RunFolderError> {
        let Ok(Some(manifest)) = Manifest::read(self.path()) else { return Ok(vec![]) };
        let mut restored = vec![];
        for name in paths::COPIED {
            if manifest.problem(self.path(), name).is_some()
                && let Some(copy) = manifest.copy(name)
            {
                self.write(name, copy)?;
                restored.push(name);
            }
        }
        Ok(restored)
    }

    /// Returns the names of all files that the run wrote and that remain after it, with `/` as separator.
    fn results(&self) -> Result<Vec<String>, RunFolderError> {
        let find = || {
            let mut names = vec![];
            for name in paths::FILES {
                if self.dir.kind(name)? == Some(Kind::File) {
                    names.push(name.to_owned());
                }
            }
            for name in paths::FOLDERS {
                files_in(&self.dir.join(name), name, &mut names)?;
            }
            Ok(names)
        };
        find().map_err(RunFolderError::io("read", self.path()))
    }
}

/// Returns the manifest's copy of a finished run's configuration if the file is damaged.
pub fn config_copy(folder: &Path) -> Option<Vec<u8>> {
    let manifest = Manifest::read(folder).ok()??;
    let copy = manifest.copy(paths::CONFIG)?.to_vec();
    manifest.problem(folder, paths::CONFIG).map(|_| copy)
}

fn files_in(folder: &Dir, prefix: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for (name, kind) in folder.entries()? {
        // No file of a run has a name that is not UTF-8.
        let Some(text) = name.to_str() else { continue };
        match kind {
            Kind::Folder => files_in(&folder.join(text), &format!("{prefix}/{text}"), names)?,
            Kind::File if !is_partial(&name) => names.push(format!("{prefix}/{text}")),
            _ => {}
        }
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunFolderError> {
    let bytes =
        read_whole(path, limits::SUMMARY_BYTES).map_err(RunFolderError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, error.to_string()))
}

fn damaged(path: &Path, reason: String) -> RunFolderError {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
    RunFolderError::io("read", path)(source)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_tables_of_a_finished_run_are_sorted_whatever_the_chunks() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        let row = |cycle, replica, group: &str| CycleRow {
            cycle,
            replica,
            group: group.into(),
            ..CycleRow::default()
        };
        let sorted = [row(0, 0, "z"), row(0, 0, "a"), row(0, 2, "z"), row(1, 1, "z")];
        let [a, b, c, d] = sorted.clone();
        folder.write(paths::CYCLES, &to_csv(&[d, c, b, a]).unwrap()).unwrap();
        let timing = |cycle, replica| TimingRow { replica, cycle, ..TimingRow::default() };
        let timings = to_csv(&[timing(1, 0), timing(0, 1)]).unwrap();
        folder.write(paths::TIMINGS, &timings).unwrap();
        let summary = r#"{"version": "0.2.0", "outcome": "finished", "error": null, "device": "flex",
            "clips": 2, "groups": ["z", "a"], "widths_before": [9, 8], "parameters_before": 1,
            "parameters_after": 1, "bytes_before": 4, "macs_before": 1, "replicas": [],
            "data": {"name": "d", "digest": "", "train": 1, "validation": 0, "test": 1,
            "image_shape": [1], "classes": 2}}"#;
        fs::write(parent.path().join(paths::SUMMARY), summary).unwrap();
        // A process that was killed before it was done leaves a checkpoint.
        folder.checkpoints().save(b"checkpoint", 1).unwrap();
        folder.tidy().unwrap();
        let cycles = fs::read(parent.path().join(paths::CYCLES)).unwrap();
        assert_eq!(from_csv::<CycleRow>(&cycles).unwrap(), sorted);
        let timings = fs::read(parent.path().join(paths::TIMINGS)).unwrap();
        assert_eq!(from_csv::<TimingRow>(&timings).unwrap(), [timing(0, 1), timing(1, 0)]);
        assert!(folder.damaged().is_empty() && parent.path().join(MANIFEST).exists());
        assert!(folder.checkpoints().all().unwrap().is_empty());
    }
}
