//! A table to which rows are appended. The rows before them are not rewritten.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;

use rayclip_data::{hexadecimal, read_whole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RunFolder;
use crate::csv::{header, lines};
use crate::error::RunFolderError;
use crate::limits;

/// The extent of a table in a checkpoint: the rows on disk that no longer change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Bytes of the header and of the settled rows.
    pub bytes: u64,
    /// SHA-256 of these bytes, in hexadecimal.
    pub sha256: String,
}

/// A table of rows `T` that grows at its end. Its last rows, the tail, may change until they are settled.
pub struct AppendedTable<T> {
    name: &'static str,
    /// Hash of the settled bytes.
    hash: Sha256,
    settled: u64,
    tail: Vec<u8>,
    rows: PhantomData<fn(T)>,
}

impl<T: Serialize + Default> AppendedTable<T> {
    /// Creates the table `name` with only its header.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn create(folder: &RunFolder, name: &'static str) -> Result<Self, RunFolderError> {
        let header = header::<T>()?;
        folder.write_unsynced(name, &header)?;
        Ok(Self::of(name, &header))
    }

    /// Opens the table `name` up to the extent in a checkpoint. Returns the table and these bytes. Later rows stay
    /// in the file until [`AppendedTable::write_tail`].
    ///
    /// # Errors
    /// The file has changed since the checkpoint was taken, in words.
    pub fn resume(
        folder: &RunFolder,
        name: &'static str,
        extent: &Extent,
    ) -> Result<(Self, Vec<u8>), String> {
        let mut content = read_whole(&folder.path().join(name), limits::CLIPS_BYTES)
            .map_err(|error| format!("{name} cannot be read: {error}"))?;
        content.truncate(usize::try_from(extent.bytes).unwrap_or(usize::MAX));
        let is_whole = content.len() as u64 == extent.bytes;
        if !is_whole || rayclip_data::sha256([content.as_slice()]) != extent.sha256 {
            return Err(format!("{name} has changed since the checkpoint was taken"));
        }
        Ok((Self::of(name, &content), content))
    }

    fn of(name: &'static str, settled: &[u8]) -> Self {
        let hash = Sha256::new_with_prefix(settled);
        Self { name, hash, settled: settled.len() as u64, tail: vec![], rows: PhantomData }
    }

    /// Returns the extent of the settled rows.
    pub fn extent(&self) -> Extent {
        Extent { bytes: self.settled, sha256: hexadecimal(self.hash.clone()) }
    }

    /// Writes `rows` after the settled ones and replaces the tail.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_tail(&mut self, folder: &RunFolder, rows: &[T]) -> Result<(), RunFolderError> {
        let tail = lines(rows)?;
        let write = || {
            let mut file: File = folder.dir().open_or_create(self.name)?;
            file.seek(SeekFrom::Start(self.settled))?;
            file.write_all(&tail)?;
            file.set_len(self.settled + tail.len() as u64)
        };
        let written = folder.checkpoints().make_room(write);
        written.map_err(RunFolderError::io("write", &folder.path().join(self.name)))?;
        self.tail = tail;
        Ok(())
    }

    /// Settles the tail: it no longer changes.
    pub fn settle(&mut self) {
        self.hash.update(&self.tail);
        self.settled += self.tail.len() as u64;
        self.tail.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::csv::{from_csv, to_csv};
    use crate::paths::TIMINGS;
    use crate::rows::TimingRow;

    fn row(cycle: usize, seconds: f64) -> TimingRow {
        TimingRow { cycle, train_seconds: seconds, ..TimingRow::default() }
    }

    #[test]
    fn rows_are_appended_and_the_last_ones_replaced_until_they_are_settled() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        let mut table = AppendedTable::<TimingRow>::create(&folder, TIMINGS).unwrap();
        let content = || fs::read(parent.path().join(TIMINGS)).unwrap();
        assert_eq!(from_csv::<TimingRow>(&content()).unwrap(), []);
        table.write_tail(&folder, &[row(0, 1.0), row(0, 22.5)]).unwrap();
        table.write_tail(&folder, &[row(0, 3.0)]).unwrap();
        assert_eq!(content(), to_csv(&[row(0, 3.0)]).unwrap());
        table.settle();
        table.write_tail(&folder, &[row(1, 4.0)]).unwrap();
        let whole = to_csv(&[row(0, 3.0), row(1, 4.0)]).unwrap();
        assert_eq!(content(), whole);
        let settled = to_csv(&[row(0, 3.0)]).unwrap();
        let extent = table.extent();
        assert_eq!(extent.bytes, settled.len() as u64);
        assert_eq!(extent.sha256, rayclip_data::sha256([settled.as_slice()]));
    }

    #[test]
    fn a_table_is_resumed_as_far_as_it_was_settled() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        let mut table = AppendedTable::<TimingRow>::create(&folder, TIMINGS).unwrap();
        table.write_tail(&folder, &[row(0, 1.0)]).unwrap();
        table.settle();
        let (extent, path) = (table.extent(), parent.path().join(TIMINGS));
        let settled = fs::read(&path).unwrap();
        table.write_tail(&folder, &[row(1, 2.0)]).unwrap();
        // The tail in the file does not matter.
        for tail in [vec![], vec![row(1, 2.5)], vec![row(1, 2.5), row(2, 3.0)]] {
            table.write_tail(&folder, &tail).unwrap();
            let (mut again, content) = AppendedTable::resume(&folder, TIMINGS, &extent).unwrap();
            assert_eq!((&content, again.extent()), (&settled, extent.clone()));
            again.write_tail(&folder, &[row(1, 2.0)]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), to_csv(&[row(0, 1.0), row(1, 2.0)]).unwrap());
        }
        let mut changed = settled.clone();
        changed[settled.len() - 3] ^= 1;
        for damaged in [&changed[..], &settled[..settled.len() - 1], b""] {
            fs::write(&path, damaged).unwrap();
            let refused = AppendedTable::<TimingRow>::resume(&folder, TIMINGS, &extent);
            let refused = refused.err().unwrap();
            assert!(refused.contains("timings.csv has changed"), "{refused}");
        }
        fs::remove_file(&path).unwrap();
        assert!(AppendedTable::<TimingRow>::resume(&folder, TIMINGS, &extent).is_err());
    }
}
