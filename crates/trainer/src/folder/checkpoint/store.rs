//! The checkpoints of a run: when one is due, and which one is used.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayclip_run_folder::write::{CheckpointFile, CheckpointFiles, RunFolder, Unread};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Checkpoint, Every, Refusal, Schedule};
use crate::error::TrainerError;

/// A checkpoint that is not used.
#[derive(Debug)]
pub(crate) struct Skipped {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
    /// Whether the content is damaged, so that no rayclip can read it.
    damaged: bool,
}

/// The run restored from a checkpoint, and the later checkpoints that were skipped.
pub(crate) struct Latest<T> {
    pub(crate) found: Option<T>,
    pub(crate) skipped: Vec<Skipped>,
}

/// The checkpoints of a run folder, as a run takes them.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    files: CheckpointFiles,
    run: PathBuf,
    schedule: Schedule,
    /// Batches and time since the last checkpoint.
    batches: usize,
    last: Instant,
}

impl Checkpoints {
    /// Opens the checkpoints of a run folder.
    pub(crate) fn of(folder: &RunFolder, schedule: Schedule) -> Self {
        let (files, run) = (folder.checkpoints(), folder.path().to_path_buf());
        Self { files, run, schedule, batches: 0, last: Instant::now() }
    }

    /// Counts a batch.
    pub(crate) fn count_batch(&mut self) {
        self.batches += 1;
    }

    /// Returns whether a checkpoint within the cycle is due.
    pub(crate) fn is_due(&self) -> bool {
        match self.schedule.every {
            Every::Batches(batches) => self.batches >= batches,
            Every::Time(time) => self.last.elapsed() >= time,
        }
    }

    /// Returns whether there was a batch since the last checkpoint.
    pub(crate) fn is_behind(&self) -> bool {
        self.batches > 0
    }

    /// Removes a checkpoint. A failure is ignored: the file only takes space.
    pub(crate) fn remove(&self, path: &Path) {
        self.files.remove(path);
    }

    /// Writes a checkpoint and removes old ones, as the schedule says.
    ///
    /// # Errors
    /// It cannot be encoded or written. The checkpoint before it is still there.
    pub(crate) fn save<S: Serialize + DeserializeOwned>(
        &mut self,
        checkpoint: &Checkpoint<S>,
    ) -> Result<(), TrainerError> {
        self.files.save(&checkpoint.encode()?, self.schedule.keep)?;
        (self.batches, self.last) = (0, Instant::now());
        Ok(())
    }

    /// Calls `restore` with the checkpoints of at most `most_bytes`, from the latest to the oldest, until one can
    /// be used. Returns what it restored, and the later ones that were skipped.
    ///
    /// # Errors
    /// A checkpoint belongs to another configuration or to other data; or none can be used, and not all are
    /// damaged.
    pub(crate) fn latest<S: Serialize + DeserializeOwned, T>(
        &self,
        most_bytes: u64,
        restore: impl Fn(Checkpoint<S>) -> Result<T, Refusal>,
    ) -> Result<Latest<T>, TrainerError> {
        let mut skipped: Vec<Skipped> = vec![];
        for file in self.files.all()?.into_iter().rev() {
            let (damaged, reason) = match use_file(&file, most_bytes, &restore) {
                Ok(found) => return Ok(Latest { found: Some(found), skipped }),
                Err(Unused::Refused(Refusal::OtherData)) => {
                    return Err(TrainerError::OtherData { path: self.run.clone() });
                }
                Err(Unused::Refused(Refusal::OtherConfiguration(keys))) => {
                    return Err(TrainerError::OtherConfiguration { path: file.path, keys });
                }
                Err(Unused::Refused(Refusal::Unusable(reason))) => (false, reason),
                Err(Unused::Damaged) => {
                    (true, "it is damaged: its SHA-256 differs from the one in its name".to_owned())
                }
            };
            skipped.push(Skipped { path: file.path, reason, damaged });
        }
        match skipped.iter().find(|skipped| !skipped.damaged) {
            Some(Skipped { path, reason, .. }) => {
                Err(TrainerError::Checkpoint { path: path.clone(), reason: reason.clone() })
            }
            None => Ok(Latest { found: None, skipped }),
        }
    }
}

enum Unused {
    Refused(Refusal),
    Damaged,
}

fn use_file<S: Serialize + DeserializeOwned, T>(
    file: &CheckpointFile,
    most_bytes: u64,
    restore: impl Fn(Checkpoint<S>) -> Result<T, Refusal>,
) -> Result<T, Unused> {
    let bytes = file.read(most_bytes).map_err(|unread| match unread {
        Unread::Refused(reason) => Unused::Refused(reason.into()),
        Unread::Damaged => Unused::Damaged,
    })?;
    Checkpoint::decode(&bytes).and_then(restore).map_err(Unused::Refused)
}
