//! Reads the predictions of a run's networks. They give the errors of differences over the test images.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_run_folder::config::AccuracyKind;
use rayclip_run_folder::read::{self, Gap};
use rayclip_run_folder::{CycleRow, limits, paths};

use crate::compare::comparable::labels;
use crate::compare::comparison::Comparison;
use crate::compare::correct::{Correct, paired_error};
use crate::compare::measure::Measure;
use crate::compare::verdict::Difference;
use crate::read::run::Run;

impl Comparison {
    /// Reads the predictions of the networks that have verdicts. A file that is missing or damaged is a gap. A run
    /// of an early version keeps no predictions; this is not a gap.
    pub fn read_predictions(&mut self, runs: &[Run]) -> Vec<Gap> {
        let mut gaps = vec![];
        let label = labels(runs);
        let mut images = 0;
        for run in runs.iter().filter(|run| keeps_predictions(run)) {
            let labels = match read::labels(&run.folder, run.data.test) {
                Ok(labels) => labels,
                Err(gap) => {
                    gaps.push(gap);
                    continue;
                }
            };
            for row in self.trained(run) {
                images += labels.len();
                if images > limits::PREDICTIONS {
                    let reason = format!("at most {} predictions are read", limits::PREDICTIONS);
                    gaps.push(Gap { path: run.folder.join(paths::PREDICTIONS), reason });
                    return gaps;
                }
                match correct(run, row, &labels) {
                    Ok(correct) => {
                        let Ok(method) = self.method(&label(run, &row.method)) else { continue };
                        let of_rung = self.correct.entry((row.cycle, method)).or_default();
                        of_rung.insert(row.seed, correct);
                    }
                    Err(gap) => gaps.push(gap),
                }
            }
        }
        gaps
    }

    /// Returns one row for every network that has a verdict after training.
    fn trained<'a>(&self, run: &'a Run) -> Vec<&'a CycleRow> {
        let cycles: BTreeSet<usize> = self.shown().iter().map(|rung| rung.cycle).collect();
        let trained =
            |row: &&CycleRow| cycles.contains(&row.cycle) && row.accuracy_after_training.is_some();
        let rows: BTreeMap<(usize, &str, u64), &CycleRow> = run
            .rows
            .iter()
            .filter(trained)
            .map(|row| ((row.cycle, row.method.as_str(), row.seed), row))
            .collect();
        rows.into_values().collect()
    }

    /// Returns the standard error of a difference over the test images; `None` if one of its seeds has no
    /// predictions.
    pub(crate) fn image_error(&self, row: &Difference) -> Option<f64> {
        if row.measure != Measure::AccuracyAfterTraining {
            return None;
        }
        let of = |name: &str| {
            let method = self.methods.iter().position(|method| method == name)?;
            self.correct.get(&(row.cycle, method))
        };
        let (a, b) = (of(&row.method)?, of(&row.baseline)?);
        let pairs: Vec<_> = a.iter().filter_map(|(seed, a)| Some((a, b.get(seed)?))).collect();
        (pairs.len() == row.n).then(|| paired_error(&pairs))?
    }
}

/// Returns whether the version that wrote the run keeps predictions. Such a version also counts ties.
fn keeps_predictions(run: &Run) -> bool {
    run.rows.iter().any(|row| row.ties.is_some()) || run.folder.join(paths::PREDICTIONS).exists()
}

/// Compares the predictions of one network with the labels.
fn correct(run: &Run, row: &CycleRow, labels: &[u16]) -> Result<Correct, Gap> {
    let CycleRow { method, seed, cycle, .. } = row;
    let predicted = read::predictions(&run.folder, method, *seed, *cycle, run.data.test)?;
    let gap = |reason| {
        let path = run.folder.join(paths::predictions(method, *seed, Some(*cycle)));
        Err(Gap { path, reason })
    };
    if predicted.len() != labels.len() {
        return gap(format!("{} predictions for {} images", predicted.len(), labels.len()));
    }
    let correct = Correct::of(&predicted, labels);
    let found = correct.fraction();
    // The mean of batches gives the images of a smaller last batch another weight.
    let accuracy = run.settings.as_ref().map(|settings| settings.evaluation.accuracy);
    let told = row.accuracy_after_training.filter(|_| accuracy == Some(AccuracyKind::AllImages));
    match told {
        Some(told) if (found - told).abs() > 0.5 / labels.len() as f64 => {
            gap(format!("accuracy {found}, but {} has {told}", paths::CYCLES))
        }
        _ => Ok(correct),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rayclip_run_folder::write::RunFolder;
    use rayclip_run_folder::{Method, Replica};

    use super::*;
    use crate::compare::correct::tests::{error, right};
    use crate::read::sample::{clip, run_of, with_settings};

    /// Returns a run with two clips of two methods and three seeds. Writes its predictions.
    fn run(path: &Path) -> Run {
        let folder = RunFolder::from(path);
        folder.write_labels(&[1; 1000]).unwrap();
        let mut rows = vec![];
        for (index, method) in [Method::Dtc(None, None, None), Method::L2].into_iter().enumerate() {
            for seed in 0..3 {
                let right = right(index, seed);
                let number = 3 * index + seed;
                let replica = Replica { number, seed_index: seed, method, seed: seed as u64 };
                for (cycle, before, after) in [(0, 100, 50), (1, 50, 25)] {
                    folder.write_predictions(&replica, cycle, &right.bits()).unwrap();
                    rows.push(CycleRow {
                        method: method.to_string(),
                        seed: replica.seed,
                        accuracy_after_training: Some(right.fraction()),
                        ties: Some(0),
                        ..clip(number, cycle, before, after, 0.9)
                    });
                }
            }
        }
        let run = Run { folder: path.to_path_buf(), ..run_of(rows) };
        let mut run = with_settings(run, &["evaluation.accuracy=all-images"]);
        run.data.test = 1000;
        run
    }

    fn errors(run: &Run) -> (Vec<Option<f64>>, Vec<Gap>) {
        let mut comparison = Comparison::of(std::slice::from_ref(run)).unwrap();
        let gaps = comparison.read_predictions(std::slice::from_ref(run));
        (comparison.family(0).iter().map(|row| row.image_error).collect(), gaps)
    }

    #[test]
    fn predictions_of_a_folder_stand_beside_the_differences() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let (found, gaps) = errors(&run);
        assert_eq!(gaps, []);
        // After training at both widths; right after the clip there are no predictions.
        assert_eq!(found, [Some(error(3)), Some(error(3)), None, None]);
    }

    #[test]
    fn predictions_that_are_missing_or_damaged_are_gaps_and_no_numbers() {
        let gap = |damage: fn(&Path, &mut Run)| {
            let folder = tempfile::tempdir().unwrap();
            let mut run = run(folder.path());
            damage(&folder.path().join(paths::PREDICTIONS), &mut run);
            let (found, gaps) = errors(&run);
            (found.iter().flatten().count(), gaps)
        };
        let (known, gaps) = gap(|own, _| {
            fs::remove_file(own.join("l2_seed_1/cycle_01.safetensors")).unwrap();
        });
        assert!(known == 1 && gaps.len() == 1, "{gaps:?}");
        assert!(gaps[0].path.ends_with("l2_seed_1/cycle_01.safetensors"), "{gaps:?}");
        let (known, gaps) = gap(|own, _| fs::remove_dir_all(own).unwrap());
        assert!(known == 0 && gaps.len() == 1 && gaps[0].path.ends_with("labels.safetensors"));
        // An earlier version kept no predictions, and counted no ties.
        let (known, gaps) = gap(|own, run| {
            fs::remove_dir_all(own).unwrap();
            run.rows.iter_mut().for_each(|row| row.ties = None);
        });
        assert_eq!((known, gaps.len()), (0, 0));
        let (known, gaps) = gap(|own, _| {
            let other = own.join("dtc_seed_1/cycle_00.safetensors");
            fs::copy(other, own.join("dtc_seed_0/cycle_00.safetensors")).unwrap();
        });
        assert!(known == 1 && gaps[0].reason.contains("but cycles.csv has"), "{gaps:?}");
        let (known, gaps) = gap(|_, run| run.data.test = 999);
        assert!(known == 0 && gaps[0].reason.contains("shape [1000]"), "{gaps:?}");
        let (_, gaps) = gap(|_, run| {
            run.rows.iter_mut().for_each(|row| row.method = "../x".into());
        });
        assert!(gaps[0].reason.contains("name of a method"), "{gaps:?}");
    }
}
