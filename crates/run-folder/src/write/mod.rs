//! Writes the files of a run: whole files, or rows at the end of tables.
//!
//! A file is written under a temporary name and renamed, so that no reader sees half of it. Nothing is written or
//! removed through a link in the folder. On a full disk, all checkpoints but the latest are removed to make room
//! for any file.

mod appended;
mod checkpoints;
mod finished;

use std::collections::BTreeSet;
use std::io;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use rayclip_data::{Dir, Kind, read_whole};
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

pub use appended::{AppendedTable, Extent};
pub use checkpoints::{CheckpointFile, CheckpointFiles, Unread};
pub use finished::{Damage, config_copy};

use crate::config::RunConfig;
use crate::csv::to_csv;
use crate::error::RunFolderError;
use crate::paths;
use crate::progress::Progress;
use crate::rows::{GroupRays, KeptRow, LatencyRow};
use crate::summary::Summary;

/// Files that are synced together.
const SYNC_THREADS: usize = 8;

/// A run folder for writing.
#[derive(Debug, Clone)]
pub struct RunFolder {
    dir: Dir,
}

impl<D: Into<Dir>> From<D> for RunFolder {
    fn from(dir: D) -> Self {
        Self { dir: dir.into() }
    }
}

impl RunFolder {
    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Returns its checkpoints.
    pub fn checkpoints(&self) -> CheckpointFiles {
        CheckpointFiles::of(&self.dir)
    }

    /// Writes the configuration.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_config(&self, config: &RunConfig) -> Result<(), RunFolderError> {
        let text = toml::to_string(config).map_err(RunFolderError::encode("the configuration"))?;
        self.write(paths::CONFIG, text.as_bytes())
    }

    /// Writes that the run is in progress, or how it ended.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_summary(&self, summary: &Summary) -> Result<(), RunFolderError> {
        self.write(paths::SUMMARY, &json(summary)?)
    }

    /// Writes the progress.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_progress(&self, progress: &Progress) -> Result<(), RunFolderError> {
        self.write_unsynced(paths::PROGRESS, &json(progress)?)
    }

    /// Writes the times of a classification.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_latency(&self, rows: &[LatencyRow]) -> Result<(), RunFolderError> {
        self.write(paths::LATENCY, &to_csv(rows)?)
    }

    /// Writes the kept neurons of all replicas after a clip, by their original numbers. Returns whether the file
    /// must still be synced.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_kept(&self, cycle: usize, replicas: &[&KeptRow]) -> Result<bool, RunFolderError> {
        #[derive(Serialize)]
        struct File<'a> {
            cycle: usize,
            replicas: &'a [&'a KeptRow],
        }
        let json = serde_json::to_vec(&File { cycle, replicas })
            .map_err(RunFolderError::encode("the kept neurons"))?;
        self.replace(&paths::kept(cycle), &json)
    }

    /// Writes the measurements and rays of all groups and replicas in a clip: vectors of f64, measurements `[n]`
    /// and rays `[m]`, named by [`paths::ray_tensor`]. Returns whether the file must still be synced.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_rays(&self, cycle: usize, groups: &[&GroupRays]) -> Result<bool, RunFolderError> {
        let encode = RunFolderError::encode::<safetensors::SafeTensorError>("the rays");
        let vectors = groups.iter().flat_map(|rays| {
            let vectors = rays.y.iter().chain(&rays.x).zip(paths::RAY_TENSORS);
            vectors.map(|(values, tensor)| {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (paths::ray_tensor(rays.replica, &rays.group, tensor), values.len(), bytes)
            })
        });
        let vectors: Vec<(String, usize, Vec<u8>)> = vectors.collect();
        let views = vectors.iter().map(|(name, extent, bytes)| {
            Ok((name, TensorView::new(Dtype::F64, vec![*extent], bytes)?))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(encode)?;
        let bytes = safetensors::serialize(views, None).map_err(encode)?;
        self.replace(&paths::rays(cycle), &bytes)
    }

    /// Writes the labels of the test images, one byte per image.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_labels(&self, labels: &[u8]) -> Result<(), RunFolderError> {
        let name = format!("{}/{}", paths::PREDICTIONS, paths::LABELS);
        self.write(&name, &classes(paths::LABELS_TENSOR, labels)?)
    }

    /// Writes the predictions of a replica's network for the test images after the training that follows a clip,
    /// one byte per image. (Labels are bytes in every data set, so there are at most 256 classes.)
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_predictions(
        &self,
        replica: &crate::config::Replica,
        clip: usize,
        predicted: &[u8],
    ) -> Result<(), RunFolderError> {
        let name = paths::predictions(replica.method, replica.seed, Some(clip));
        self.write(&name, &classes(paths::AFTER_TRAINING, predicted)?)
    }

    /// Writes and syncs a file, for files that no checkpoint restores.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunFolderError> {
        self.write_file(name, bytes, true)
    }

    /// Writes a file without syncing it: it is synced later ([`RunFolder::sync`]), or a resumed run writes it
    /// again.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_unsynced(&self, name: &str, bytes: &[u8]) -> Result<(), RunFolderError> {
        self.write_file(name, bytes, false)
    }

    /// Writes a file if it has other content. An older file is replaced only by one that is synced, because
    /// checkpoints may rely on it. Returns whether it must still be synced.
    ///
    /// # Errors
    /// The file system refuses.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<bool, RunFolderError> {
        let kind = self.dir.kind(name);
        if kind.map_err(RunFolderError::io("write", &self.path().join(name)))?.is_none() {
            return self.write_unsynced(name, bytes).map(|()| true);
        }
        let found = read_whole(&self.path().join(name), bytes.len() as u64);
        if found.is_ok_and(|found| found == bytes) {
            return Ok(false);
        }
        self.write(name, bytes).map(|()| false)
    }

    fn write_file(&self, name: &str, bytes: &[u8], sync: bool) -> Result<(), RunFolderError> {
        let written = self.checkpoints().make_room(|| self.dir.write(name, bytes, sync));
        written.map_err(RunFolderError::io("write", &self.path().join(name)))
    }

    /// Syncs files, so that they survive a loss of power. Several threads sync them: a file system writes its
    /// journal once for files that are synced together.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn sync<'a>(&self, names: impl Iterator<Item = &'a String>) -> Result<(), RunFolderError> {
        let sync = |name: &String| {
            self.dir.sync(name).map_err(RunFolderError::io("sync", &self.path().join(name)))
        };
        let names: Vec<&String> = names.collect();
        names.chunks(SYNC_THREADS).try_for_each(|names| {
            std::thread::scope(|scope| {
                let threads = names.iter().map(|name| scope.spawn(|| sync(name)));
                let threads: Vec<_> = threads.collect();
                let mut results = threads.into_iter().map(ScopedJoinHandle::join);
                results.try_for_each(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
            })
        })
    }

    /// Removes a file if it exists.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(&self, name: &str) -> Result<(), RunFolderError> {
        self.dir.remove(name).map_err(RunFolderError::io("remove", &self.path().join(name)))
    }

    /// Removes all files from a folder and its subfolders, except those in `names` (relative to the folder), and
    /// removes folders that become empty. Does not follow links.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn keep_only(&self, folder: &str, names: &BTreeSet<String>) -> Result<(), RunFolderError> {
        keep_only_in(&self.dir, folder, "", names)
            .map_err(RunFolderError::io("remove old files in", &self.path().join(folder)))
    }
}

/// Encodes a value as a JSON file.
fn json(value: &impl Serialize) -> Result<Vec<u8>, RunFolderError> {
    serde_json::to_vec_pretty(value).map_err(RunFolderError::encode("a file of the run"))
}

/// Encodes a file with one tensor of classes, U8 `[image]`.
fn classes(name: &str, classes: &[u8]) -> Result<Vec<u8>, RunFolderError> {
    TensorView::new(Dtype::U8, vec![classes.len()], classes)
        .and_then(|view| safetensors::serialize([(name, view)], None))
        .map_err(RunFolderError::encode("predictions"))
}

fn keep_only_in(
    parent: &Dir,
    folder: &str,
    within: &str,
    names: &BTreeSet<String>,
) -> io::Result<()> {
    let here = parent.join(folder);
    let mut left = false;
    for (name, kind) in here.entries()? {
        let full = format!("{within}{}", name.to_string_lossy());
        match kind {
            Kind::Folder if within.is_empty() => {
                keep_only_in(&here, &full, &format!("{full}/"), names)?;
            }
            Kind::Folder => {}
            _ if names.contains(&full) => {}
            _ => here.remove(&name)?,
        }
        left |= here.kind(&name)?.is_some();
    }
    if left { Ok(()) } else { parent.remove_all(folder) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rays_are_named_by_their_side() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        let rays = GroupRays {
            replica: 3,
            group: "layer_1".into(),
            y: [vec![1.0], vec![2.0]],
            x: [vec![3.0, 0.0], vec![4.0, 5.0]],
        };
        folder.write_rays(7, &[&rays]).unwrap();
        let bytes = fs::read(parent.path().join("rays/cycle_07.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let first = |name: &str| {
            let tensor = file.tensor(&format!("replica_3.layer_1.{name}")).unwrap();
            f64::from_le_bytes(tensor.data()[..8].try_into().unwrap())
        };
        assert_eq!(paths::RAY_TENSORS.map(first), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn only_what_is_named_is_kept_and_links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        for name in ["n/a/1", "n/a/2", "n/b/1", "n/top", "n/.partial-x", "outside/1"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(parent.path().join("outside"), parent.path().join("n/link"))
            .unwrap();
        folder.keep_only("n", &["a/2".to_owned()].into()).unwrap();
        let left = |name: &str| -> Vec<String> {
            let entries = fs::read_dir(folder.path().join(name)).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(left("n"), ["a"]);
        assert_eq!(left("n/a"), ["2"]);
        assert_eq!(left("outside"), ["1"]);
        folder.keep_only("n", &BTreeSet::new()).unwrap();
        assert!(!folder.path().join("n").exists());
        folder.keep_only("n", &BTreeSet::new()).unwrap();
    }
}
