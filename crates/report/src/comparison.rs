//! Several methods with the same seeds: means, intervals, and what can be told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::comparable::{check_same, differing, labels};
use crate::ladder::{Rung, milestones, sum};
use crate::predictions::Correct;
use crate::statistics::{Estimate, binomial_error};
use crate::verdict::MARGIN;
use crate::{Clip, Data, ReportError, Run};

/// What is compared; named as the column of `cycles.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Test accuracy after the training that follows the clip: of the network that one would use.
    AccuracyAfterTraining,
    /// Test accuracy right after the clip.
    AccuracyAfterClip,
    /// Accuracy on the images held out, after the training that follows.
    ValidationAfterTraining,
    /// And right after the clip.
    ValidationAfterClip,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::AccuracyAfterTraining,
        Self::AccuracyAfterClip,
        Self::ValidationAfterTraining,
        Self::ValidationAfterClip,
    ];

    /// Those that verdicts are given on: of the test images.
    pub const SHOWN: [Self; 2] = [Self::AccuracyAfterTraining, Self::AccuracyAfterClip];

    /// Whether verdicts are given on it.
    pub fn is_shown(self) -> bool {
        Self::SHOWN.contains(&self)
    }

    /// Whether it is of a network that was clipped and not trained since.
    pub fn is_after_clip(self) -> bool {
        matches!(self, Self::AccuracyAfterClip | Self::ValidationAfterClip)
    }

    fn of(self, clip: &Clip) -> Option<f64> {
        match self {
            Self::AccuracyAfterClip => Some(clip.accuracy_after_clip),
            Self::AccuracyAfterTraining => clip.accuracy_after_training,
            Self::ValidationAfterClip => clip.validation_after_clip,
            Self::ValidationAfterTraining => clip.validation_after_training,
        }
    }
}

/// A line of `statistics.csv`: one method at one width.
#[derive(Debug, Clone, Serialize)]
pub struct Statistic {
    /// What is measured.
    pub measure: Measure,
    /// The method.
    pub method: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after it.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that is gone.
    pub sparsity: f64,
    /// Seeds.
    pub n: usize,
    /// Mean over the seeds.
    pub mean: f64,
    /// Standard deviation (n − 1).
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of the mean.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// Standard error of the accuracy of one network over the images, binomial: √(p (1 − p) / N). Of a mean over
    /// seeds on the same images it is the most. None where N is not known.
    pub image_error: Option<f64>,
}

/// Methods that went down the same ladder with the same data.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Their names, in the order of the replicas.
    pub methods: Vec<String>,
    /// The ladder.
    pub rungs: BTreeMap<usize, Rung>,
    /// Hidden neurons before the first clip.
    pub neurons_before: usize,
    /// The images.
    pub data: Data,
    /// Replicas that did not get to the end, and why.
    pub missing: Vec<String>,
    /// Settings, other than methods and seeds, in which the runs differ: `key: a | b`.
    pub differing: Vec<String>,
    /// Accuracies that differ by less count as equal.
    pub margin: f64,
    /// By cycle and method: which test images are classified rightly after training, by seed.
    pub(crate) correct: BTreeMap<(usize, usize), BTreeMap<u64, Correct>>,
    /// By measure, cycle and method: values by seed.
    pub(crate) values: BTreeMap<(Measure, usize, usize), BTreeMap<u64, f64>>,
}

impl Comparison {
    /// Brings runs together.
    ///
    /// # Errors
    /// There is none, one has no row, or two have other data or another ladder; the message names them.
    pub fn of(runs: &[Run]) -> Result<Self, ReportError> {
        let first = runs.first().ok_or(ReportError::Nothing)?;
        let mut ladder = BTreeMap::new();
        for run in runs {
            if run.clips.is_empty() {
                let reason = "it has no row: no clip was made".to_owned();
                return Err(ReportError::Format { path: run.folder.join("cycles.csv"), reason });
            }
            check_same(first, run, &mut ladder)?;
            if !ladder.values().is_sorted_by(|a, b| a.sparsity <= b.sparsity) {
                let reason = "its clips and those of the runs before it lead down no one ladder";
                let (path, reason) = (run.folder.join("cycles.csv"), reason.to_owned());
                return Err(ReportError::Format { path, reason });
            }
        }
        let labels = labels(runs);
        let mut methods: Vec<String> = Vec::new();
        let mut values: BTreeMap<(Measure, usize, usize), BTreeMap<u64, f64>> = BTreeMap::new();
        for run in runs {
            let label = |method: &str| labels(run, method);
            for method in run.methods() {
                place_of(label(method), &mut methods);
            }
            for clip in &run.clips {
                let method = place_of(label(&clip.method), &mut methods);
                for measure in Measure::ALL {
                    if let Some(value) = measure.of(clip) {
                        let at = values.entry((measure, clip.cycle, method)).or_default();
                        at.insert(clip.seed, value);
                    }
                }
            }
        }
        Ok(Self {
            methods,
            rungs: ladder,
            neurons_before: sum(&first.widths_before),
            data: first.data.clone(),
            missing: runs.iter().flat_map(|run| run.missing.clone()).collect(),
            differing: differing(runs),
            margin: MARGIN,
            correct: BTreeMap::new(),
            values,
        })
    }

    /// Seeds of the method that has most.
    pub fn seeds(&self) -> usize {
        self.values.values().map(BTreeMap::len).max().unwrap_or(0)
    }

    /// The number of a method; of one that stands with its run's folder, without it where it is the only one.
    ///
    /// # Errors
    /// There is none of this name, or several.
    pub fn method(&self, name: &str) -> Result<usize, ReportError> {
        let exact = self.methods.iter().position(|method| method == name);
        let mut of_runs = self.methods.iter().enumerate().filter(|(_, method)| {
            method.strip_prefix(name).is_some_and(|folder| folder.starts_with(" ("))
        });
        let only = of_runs.next().filter(|_| of_runs.next().is_none()).map(|(place, _)| place);
        exact.or(only).ok_or_else(|| ReportError::UnknownMethod {
            name: name.to_owned(),
            known: self.methods.join(", "),
        })
    }

    /// Values by seed of a method at a rung.
    pub fn values(&self, measure: Measure, cycle: usize, method: usize) -> BTreeMap<u64, f64> {
        self.values.get(&(measure, cycle, method)).cloned().unwrap_or_default()
    }

    /// The estimate of a method at a rung; nothing where it has no value.
    pub fn estimate(&self, measure: Measure, cycle: usize, method: usize) -> Option<Estimate> {
        let values = self.values(measure, cycle, method);
        Estimate::of(&values.into_values().collect::<Vec<_>>())
    }

    /// All estimates.
    pub fn statistics(&self) -> Vec<Statistic> {
        let keys = self.values.keys().filter_map(|&(measure, cycle, method)| {
            let Estimate { n, mean, deviation, low, high } =
                self.estimate(measure, cycle, method)?;
            let rung = &self.rungs[&cycle];
            Some(Statistic {
                measure,
                method: self.methods[method].clone(),
                cycle,
                neurons: rung.neurons(),
                sparsity: rung.sparsity,
                n,
                mean,
                deviation,
                low,
                high,
                image_error: binomial_error(mean, self.images(measure)),
            })
        });
        keys.collect()
    }

    /// All measures and cycles that some method has a value of.
    pub(crate) fn measured(&self) -> Vec<(Measure, usize)> {
        let all: BTreeSet<(Measure, usize)> =
            self.values.keys().map(|(measure, cycle, _)| (*measure, *cycle)).collect();
        all.into_iter().collect()
    }

    /// The images that a measure is of; 0 where it is not known.
    pub(crate) fn images(&self, measure: Measure) -> usize {
        match measure {
            Measure::AccuracyAfterClip | Measure::AccuracyAfterTraining => self.data.test,
            Measure::ValidationAfterClip | Measure::ValidationAfterTraining => self.data.validation,
        }
    }

    /// The rungs worth a line: those that every method has that got to the last one, where they are few
    /// (`scratch` trains at some clips only), else their milestones.
    pub fn shown(&self) -> Vec<&Rung> {
        const FEW: usize = 10;
        let has = |cycle: usize, method: usize| {
            self.values.contains_key(&(Measure::AccuracyAfterClip, cycle, method))
        };
        let last = self.rungs.keys().next_back().copied().unwrap_or(0);
        let whole: Vec<usize> = (0..self.methods.len()).filter(|m| has(last, *m)).collect();
        let common =
            self.rungs.values().filter(|rung| whole.iter().all(|method| has(rung.cycle, *method)));
        let common: Vec<&Rung> = common.collect();
        match common.len() {
            0 => milestones(self.rungs.values(), self.neurons_before),
            1..=FEW => common,
            _ => milestones(common, self.neurons_before),
        }
    }
}

/// The place of a name in a list, at its end if it is new.
pub(crate) fn place_of(name: String, names: &mut Vec<String>) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::table::tests::{clip, run_of};

    /// Two clips of one layer, `accuracies[seed]` after the first.
    pub(crate) fn run(method: &str, accuracies: &[f64]) -> Run {
        let clips = accuracies.iter().enumerate().flat_map(|(seed, accuracy)| {
            [clip(seed, 0, 100, 50, *accuracy), clip(seed, 1, 50, 25, *accuracy)]
                .map(|clip| Clip { method: method.into(), ..clip })
        });
        run_of(clips.collect())
    }

    #[test]
    fn runs_that_lead_down_no_one_ladder_are_refused() {
        let of = |clips: [(usize, usize, usize); 2]| {
            run_of(clips.map(|(cycle, before, after)| clip(0, cycle, before, after, 0.9)).to_vec())
        };
        // A clip of cycle 2 that keeps more than the other run does after cycle 1.
        let runs = [of([(0, 100, 50), (2, 50, 40)]), of([(0, 100, 50), (1, 50, 30)])];
        assert!(Comparison::of(&runs[..1]).is_ok());
        let refused = Comparison::of(&runs).unwrap_err().to_string();
        assert!(refused.contains("no one ladder"), "{refused}");
    }

    #[test]
    fn values_are_summed_up_over_the_seeds() {
        let base = [0.90, 0.80, 0.70, 0.60];
        let runs = [run("dtc", &base), run("l2", &[0.9, 0.7, 0.8, 0.6, 0.5])];
        let comparison = Comparison::of(&runs).unwrap();
        assert_eq!(comparison.methods, ["dtc", "l2"]);
        let statistics = comparison.statistics();
        // What one would use comes first.
        assert_eq!(statistics[0].measure, Measure::AccuracyAfterTraining);
        let of_l2 = |s: &&Statistic| {
            s.method == "l2" && s.cycle == 1 && s.measure == Measure::AccuracyAfterClip
        };
        let l2 = statistics.iter().find(of_l2).unwrap();
        assert_eq!((l2.n, l2.neurons, l2.sparsity), (5, 25, 0.75));
        // √(.7 · .3 / 10000)
        assert!((l2.image_error.unwrap() - 0.00458257569495584).abs() < 1e-15);
    }

    #[test]
    fn the_same_method_twice_is_told_apart_by_folder() {
        let mut second = run("dtc", &[0.8]);
        second.folder = "other".into();
        let comparison = Comparison::of(&[run("dtc", &[0.9]), second]).unwrap();
        assert_eq!(comparison.methods, ["dtc (run)", "dtc (other)"]);
        assert!(comparison.method("dtc").unwrap_err().to_string().contains("dtc (other)"));
        assert_eq!(comparison.method("dtc (other)").unwrap(), 1);
        let mut third = run("l2", &[0.7]);
        third.folder = "other".into();
        let runs = [run("dtc", &[0.9]), Run { folder: "x".into(), ..run("dtc", &[0.8]) }, third];
        let comparison = Comparison::of(&runs).unwrap();
        assert_eq!(comparison.method("l2").unwrap(), 2);
    }
}
