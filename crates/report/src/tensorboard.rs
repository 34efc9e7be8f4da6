//! A run as TensorBoard event files, one folder a replica.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;

use rayclip_data::Dir;
use tfrecord::protobuf::event::What;
use tfrecord::{Event, EventMeta, EventWriter};

use crate::{Clip, ReportError, Run};

/// TensorBoard looks for files with `tfevents` in their names, and for this at their beginning.
const NAME: &str = "events.out.tfevents.0.rayclip";
const VERSION: &str = "brain.Event:2";

/// Event files that follow a run.
pub struct EventFiles {
    folder: Dir,
    writers: BTreeMap<String, EventWriter<BufWriter<File>>>,
    /// Cycle, replica and layer of the rows that are written.
    written: BTreeSet<(usize, usize, usize)>,
}

impl EventFiles {
    /// Files in `folder`, made with the first row of their replica.
    pub fn new(folder: impl Into<Dir>) -> Self {
        Self { folder: folder.into(), writers: BTreeMap::new(), written: BTreeSet::new() }
    }

    /// Writes the rows that the run has more than at the last call: those that are whole and, of a run that
    /// is `over`, the others too. The step is the cycle.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn follow(&mut self, run: &Run, over: bool) -> Result<(), ReportError> {
        for clip in &run.clips {
            let key = (clip.cycle, clip.replica, clip.layer);
            if (clip.accuracy_after_training.is_some() || over) && self.written.insert(key) {
                self.write(clip)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, clip: &Clip) -> Result<(), ReportError> {
        // The name of a method may lead anywhere.
        let is_safe = |c: char| c.is_alphanumeric() || "-_. ()".contains(c);
        let method = clip.method.replace(|c| !is_safe(c), "_");
        let name = format!("{method}-seed{}", clip.seed);
        let folder = self.folder.join(&name);
        let failed = |error: &dyn std::fmt::Display| ReportError::Format {
            path: folder.path().to_path_buf(),
            reason: format!("the event file cannot be written: {error}"),
        };
        let writer = match self.writers.entry(name) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(place) => place.insert(create(&folder).map_err(|error| failed(&error))?),
        };
        let layer = clip.layer;
        let scalars = [
            ("accuracy/after_clip".to_owned(), Some(clip.accuracy_after_clip)),
            ("accuracy/after_training".into(), clip.accuracy_after_training),
            ("accuracy/validation_after_clip".into(), clip.validation_after_clip),
            ("accuracy/validation_after_training".into(), clip.validation_after_training),
            ("loss/train".into(), clip.train_loss),
            ("network/parameters".into(), Some(clip.parameters as f64)),
            (format!("network/neurons_layer_{layer}"), Some(clip.width_after as f64)),
            (format!("network/sparsity_layer_{layer}"), Some(clip.sparsity)),
            ("seconds/train".into(), clip.train_seconds),
            ("seconds/compress".into(), clip.compress_seconds),
        ];
        for (tag, value) in scalars {
            if let Some(value) = value {
                let written = writer.write_scalar(tag, clip.cycle as i64, value as f32);
                written.map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
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
    use crate::table::tests::{clip, run_of};

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
        files.follow(&run, false).unwrap();
        files.follow(&run, false).unwrap();
        assert_eq!(values("network/neurons_layer_0"), [(0, 50.0), (1, 25.0)]);
        files.follow(&run, true).unwrap();
        assert_eq!(values("network/neurons_layer_0"), [(0, 50.0), (1, 25.0), (2, 12.0)]);
        assert_eq!(values("accuracy/after_training"), [(0, 0.8), (1, 0.8)]);
    }

    #[test]
    fn no_method_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let clip = Clip { method: "../../x".into(), ..clip(0, 0, 100, 50, 0.9) };
        let inner = folder.path().join("a/b");
        EventFiles::new(&inner).follow(&run_of(vec![clip]), true).unwrap();
        assert!(inner.join(".._.._x-seed0").join(NAME).exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let mut files = EventFiles::new(&folder.path().join("file"));
        let run = run_of(vec![clip(0, 0, 100, 50, 0.9)]);
        assert!(files.follow(&run, true).unwrap_err().to_string().contains("dtc-seed0"));
    }
}
