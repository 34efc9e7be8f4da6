//! The checkpoints of a run folder: when one is due, which are kept, which is used.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rayclip_data::{Dir, Kind, read_whole, sha256_file};

use super::{Checkpoint, Refusal};
use crate::{RunConfig, TrainerError};

/// How often checkpoints are taken within a cycle; they always are at both ends of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After so many batches.
    Batches(usize),
    /// After the batch in which so much time is over.
    Time(Duration),
}

impl FromStr for Every {
    type Err = String;

    /// `200`, `200 batches`, `5 minutes` or `5m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let expected = || format!("expected batches or minutes, such as 200 or 5m, found `{text}`");
        let number: u64 = number.parse().map_err(|_| expected())?;
        match unit.trim() {
            _ if number == 0 => Err("expected at least 1".into()),
            "" | "batch" | "batches" => Ok(Self::Batches(number.try_into().unwrap_or(usize::MAX))),
            "m" | "min" | "minute" | "minutes" => {
                Ok(Self::Time(Duration::from_secs(number.saturating_mul(60))))
            }
            _ => Err(expected()),
        }
    }
}

/// When checkpoints are taken, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Within a cycle.
    pub every: Every,
    /// The last so many are kept, at least one.
    pub keep: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { every: Every::Time(Duration::from_mins(5)), keep: 3 }
    }
}

/// A checkpoint that is not used.
#[derive(Debug)]
pub(crate) struct Skipped {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
    /// Whether nothing will ever read it.
    damaged: bool,
}

/// What a checkpoint must be of, to be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) config: &'a RunConfig,
    /// SHA-256 of the data.
    pub(crate) data: &'a str,
    /// No checkpoint of the run has more.
    pub(crate) most_bytes: u64,
}

/// Why a checkpoint was not read.
enum Unread {
    Refused(Refusal),
    /// Nothing will ever read it.
    Damaged,
}

/// The checkpoint that is used, with what was made of it, and those after it that are not.
pub(crate) type Latest<T> = (Option<(Checkpoint, T)>, Vec<Skipped>);

/// The checkpoints in one folder.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    run: Dir,
    folder: Dir,
    schedule: Schedule,
    /// Batches and time since the last.
    batches: usize,
    last: Instant,
}

impl Checkpoints {
    /// Those of a run folder.
    pub(crate) fn of(run: impl Into<Dir>, schedule: Schedule) -> Self {
        let run = run.into();
        let folder = run.join(FOLDER);
        Self { run, folder, schedule, batches: 0, last: Instant::now() }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> Result<bool, TrainerError> {
        Ok(self.numbered()?.is_empty())
    }

    /// Writes something into the run folder; on a disk that is full, all checkpoints but the last give way,
    /// and it is tried once more.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn make_room<T>(&self, write: impl Fn() -> io::Result<T>) -> io::Result<T> {
        write().or_else(|error| {
            if ![ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind()) {
                return Err(error);
            }
            self.keep_last(1);
            write()
        })
    }

    /// Counts a batch; whether a checkpoint is due.
    pub(crate) fn due_after_batch(&mut self) -> bool {
        self.batches += 1;
        match self.schedule.every {
            Every::Batches(batches) => self.batches >= batches,
            Every::Time(time) => self.last.elapsed() >= time,
        }
    }

    /// Writes a checkpoint; of those before, the last ones are kept. On a disk that is full, all but the
    /// last give way first.
    ///
    /// # Errors
    /// It cannot be encoded or written. The one before is still there.
    pub(crate) fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainerError> {
        let bytes = checkpoint.encode()?;
        let number = self.numbered()?.last().map_or(1, |last| last.number.saturating_add(1));
        let sha256 = rayclip_data::sha256([bytes.as_slice()]);
        let name = format!("{number}.{sha256}.{KIND}");
        if let Err(source) = self.make_room(|| self.folder.write(&name, &bytes, true)) {
            let path = self.folder.path().join(name);
            return Err(TrainerError::Io { action: "write the checkpoint", path, source });
        }
        self.keep_last(self.schedule.keep.max(1));
        (self.batches, self.last) = (0, Instant::now());
        Ok(())
    }

    /// The last checkpoint of the wanted run that is whole, with what `restore` makes of it; and those after it
    /// that are not. Where there is one, those that are damaged are removed.
    ///
    /// # Errors
    /// It is of another configuration or of other data; or there are checkpoints, of which none can be used and
    /// not all are damaged.
    pub(crate) fn latest<T>(
        &self,
        wanted: Wanted<'_>,
        restore: impl Fn(&Checkpoint) -> Result<T, String>,
    ) -> Result<Latest<T>, TrainerError> {
        let mut skipped: Vec<Skipped> = vec![];
        for Numbered { path, sha256, .. } in self.numbered()?.into_iter().rev() {
            let (damaged, reason) = match read(&path, &sha256, wanted) {
                Ok(checkpoint) if checkpoint.state.data != wanted.data => {
                    let path = self.run.path().to_path_buf();
                    return Err(TrainerError::OtherData { path });
                }
                Ok(checkpoint) => match restore(&checkpoint) {
                    Ok(restored) => {
                        self.remove_damaged(&skipped);
                        return Ok((Some((checkpoint, restored)), skipped));
                    }
                    Err(reason) => (false, reason),
                },
                Err(Unread::Refused(Refusal::OtherConfiguration(keys))) => {
                    return Err(TrainerError::OtherConfiguration { path, keys });
                }
                Err(Unread::Refused(Refusal::Unusable(reason))) => (false, reason),
                Err(Unread::Damaged) => {
                    (true, "it is damaged: its SHA-256 is not that of its name".to_owned())
                }
            };
            skipped.push(Skipped { path, reason, damaged });
        }
        match skipped.iter().find(|skipped| !skipped.damaged) {
            Some(Skipped { path, reason, .. }) => {
                Err(TrainerError::Checkpoint { path: path.clone(), reason: reason.clone() })
            }
            None => Ok((None, skipped)),
        }
    }

    /// Removes all checkpoints: the run is at its end.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn clear(&self) -> Result<(), TrainerError> {
        self.run.remove_all(FOLDER).map_err(|source| {
            let path = self.folder.path().to_path_buf();
            TrainerError::Io { action: "remove", path, source }
        })
    }

    /// The checkpoints, ascending.
    ///
    /// # Errors
    /// The folder is there and cannot be read.
    fn numbered(&self) -> Result<Vec<Numbered>, TrainerError> {
        let entries = self.folder.entries().map_err(|source| {
            let path = self.folder.path().to_path_buf();
            TrainerError::Io { action: "read the checkpoints in", path, source }
        })?;
        let files = entries.into_iter().filter(|(_, kind)| *kind == Kind::File);
        let mut all: Vec<Numbered> =
            files.filter_map(|(name, _)| Numbered::of(self.folder.path().join(name))).collect();
        all.sort_by_key(|numbered| numbered.number);
        Ok(all)
    }

    /// Removes all but the last `count`; what cannot be removed takes room, and no more.
    fn keep_last(&self, count: usize) {
        for Numbered { path, .. } in self.numbered().iter().flatten().rev().skip(count) {
            let _refused = path.file_name().map(|name| self.folder.remove(name));
        }
    }

    /// What cannot be removed takes room, and no more.
    fn remove_damaged(&self, skipped: &[Skipped]) {
        for Skipped { path, .. } in skipped.iter().filter(|skipped| skipped.damaged) {
            let _refused = path.file_name().map(|name| self.folder.remove(name));
        }
    }
}

/// Where they are, in a run folder.
pub(crate) const FOLDER: &str = "checkpoints";

/// Reads the checkpoint `path`: no memory is taken for one that is too large, or damaged.
fn read(path: &Path, sha256: &str, wanted: Wanted<'_>) -> Result<Checkpoint, Unread> {
    let unread = |error: io::Error| Unread::Refused(format!("it cannot be read: {error}").into());
    let (bytes, most) = (path.symlink_metadata().map_err(unread)?.len(), wanted.most_bytes);
    if bytes > most {
        let reason = format!("it has {bytes} bytes; a checkpoint of this run has at most {most}");
        return Err(Unread::Refused(reason.into()));
    }
    if sha256_file(path).map_err(unread)? != sha256 {
        return Err(Unread::Damaged);
    }
    let content = read_whole(path, most).map_err(unread)?;
    // It may have been written to meanwhile.
    if rayclip_data::sha256([content.as_slice()]) != sha256 {
        return Err(Unread::Damaged);
    }
    Checkpoint::decode(&content, wanted.config).map_err(Unread::Refused)
}

/// What the names of checkpoints end with.
const KIND: &str = "safetensors";

/// A checkpoint by its name, `NUMBER.SHA256.safetensors`.
struct Numbered {
    number: usize,
    sha256: String,
    path: PathBuf,
}

impl Numbered {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(KIND)?.strip_suffix('.')?;
        let (number, sha256) = name.split_once('.')?;
        Some(Self { number: number.parse().ok()?, sha256: sha256.to_owned(), path })
    }
}
