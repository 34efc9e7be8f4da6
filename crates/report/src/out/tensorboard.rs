//! Writes a run as TensorBoard event files, one folder per replica.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;

use rayclip_data::Dir;
use rayclip_run_folder::{CycleRow, TimingRow};
use tfrecord::protobuf::event::What;
use tfrecord::{Event, EventMeta, EventWriter};

use crate::error::ReportError;
use crate::read::run::Run;

/// TensorBoard looks for files with `tfevents` in their names, and expects this version at their start.
const NAME: &str = "events.out.tfevents.0.rayclip";
const VERSION: &str = "brain.Event:2";

/// Event files that follow a run.
///
/// The rows of a run in progress come with its events. None of the run's files is read.
pub struct EventFiles {
    folder: Dir,
    writers: BTreeMap<String, EventWriter<BufWriter<File>>>,
    /// Cycle, replica and group of the written rows.
    written: BTreeSet<(usize, usize, String)>,
}

impl EventFiles {
    /// Returns event files in `folder`. A replica's file is made with its first row.
    pub fn new(folder: impl Into<Dir>) -> Self {
        Self { folder: folder.into(), writers: BTreeMap::new(), written: BTreeSet::new() }
    }

    /// Writes rows with the times of their cycles. The step is the cycle. A row whose cycle, replica and group are
    /// already written is skipped.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_rows(
        &mut self,
        rows: &[CycleRow],
        timings: &[TimingRow],
    ) -> Result<(), ReportError> {
        let timings: BTreeMap<(usize, usize), &TimingRow> =
            timings.iter().map(|timing| ((timing.cycle, timing.replica), timing)).collect();
        for row in rows {
            self.write_once(row, timings.get(&(row.cycle, row.replica)).copied())?;
        }
        Ok(())
    }

    /// Writes the complete rows that the folder of a resumed run already has. The others come again with events.
    ///
    /// # Errors
    /// As [`EventFiles::write_rows`].
    pub fn write_whole_rows(&mut self, run: &Run) -> Result<(), ReportError> {
        let mut whole = run.rows.iter().filter(|row| row.accuracy_after_training.is_some());
        whole.try_for_each(|row| self.write_once(row, run.timing(row)))
    }

    /// Writes all rows of a run that has ended.
    ///
    /// # Errors
    /// As [`EventFiles::write_rows`].
    pub fn write_run(&mut self, run: &Run) -> Result<(), ReportError> {
        run.rows.iter().try_for_each(|row| self.write_once(row, run.timing(row)))
    }

    fn write_once(
        &mut self,
        row: &CycleRow,
        timing: Option<&TimingRow>,
    ) -> Result<(), ReportError> {
        let is_new = self.written.insert((row.cycle, row.replica, row.group.clone()));
        if is_new { self.write(row, timing) } else { Ok(()) }
    }

    fn write(&mut self, row: &CycleRow, timing: Option<&TimingRow>) -> Result<(), ReportError> {
        // The name of a method may contain a path.
        let is_safe = |c: char| c.is_alphanumeric() || "-_. ()".contains(c);
        let method = row.method.replace(|c| !is_safe(c), "_");
        let name = format!("{method}-seed{}", row.seed);
        let folder = self.folder.join(&name);
        let failed = |error: &dyn std::fmt::Display| ReportError::Format {
            path: folder.path().to_path_buf(),
            reason: format!("the event file cannot be written: {error}"),
        };
        let writer = match self.writers.entry(name) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(slot) => slot.insert(create(&folder).map_err(|error| failed(&error))?),
        };
        for (tag, value) in scalars(row, timing) {
            if let Some(value) = value {
                let written = writer.write_scalar(tag, row.cycle as i64, value as f32);
                written.map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
}

/// Returns the scalars of a row, by tag.
fn scalars(row: &CycleRow, timing: Option<&TimingRow>) -> [(String, Option<f64>); 10] {
    let group = &row.group;
    [
        ("accuracy/after_clip".into(), Some(row.accuracy_after_clip)),
        ("accuracy/after_training".into(), row.accuracy_after_training),
        ("accuracy/validation_after_clip".into(), row.validation_after_clip),
        ("accuracy/validation_after_training".into(), row.validation_after_training),
        ("loss/train".into(), row.train_loss),
        ("network/parameters".into(), Some(row.parameters as f64)),
        (format!("network/neurons_{group}"), Some(row.width_after as f64)),
        (format!("network/sparsity_{group}"), Some(row.sparsity)),
        ("seconds/train".into(), timing.map(|timing| timing.train_seconds)),
        ("seconds/compress".into(), timing.map(|timing| timing.compress_seconds)),
    ]
}

fn create(folder: &Dir) -> Result<EventWriter<BufWriter<File>>, tfrecord::Error> {
    let file = BufWriter::new(folder.create_anew(NAME)?);
    let mut writer = EventWriter::from_writer(file, tfrecord::EventWriterConfig::default())?;
    let version = Some(What::FileVersion(VERSION.to_owned()));
    writer.write_event(Event { what: version, ..EventMeta::with_step(0).build_empty() })?;
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use tfrecord::{EventIter, RecordReaderConfig};

    use super::*;
    use crate::read::sample::{clip, run_of};

    #[test]
    fn a_row_is_written_once_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let clips = [(0, 100, 50), (1, 50, 25), (2, 25, 12)];
        let run = run_of(clips.map(|(cycle, a, b)| clip(3, cycle, a, b, 0.9)).to_vec());
        let mut files = EventFiles::new(folder.path());
        let values = |tag: &str| -> Vec<(i64, f32)> {
            let file = folder.path().join("dtc-seed3").join(NAME);
            let events =
                EventIter::open(file, RecordReaderConfig::default()).unwrap().map(Result::unwrap);
            let of_event = |event: Event| match event.what {
                Some(What::Summary(summary)) => {
                    let value = summary.value.into_iter().next().unwrap();
                    let tfrecord::protobuf::summary::value::Value::SimpleValue(scalar) =
                        value.value.unwrap()
                    else {
                        panic!("not a scalar")
                    };
                    Some((value.tag, event.step, scalar))
                }
                _ => None,
            };
            let all = events.filter_map(of_event);
            all.filter(|(name, ..)| name == tag).map(|(_, step, value)| (step, value)).collect()
        };
        // The training after the last clip is not done yet.
        files.write_whole_rows(&run).unwrap();
        files.write_whole_rows(&run).unwrap();
        assert_eq!(values("network/neurons_layer_0"), [(0, 50.0), (1, 25.0)]);
        files.write_run(&run).unwrap();
        assert_eq!(values("network/neurons_layer_0"), [(0, 50.0), (1, 25.0), (2, 12.0)]);
        assert_eq!(values("accuracy/after_training"), [(0, 0.8), (1, 0.8)]);
        // One event brings a row, and another event brings it again.
        let rows = [clip(3, 3, 12, 11, 0.9), clip(3, 2, 25, 12, 0.9)];
        let timing = TimingRow { replica: 3, cycle: 3, train_seconds: 7.0, ..TimingRow::default() };
        files.write_rows(&rows, std::slice::from_ref(&timing)).unwrap();
        files.write_rows(&rows, &[timing]).unwrap();
        assert_eq!(values("network/neurons_layer_0")[3..], [(3, 11.0)]);
        assert_eq!(values("seconds/train"), [(0, 2.0), (1, 2.0), (2, 2.0), (3, 7.0)]);
    }

    #[test]
    fn no_method_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let row = CycleRow { method: "../../x".into(), ..clip(0, 0, 100, 50, 0.9) };
        let inner = folder.path().join("a/b");
        EventFiles::new(&inner).write_rows(&[row], &[]).unwrap();
        assert!(inner.join(".._.._x-seed0").join(NAME).exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let mut files = EventFiles::new(&folder.path().join("file"));
        let run = run_of(vec![clip(0, 0, 100, 50, 0.9)]);
        assert!(files.write_run(&run).unwrap_err().to_string().contains("dtc-seed0"));
    }
}
