//! The clips of a run: rows of `cycles.csv`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Gap, ReportError};

/// The method that clips nothing.
pub(crate) const SCRATCH: &str = "scratch";

/// One row of `cycles.csv`: a clip of one layer of one replica. Unknown columns are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Clip {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// The hidden layer.
    pub layer: usize,
    /// Neurons before the clip.
    pub width_before: usize,
    /// Neurons after it.
    pub width_after: usize,
    /// Fraction of the layer's first width that is gone.
    pub sparsity: f64,
    /// Test accuracy before the clip; none for `scratch`.
    pub accuracy_before_clip: Option<f64>,
    /// Right after it.
    pub accuracy_after_clip: f64,
    /// After the training that follows it.
    pub accuracy_after_training: Option<f64>,
    /// As `accuracy_after_clip`, on the images held out.
    pub validation_after_clip: Option<f64>,
    /// As `accuracy_after_training`, likewise.
    pub validation_after_training: Option<f64>,
    /// Mean training loss over the cycle's batches.
    pub train_loss: Option<f64>,
    /// Weights and biases of the replica after it.
    pub parameters: usize,
    /// Seconds of the cycle's training, of all replicas that trained at once; for `scratch`, of all
    /// training up to here.
    #[serde(skip)]
    pub train_seconds: Option<f64>,
    /// Seconds of scoring, clipping and rebuilding, likewise.
    #[serde(skip)]
    pub compress_seconds: Option<f64>,
    /// Replicas that trained at once.
    pub at_once: Option<usize>,
    /// Joules of the machine since the last clip.
    #[serde(skip)]
    pub joules: Option<f64>,
    /// Floating-point operations of the layer's reconstruction.
    pub solver_flops: Option<f64>,
}

impl Clip {
    /// Whether it is a fresh network of the width that others were clipped to.
    pub fn is_scratch(&self) -> bool {
        self.method == SCRATCH
    }

    /// Whether rays were taken for it.
    pub(crate) fn has_rays(&self) -> bool {
        self.method.starts_with("dtc")
    }
}

/// The rows of a CSV file that are whole; a gap for the first that is not.
///
/// # Errors
/// The file cannot be read, or lacks a column.
pub(crate) fn read_clips(path: &Path, gaps: &mut Vec<Gap>) -> Result<Vec<Clip>, ReportError> {
    let bytes =
        fs::read(path).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
    let (rows, damaged) = rows_of(&bytes);
    if let Some(reason) = damaged {
        let whole = format!("{reason}; {} rows are whole", rows.len());
        if rows.is_empty() {
            return Err(ReportError::Format { path: path.to_path_buf(), reason });
        }
        gaps.push(Gap { path: path.to_path_buf(), reason: whole });
    }
    Ok(rows)
}

/// A row of `timings.csv`: what a cycle of a replica took.
#[derive(Deserialize)]
struct Timing {
    replica: usize,
    cycle: usize,
    train_seconds: f64,
    compress_seconds: f64,
    joules: Option<f64>,
}

/// Adds what the cycles took to the clips; a gap where that cannot be read.
pub(crate) fn read_timings(path: &Path, clips: &mut [Clip], gaps: &mut Vec<Gap>) {
    let mut gap = |reason: String| gaps.push(Gap { path: path.to_path_buf(), reason });
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        // Nothing was timed that was not clipped.
        Err(_) if clips.is_empty() => return,
        Err(error) => return gap(format!("cannot be read: {error}")),
    };
    let (rows, damaged) = rows_of::<Timing>(&bytes);
    damaged.into_iter().for_each(&mut gap);
    let timings: BTreeMap<(usize, usize), Timing> =
        rows.into_iter().map(|timing| ((timing.cycle, timing.replica), timing)).collect();
    for clip in clips {
        if let Some(timing) = timings.get(&(clip.cycle, clip.replica)) {
            clip.train_seconds = Some(timing.train_seconds);
            clip.compress_seconds = Some(timing.compress_seconds);
            clip.joules = timing.joules;
        }
    }
}

/// The rows that are whole, and what is wrong with the first that is not.
pub(crate) fn rows_of<T: DeserializeOwned>(csv: &[u8]) -> (Vec<T>, Option<String>) {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(csv);
    let (mut rows, mut damaged) = (vec![], None);
    for row in reader.deserialize() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                damaged.get_or_insert_with(|| error.to_string());
            }
        }
    }
    (rows, damaged)
}

/// Drops the rows that no run writes: of a layer that there is not, with a width that is not the ladder's, or
/// an accuracy that is none. How many they were, in words.
pub(crate) fn drop_impossible(clips: &mut Vec<Clip>, first: &[usize]) -> Option<String> {
    let all = clips.len();
    let most = first.iter().sum();
    let is_fraction = |value: f64| (0.0..=1.0).contains(&value);
    // A clip takes a neuron at least, so that there are no more cycles than neurons. (A layer that is small
    // enough stands in the rows of `scratch` with the width that it keeps.)
    clips.retain(|clip| {
        let others = [clip.accuracy_before_clip, clip.accuracy_after_training];
        let before = first.get(clip.layer).is_some_and(|width| clip.width_before <= *width);
        let accuracy = is_fraction(clip.accuracy_after_clip)
            && is_fraction(clip.sparsity)
            && others.into_iter().flatten().all(is_fraction);
        before && clip.width_after <= clip.width_before && clip.cycle < most && accuracy
    });
    // What most rows say of a clip is the ladder.
    let mut votes: BTreeMap<(usize, usize), BTreeMap<usize, usize>> = BTreeMap::new();
    for clip in clips.iter() {
        let at = votes.entry((clip.layer, clip.cycle)).or_default();
        *at.entry(clip.width_after).or_default() += 1;
    }
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let mut ladder = BTreeMap::new();
    for ((layer, cycle), votes) in votes {
        let last = last.entry(layer).or_insert(usize::MAX);
        let falling = votes.into_iter().filter(|(width, _)| width <= last);
        if let Some((width, _)) = falling.max_by_key(|(_, count)| *count) {
            ladder.insert((layer, cycle), width);
            *last = width;
        }
    }
    clips.retain(|clip| ladder.get(&(clip.layer, clip.cycle)) == Some(&clip.width_after));
    let dropped = all - clips.len();
    (dropped > 0).then(|| format!("{dropped} of {all} rows cannot be: they are left out"))
}

/// The widths of all layers before their first clips; a layer that none clipped is not known.
pub(crate) fn first_widths(clips: &[Clip]) -> Vec<usize> {
    let layers = clips.iter().map(|clip| clip.layer + 1).max().unwrap_or(0);
    let first = |layer| clips.iter().filter(move |clip| clip.layer == layer);
    (0..layers).filter_map(|layer| first(layer).map(|clip| clip.width_before).max()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::clip;

    #[test]
    fn rows_that_cannot_be_are_dropped_and_counted() {
        let ladder = [(0, 100, 90), (1, 90, 81), (2, 81, 72)];
        let good: Vec<Clip> = ladder
            .into_iter()
            .flat_map(|(cycle, a, b)| [0, 1].map(|replica| clip(replica, cycle, a, b, 0.9)))
            .collect();
        let mut clips = good.clone();
        assert_eq!(drop_impossible(&mut clips, &[100]), None);
        let bad = [
            clip(2, 1, 90, 95, 0.9),
            clip(2, 1, 190, 81, 0.9),
            clip(2, 1, 90, 80, 0.9),
            clip(2, 100, 90, 81, 0.9),
            clip(2, 1, 90, 81, 1.5),
            clip(2, 1, 90, 81, f64::NAN),
            Clip { layer: 1, ..clip(2, 1, 90, 81, 0.9) },
        ];
        clips.extend(bad);
        let reason = drop_impossible(&mut clips, &[100]).unwrap();
        assert!(reason.starts_with("7 of 13 rows"), "{reason}");
        assert_eq!(clips, good);
    }

    #[test]
    fn rows_that_are_whole_are_read_beside_one_that_is_not() {
        let (rows, damaged) = rows_of::<(usize, f64)>(b"a,b\n1,2\n3\n4,x\n5,6\n");
        assert_eq!(rows, [(1, 2.0), (5, 6.0)]);
        assert!(damaged.unwrap().contains("line"));
    }
}
