//! A table to which rows are appended. The rows before them are not rewritten, unless something else changed the
//! file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;

use rayclip_data::{hexadecimal, read_whole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RunFolder;
use crate::csv::{header, lines};
use crate::error::RunFolderError;

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
    /// The header and the settled rows.
    settled: Vec<u8>,
    /// Hash of the settled bytes.
    hash: Sha256,
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
        Ok(Self::of(name, header))
    }

    /// Opens the table `name` up to the extent in a checkpoint, of at most `most` bytes. Later rows stay in the file
    /// until [`AppendedTable::write_tail`].
    ///
    /// # Errors
    /// The file has changed since the checkpoint was taken, in words.
    pub fn resume(
        folder: &RunFolder,
        name: &'static str,
        extent: &Extent,
        most: u64,
    ) -> Result<Self, String> {
        if extent.bytes > most {
            let bytes = extent.bytes;
            return Err(format!("{name} has {bytes} bytes; that of this run has at most {most}"));
        }
        let mut content = vec![];
        File::open(folder.path().join(name))
            .and_then(|file| file.take(extent.bytes).read_to_end(&mut content))
            .map_err(|error| format!("{name} cannot be read: {error}"))?;
        let is_whole = content.len() as u64 == extent.bytes;
        if !is_whole || rayclip_data::sha256([content.as_slice()]) != extent.sha256 {
            return Err(format!("{name} has changed since the checkpoint was taken"));
        }
        Ok(Self::of(name, content))
    }

    fn of(name: &'static str, settled: Vec<u8>) -> Self {
        let hash = Sha256::new_with_prefix(&settled);
        Self { name, settled, hash, tail: vec![], rows: PhantomData }
    }

    /// Returns the header and the settled rows.
    pub fn settled(&self) -> &[u8] {
        &self.settled
    }

    /// Returns the extent of the settled rows.
    pub fn extent(&self) -> Extent {
        Extent { bytes: self.settled.len() as u64, sha256: hexadecimal(self.hash.clone()) }
    }

    /// Writes `rows` after the settled ones and replaces the tail. If the settled rows are not in the file, or the
    /// file has other names (hard links, as of a backup), the whole table is written into a new file.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_tail(&mut self, folder: &RunFolder, rows: &[T]) -> Result<(), RunFolderError> {
        self.tail = lines(rows)?;
        let Some(file) = self.open(folder).map_err(|error| self.io(folder, error))? else {
            return self.write_whole(folder);
        };
        let settled = self.settled.len() as u64;
        let write = || {
            let mut file = &file;
            file.seek(SeekFrom::Start(settled))?;
            file.write_all(&self.tail)?;
            file.set_len(settled + self.tail.len() as u64)
        };
        folder.checkpoints().make_room(write).map_err(|error| self.io(folder, error))
    }

    /// Opens the file if it is this table's alone and holds the settled rows.
    fn open(&self, folder: &RunFolder) -> io::Result<Option<File>> {
        let Some(file) = folder.dir().open_own(self.name)? else { return Ok(None) };
        let is_whole = file.metadata()?.len() >= self.settled.len() as u64;
        Ok(is_whole.then_some(file))
    }

    fn write_whole(&self, folder: &RunFolder) -> Result<(), RunFolderError> {
        folder.write(self.name, &[self.settled.as_slice(), &self.tail].concat())
    }

    /// Writes the whole table again if the file has other content. Returns whether it did.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn restore(&self, folder: &RunFolder) -> Result<bool, RunFolderError> {
        let bytes = (self.settled.len() + self.tail.len()) as u64;
        let found = read_whole(&folder.path().join(self.name), bytes);
        let (settled, tail) = (self.settled.as_slice(), self.tail.as_slice());
        let is_same = |found: &Vec<u8>| found.strip_prefix(settled) == Some(tail);
        if found.is_ok_and(|found| is_same(&found)) {
            return Ok(false);
        }
        self.write_whole(folder).map(|()| true)
    }

    /// Settles the tail: it no longer changes.
    pub fn settle(&mut self) {
        self.hash.update(&self.tail);
        self.settled.append(&mut self.tail);
    }

    fn io(&self, folder: &RunFolder, error: io::Error) -> RunFolderError {
        RunFolderError::io("write", &folder.path().join(self.name))(error)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::csv::{from_csv, to_csv};
    use crate::paths::TIMINGS;
    use crate::rows::TimingRow;

    const MOST: u64 = 1 << 20;

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
            let mut again = AppendedTable::resume(&folder, TIMINGS, &extent, MOST).unwrap();
            assert_eq!((again.settled(), again.extent()), (&settled[..], extent.clone()));
            again.write_tail(&folder, &[row(1, 2.0)]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), to_csv(&[row(0, 1.0), row(1, 2.0)]).unwrap());
        }
        let refused = |most| {
            AppendedTable::<TimingRow>::resume(&folder, TIMINGS, &extent, most).err().unwrap()
        };
        let mut changed = settled.clone();
        changed[settled.len() - 3] ^= 1;
        for damaged in [&changed[..], &settled[..settled.len() - 1], b""] {
            fs::write(&path, damaged).unwrap();
            let refused = refused(MOST);
            assert!(refused.contains("timings.csv has changed"), "{refused}");
        }
        fs::write(&path, &settled).unwrap();
        let long = refused(settled.len() as u64 - 1);
        assert!(long.contains("at most"), "{long}");
        fs::remove_file(&path).unwrap();
        assert!(refused(MOST).contains("cannot be read"));
    }

    #[test]
    fn what_something_else_did_to_the_file_is_undone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::from(parent.path());
        let mut table = AppendedTable::<TimingRow>::create(&folder, TIMINGS).unwrap();
        table.write_tail(&folder, &[row(0, 1.0)]).unwrap();
        table.settle();
        let path = parent.path().join(TIMINGS);
        let whole = to_csv(&[row(0, 1.0), row(1, 2.0)]).unwrap();
        // A hard link is that of a backup: it keeps the content that it had.
        let (backup, before) = (parent.path().join("backup"), fs::read(&path).unwrap());
        fs::hard_link(&path, &backup).unwrap();
        table.write_tail(&folder, &[row(1, 2.0)]).unwrap();
        assert_eq!((fs::read(&path).unwrap(), fs::read(&backup).unwrap()), (whole.clone(), before));
        fs::write(&path, b"short").unwrap();
        table.write_tail(&folder, &[row(1, 2.0)]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        fs::remove_file(&path).unwrap();
        table.write_tail(&folder, &[row(1, 2.0)]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(!table.restore(&folder).unwrap());
        let mut changed = whole.clone();
        changed[20] ^= 1;
        for damaged in [changed, [&whole[..], b"x"].concat(), vec![]] {
            fs::write(&path, damaged).unwrap();
            assert!(table.restore(&folder).unwrap());
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        fs::remove_file(&path).unwrap();
        assert!(table.restore(&folder).unwrap() && fs::read(&path).unwrap() == whole);
    }
}
