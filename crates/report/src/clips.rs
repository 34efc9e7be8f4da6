//! The clips of a run: rows of `cycles.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayclip_data::{plain, read_whole};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::limits::{self, is_amount};
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
    /// Neurons of the layer whose score is that of another one; none where it was not counted.
    pub ties: Option<usize>,
    /// Seconds of scoring the replicas of this method that trained at once, reconstructions included; none where
    /// they were not measured by method.
    #[serde(skip)]
    pub score_seconds: Option<f64>,
    /// Seconds of their reconstructions alone; none where there is none.
    #[serde(skip)]
    pub solve_seconds: Option<f64>,
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
/// The file cannot be read, lacks a column, or names more methods than a run has.
pub(crate) fn read_clips(path: &Path, gaps: &mut Vec<Gap>) -> Result<Vec<Clip>, ReportError> {
    let bytes = read_whole(path, limits::CLIPS_BYTES)
        .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
    let (mut rows, damaged) = rows_of::<Clip>(&bytes);
    // That of a replica that diverged is no number to draw.
    for clip in &mut rows {
        clip.train_loss = clip.train_loss.filter(|loss| is_amount(*loss));
        clip.method = plain(&clip.method);
    }
    let methods: BTreeSet<&str> = rows.iter().map(|clip| clip.method.as_str()).collect();
    if methods.len() > limits::METHODS {
        let reason = format!("{} methods; a run has at most {}", methods.len(), limits::METHODS);
        return Err(ReportError::Format { path: path.to_path_buf(), reason });
    }
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
    score_seconds: Option<f64>,
    solve_seconds: Option<f64>,
}

/// Adds what the cycles took to the clips; a gap where that cannot be read.
pub(crate) fn read_timings(path: &Path, clips: &mut [Clip], gaps: &mut Vec<Gap>) {
    let mut gap = |reason: String| gaps.push(Gap { path: path.to_path_buf(), reason });
    let bytes = match read_whole(path, limits::CLIPS_BYTES) {
        Ok(bytes) => bytes,
        // Nothing was timed that was not clipped.
        Err(_) if clips.is_empty() => return,
        Err(error) => return gap(format!("cannot be read: {error}")),
    };
    let (rows, damaged) = rows_of::<Timing>(&bytes);
    damaged.into_iter().for_each(&mut gap);
    let amounts = |timing: &Timing| {
        let optional = [timing.joules, timing.score_seconds, timing.solve_seconds];
        let [joules, score, solve] = optional.map(|amount| amount.unwrap_or(0.0));
        [timing.train_seconds, timing.compress_seconds, joules, score, solve]
    };
    let possible = rows.into_iter().filter(|timing| amounts(timing).into_iter().all(is_amount));
    let timings: BTreeMap<(usize, usize), Timing> =
        possible.map(|timing| ((timing.cycle, timing.replica), timing)).collect();
    for clip in clips {
        if let Some(timing) = timings.get(&(clip.cycle, clip.replica)) {
            clip.train_seconds = Some(timing.train_seconds);
            clip.compress_seconds = Some(timing.compress_seconds);
            clip.joules = timing.joules;
            clip.score_seconds = timing.score_seconds;
            clip.solve_seconds = timing.solve_seconds;
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
                damaged.get_or_insert_with(|| plain(&error.to_string()));
            }
        }
    }
    (rows, damaged)
}

/// Drops the rows that no run writes: of a layer that there is not, with a width that is not the ladder's, an
/// accuracy that is none, or a number beyond the [`limits`]. How many they were, in words.
pub(crate) fn drop_impossible(clips: &mut Vec<Clip>, first: &[usize]) -> Option<String> {
    let all = clips.len();
    let most = first.iter().sum::<usize>().min(limits::CYCLES);
    let is_fraction = |value: f64| (0.0..=1.0).contains(&value);
    // A clip takes a neuron at least, so that there are no more cycles than neurons. (A layer that is small
    // enough stands in the rows of `scratch` with the width that it keeps.)
    clips.retain(|clip| {
        let others = [
            clip.accuracy_before_clip,
            clip.accuracy_after_training,
            clip.validation_after_clip,
            clip.validation_after_training,
        ];
        let before = first.get(clip.layer).is_some_and(|width| clip.width_before <= *width);
        let accuracy = is_fraction(clip.accuracy_after_clip)
            && is_fraction(clip.sparsity)
            && others.into_iter().flatten().all(is_fraction);
        let width = clip.width_after >= 1 && clip.width_after <= clip.width_before;
        before && width && clip.cycle < most && accuracy && is_measured(clip)
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

/// Whether a row counts and measures what a run can have counted and measured.
fn is_measured(clip: &Clip) -> bool {
    let name = clip.method.chars().count();
    let counts = [clip.parameters, clip.replica, clip.at_once.unwrap_or(1)];
    let ties = clip.ties.is_none_or(|ties| ties <= clip.width_before);
    let amounts = [clip.train_seconds, clip.compress_seconds, clip.joules, clip.solver_flops];
    (1..=limits::NAME).contains(&name)
        && clip.at_once != Some(0)
        && ties
        && counts.into_iter().all(|count| count <= limits::COUNT)
        && amounts.into_iter().flatten().all(is_amount)
}

/// The widths of all layers before their first clips; a layer that none clipped is not known.
pub(crate) fn first_widths(clips: &[Clip]) -> Vec<usize> {
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    let possible =
        |clip: &&Clip| clip.layer < limits::LAYERS && limits::are_widths(&[clip.width_before]);
    for clip in clips.iter().filter(possible) {
        let width = first.entry(clip.layer).or_default();
        *width = clip.width_before.max(*width);
    }
    first.into_values().collect()
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
            Clip { layer: usize::MAX, ..clip(2, 1, 90, 81, 0.9) },
            clip(2, usize::MAX, 90, 81, 0.9),
            Clip { parameters: usize::MAX, ..clip(2, 1, 90, 81, 0.9) },
            Clip { at_once: Some(0), ..clip(2, 1, 90, 81, 0.9) },
            Clip { ties: Some(91), ..clip(2, 1, 90, 81, 0.9) },
            Clip { joules: Some(f64::NAN), ..clip(2, 1, 90, 81, 0.9) },
            Clip { validation_after_clip: Some(2.0), ..clip(2, 1, 90, 81, 0.9) },
            Clip { method: "x".repeat(65), ..clip(2, 1, 90, 81, 0.9) },
        ];
        clips.extend(bad);
        let reason = drop_impossible(&mut clips, &[100]).unwrap();
        assert!(reason.starts_with("15 of 21 rows"), "{reason}");
        assert_eq!(clips, good);
    }

    #[test]
    fn first_widths_are_of_layers_that_can_be() {
        let layer = |layer, width| Clip { layer, ..clip(0, 0, width, 1, 0.9) };
        let clips =
            [layer(usize::MAX, 9), layer(2, 7), layer(0, usize::MAX), layer(0, 5), layer(0, 6)];
        assert_eq!(first_widths(&clips), [6, 7]);
    }

    #[test]
    fn a_loss_that_is_no_number_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cycles.csv");
        let head = "replica,method,seed,cycle,layer,width_before,width_after,sparsity,\
                    accuracy_after_clip,parameters,train_loss\n";
        let losses = ["NaN", "inf", "1e300", "0.5", ""];
        let rows = losses.map(|loss| format!("0,m,0,0,0,4,3,0.25,0.5,9,{loss}\n"));
        std::fs::write(&path, head.to_owned() + &rows.concat()).unwrap();
        let rows = read_clips(&path, &mut vec![]).unwrap();
        let found: Vec<Option<f64>> = rows.iter().map(|clip| clip.train_loss).collect();
        assert_eq!(found, [None, None, None, Some(0.5), None]);
    }

    #[test]
    fn a_file_of_too_many_methods_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cycles.csv");
        let head = "replica,method,seed,cycle,layer,width_before,width_after,sparsity,\
                    accuracy_after_clip,parameters\n";
        let rows = |count| (0..count).map(|n| format!("0,m{n},0,0,0,4,3,0.25,0.5,9\n"));
        std::fs::write(&path, rows(33).fold(head.to_owned(), |text, row| text + &row)).unwrap();
        let message = read_clips(&path, &mut vec![]).unwrap_err().to_string();
        assert!(message.contains("cycles.csv: 33 methods; a run has at most 32"), "{message}");
    }

    #[test]
    fn rows_that_are_whole_are_read_beside_one_that_is_not() {
        let (rows, damaged) = rows_of::<(usize, f64)>(b"a,b\n1,2\n3\n4,x\n5,6\n");
        assert_eq!(rows, [(1, 2.0), (5, 6.0)]);
        assert!(damaged.unwrap().contains("line"));
    }

    #[test]
    fn what_an_earlier_version_did_not_write_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let clips = |columns: &str, values: &str, timing: (&str, &str)| {
            let head = "replica,method,seed,cycle,layer,width_before,width_after,sparsity,\
                        accuracy_after_clip,parameters";
            let text = format!("{head}{columns}\n0,dtc,0,0,0,4,3,0.25,0.5,9{values}\n");
            std::fs::write(folder.path().join("cycles.csv"), text).unwrap();
            let head = "replica,cycle,train_seconds,compress_seconds,joules";
            let text = format!("{head}{}\n0,0,2,1,{}\n", timing.0, timing.1);
            std::fs::write(folder.path().join("timings.csv"), text).unwrap();
            let mut gaps = vec![];
            let mut clips = read_clips(&folder.path().join("cycles.csv"), &mut gaps).unwrap();
            read_timings(&folder.path().join("timings.csv"), &mut clips, &mut gaps);
            assert_eq!(gaps, []);
            (clips[0].ties, clips[0].score_seconds, clips[0].solve_seconds)
        };
        assert_eq!(clips("", "", ("", "")), (None, None, None));
        let columns = ",score_seconds,solve_seconds";
        assert_eq!(clips(",ties", ",2", (columns, ",0.5,0.25")), (Some(2), Some(0.5), Some(0.25)));
        assert_eq!(clips(",ties", ",0", (columns, ",0.5,")), (Some(0), Some(0.5), None));
    }
}
