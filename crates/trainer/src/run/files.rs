//! The files of the ledger: tables to which rows are appended, and one file per clip for kept neurons and for rays.
//!
//! A checkpoint holds no copy of them, only their extent and a hash. So the files that it relies on are synced
//! before it is written.

use std::collections::BTreeSet;

use rayclip_data::hexadecimal;
use rayclip_run_folder::csv::{from_csv, lines};
use rayclip_run_folder::read::{Measured, kept, rays};
use rayclip_run_folder::write::{AppendedTable, Extent, RunFolder};
use rayclip_run_folder::{CycleRow, RunFolderError, TimingRow, paths};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ledger::Ledger;
use crate::error::TrainerError;

/// The files of a ledger in a run folder.
pub(crate) struct LedgerFiles<'a> {
    folder: &'a RunFolder,
    cycles: AppendedTable<CycleRow>,
    timings: AppendedTable<TimingRow>,
    /// Hash of the kept neurons and the rays of all rows, in the order of the rows.
    arrays: Sha256,
    /// Files written since the last checkpoint.
    unsynced: BTreeSet<String>,
    /// The rows of the last clip. They change once more, when the training after the clip is complete.
    tail: Option<Tail>,
}

/// The rows of a clip that may still change.
struct Tail {
    cycle: usize,
    /// Replica numbers.
    replicas: Vec<usize>,
}

/// How far the files were written when a checkpoint was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub(crate) cycles: Extent,
    /// The rows of the last clip, which may still change, as lines of CSV.
    pub(crate) tail: String,
    pub(crate) timings: Extent,
    /// SHA-256 of kept neurons and rays, in hexadecimal.
    pub(crate) arrays: String,
}

impl<'a> LedgerFiles<'a> {
    /// Creates tables without rows, and removes what an earlier attempt left of clips.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn create(folder: &'a RunFolder) -> Result<Self, TrainerError> {
        for name in [paths::KEPT, paths::RAYS] {
            folder.keep_only(name, &BTreeSet::new())?;
        }
        let cycles = AppendedTable::create(folder, paths::CYCLES)?;
        let timings = AppendedTable::create(folder, paths::TIMINGS)?;
        let unsynced = [paths::CYCLES, paths::TIMINGS].map(str::to_owned).into();
        Ok(Self { folder, cycles, timings, arrays: Sha256::new(), unsynced, tail: None })
    }

    /// Opens the files up to the extent in a checkpoint, and fills the ledger with them. A table has at most
    /// `most_bytes`. Later content stays until [`LedgerFiles::cut`].
    ///
    /// # Errors
    /// A file has changed since the checkpoint was taken, in words.
    pub(crate) fn resume(
        folder: &'a RunFolder,
        written: &Written,
        most_bytes: u64,
        ledger: &mut Ledger,
    ) -> Result<Self, String> {
        let cycles = AppendedTable::resume(folder, paths::CYCLES, &written.cycles, most_bytes)?;
        let settled = from_csv::<CycleRow>(cycles.settled())?.len();
        let content = [cycles.settled(), written.tail.as_bytes()].concat();
        let rows: Vec<CycleRow> = from_csv(&content)?;
        let timings = AppendedTable::resume(folder, paths::TIMINGS, &written.timings, most_bytes)?;
        let timing_rows: Vec<TimingRow> = from_csv(timings.settled())?;
        ledger.check(&rows, &timing_rows)?;
        let mut files = Self {
            folder,
            cycles,
            timings,
            arrays: Sha256::new(),
            unsynced: BTreeSet::new(),
            tail: Tail::of(&rows[settled..]),
        };
        let cycles: BTreeSet<usize> = rows.iter().map(|row| row.cycle).collect();
        for cycle in cycles {
            add_arrays(folder, cycle, &rows, ledger)?;
        }
        files.hash_arrays(&rows, ledger);
        ledger.add_rows(rows);
        ledger.add_timings(timing_rows);
        if hexadecimal(files.arrays.clone()) != written.arrays {
            let [kept, rays] = [paths::KEPT, paths::RAYS];
            return Err(format!(
                "files in {kept}/ or {rays}/ have changed since the checkpoint was taken"
            ));
        }
        Ok(files)
    }

    /// Writes tables again that something else has changed on disk. Returns their names.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn restore(&self) -> Result<Vec<&'static str>, TrainerError> {
        let cycles = self.cycles.restore(self.folder)?.then_some(paths::CYCLES);
        let timings = self.timings.restore(self.folder)?.then_some(paths::TIMINGS);
        Ok(cycles.into_iter().chain(timings).collect())
    }

    /// Makes the folder hold what the ledger holds, and no later clip.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn cut(&mut self, ledger: &Ledger) -> Result<(), TrainerError> {
        let tail = self.tail.as_ref();
        let rows = tail.map(|tail| ledger.rows_of(tail.cycle, &tail.replicas));
        self.cycles.write_tail(self.folder, &rows.unwrap_or_default())?;
        self.timings.write_tail(self.folder, &[])?;
        let (mut kept, mut rays) = (BTreeSet::new(), BTreeSet::new());
        let name = |path: String| path.rsplit('/').next().map(str::to_owned);
        for cycle in 0..ledger.clips() {
            if !ledger.kept_of(cycle).is_empty() {
                kept.extend(name(paths::kept(cycle)));
                self.write_kept(cycle, ledger)?;
            }
            if !ledger.rays_of(cycle).is_empty() {
                rays.extend(name(paths::rays(cycle)));
                self.write_rays(cycle, ledger)?;
            }
        }
        self.folder.keep_only(paths::KEPT, &kept)?;
        Ok(self.folder.keep_only(paths::RAYS, &rays)?)
    }

    /// Writes the kept neurons of a clip.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_kept(&mut self, cycle: usize, ledger: &Ledger) -> Result<(), TrainerError> {
        if self.folder.write_kept(cycle, &ledger.kept_of(cycle))? {
            self.unsynced.insert(paths::kept(cycle));
        }
        Ok(())
    }

    fn write_rays(&mut self, cycle: usize, ledger: &Ledger) -> Result<(), TrainerError> {
        if self.folder.write_rays(cycle, &ledger.rays_of(cycle))? {
            self.unsynced.insert(paths::rays(cycle));
        }
        Ok(())
    }

    /// Appends the rows of replicas (by number) after a clip, with their cost, and writes the rays. The rows change
    /// once more, when the training after the clip is complete.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn append_clip(
        &mut self,
        cycle: usize,
        replicas: Vec<usize>,
        ledger: &Ledger,
    ) -> Result<(), TrainerError> {
        let rows = ledger.rows_of(cycle, &replicas);
        if rows.iter().any(|row| ledger.rays_in(row).is_some()) {
            self.write_rays(cycle, ledger)?;
        }
        self.timings.write_tail(self.folder, &ledger.timings_of(cycle, &replicas))?;
        self.timings.settle();
        self.cycles.settle();
        self.cycles.write_tail(self.folder, &rows)?;
        self.hash_arrays(&rows, ledger);
        self.unsynced.extend([paths::CYCLES, paths::TIMINGS].map(str::to_owned));
        self.tail = Some(Tail { cycle, replicas });
        Ok(())
    }

    /// Overwrites the rows of the last clip with the complete ones. Rows of replicas that diverged since then stay
    /// as they are.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn complete_clip(&mut self, ledger: &Ledger) -> Result<(), TrainerError> {
        let Some(Tail { cycle, replicas }) = &self.tail else { return Ok(()) };
        // It needs no sync: the checkpoint holds these rows.
        Ok(self.cycles.write_tail(self.folder, &ledger.rows_of(*cycle, replicas))?)
    }

    /// Syncs what was written since the last checkpoint, so that it survives a loss of power. Returns the extent.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn sync(&mut self, ledger: &Ledger) -> Result<Written, TrainerError> {
        self.folder.sync(std::mem::take(&mut self.unsynced).iter())?;
        let tail = self.tail.as_ref();
        let rows = tail.map(|tail| ledger.rows_of(tail.cycle, &tail.replicas));
        let tail = String::from_utf8(lines(&rows.unwrap_or_default())?);
        Ok(Written {
            cycles: self.cycles.extent(),
            tail: tail.map_err(RunFolderError::encode("the rows of a clip"))?,
            timings: self.timings.extent(),
            arrays: hexadecimal(self.arrays.clone()),
        })
    }

    fn hash_arrays(&mut self, rows: &[CycleRow], ledger: &Ledger) {
        for row in rows {
            for neuron in ledger.kept_in(row).into_iter().flatten() {
                self.arrays.update((*neuron as u64).to_le_bytes());
            }
            let Some(rays) = ledger.rays_in(row) else { continue };
            for vector in rays.y.iter().chain(&rays.x) {
                self.arrays.update((vector.len() as u64).to_le_bytes());
                for value in vector {
                    self.arrays.update(value.to_le_bytes());
                }
            }
        }
    }
}

impl Tail {
    /// Takes the last rows of a table, which belong to one clip.
    fn of(rows: &[CycleRow]) -> Option<Self> {
        let cycle = rows.first()?.cycle;
        let replicas: BTreeSet<usize> = rows.iter().map(|row| row.replica).collect();
        Some(Self { cycle, replicas: replicas.into_iter().collect() })
    }
}

/// Reads the kept neurons and the rays of a clip from the folder, for the replicas in `rows`.
fn add_arrays(
    folder: &RunFolder,
    cycle: usize,
    rows: &[CycleRow],
    ledger: &mut Ledger,
) -> Result<(), String> {
    let rows = rows.iter().filter(|row| row.cycle == cycle && !row.is_scratch());
    let replicas: BTreeSet<usize> = rows.clone().map(|row| row.replica).collect();
    if replicas.is_empty() {
        return Ok(());
    }
    let in_file = |file: String| move |reason: String| format!("{file}: {reason}");
    let mut kept = kept(folder.path(), cycle).map_err(in_file(paths::kept(cycle)))?;
    kept.retain(|kept| replicas.contains(&kept.replica));
    ledger.add_kept(cycle, kept);
    let mut measured = rows.filter(|row| row.has_rays()).map(Measured::of).peekable();
    if measured.peek().is_some() {
        let of_groups = rays(folder.path(), cycle, measured);
        let of_groups = of_groups.and_then(|all| all.into_iter().collect::<Result<Vec<_>, _>>());
        ledger.add_rays(cycle, of_groups.map_err(in_file(paths::rays(cycle)))?);
    }
    Ok(())
}
