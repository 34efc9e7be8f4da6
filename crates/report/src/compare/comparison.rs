//! The comparison of several methods with the same seeds: means, intervals, differences.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_run_folder::config::Budget;
use rayclip_run_folder::read::Rung;
use rayclip_run_folder::{DataSummary, halvings, paths};
use serde::{Deserialize, Serialize};

use crate::compare::comparable::{check_same, differing, labels};
use crate::compare::correct::Correct;
use crate::compare::measure::Measure;
use crate::compare::statistics::{Estimate, binomial_error};
use crate::compare::verdict::MARGIN;
use crate::error::ReportError;
use crate::read::run::Run;

/// A line of `statistics.csv`: one method at one width.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Statistic {
    /// The measured quantity.
    pub measure: Measure,
    /// The method.
    pub method: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after the clip.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that are gone.
    pub sparsity: f64,
    /// Number of seeds.
    pub n: usize,
    /// Mean over the seeds.
    pub mean: f64,
    /// Standard deviation (n − 1).
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of the mean.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// Binomial standard error of the accuracy of one network over the images: √(p (1 − p) / N). A mean over seeds
    /// on the same images has at most this error. `None` if N is not known.
    pub image_error: Option<f64>,
}

/// Returns the budgets of `scratch` in runs that have it, each once.
pub(crate) fn budgets(runs: &[Run]) -> Vec<Budget> {
    let mut budgets = vec![];
    for compression in runs.iter().filter_map(|run| Some(&run.settings.as_ref()?.compression)) {
        let is_new = !budgets.contains(&compression.budget);
        if is_new && compression.methods.iter().any(|method| method.is_from_scratch()) {
            budgets.push(compression.budget);
        }
    }
    budgets
}

/// Methods on the same ladder with the same data.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Their names, in the order of the replicas.
    pub methods: Vec<String>,
    /// The ladder.
    pub rungs: BTreeMap<usize, Rung>,
    /// Hidden neurons before the first clip.
    pub neurons_before: usize,
    /// The images.
    pub data: DataSummary,
    /// Replicas that did not reach the end, each with the reason.
    pub missing: Vec<String>,
    /// Settings, other than methods and seeds, in which the runs differ: `key: a | b`.
    pub differing: Vec<String>,
    /// Smaller differences of accuracies count as equal.
    pub margin: f64,
    /// The budgets of `scratch` in the runs that have it, as far as their settings are known.
    pub budgets: Vec<Budget>,
    /// Which test images are classified correctly after training: by cycle and method, then by seed.
    pub(crate) correct: BTreeMap<(usize, usize), BTreeMap<u64, Correct>>,
    /// Values by measure, cycle and method, then by seed.
    pub(crate) values: BTreeMap<(Measure, usize, usize), BTreeMap<u64, f64>>,
}

impl Comparison {
    /// Compares runs.
    ///
    /// # Errors
    /// There is no run, a run has no row, or two runs have different data or ladders; the message names them.
    pub fn of(runs: &[Run]) -> Result<Self, ReportError> {
        let first = runs.first().ok_or(ReportError::Nothing)?;
        let mut ladder = BTreeMap::new();
        for run in runs {
            let path = run.folder.join(paths::CYCLES);
            if run.rows.is_empty() {
                let reason = "it has no row, because there is no clip yet".to_owned();
                return Err(ReportError::Format { path, reason });
            }
            check_same(first, run, &mut ladder)?;
            // The mean of networks with their own widths can grow when a small one stops.
            let have_own_widths = runs.iter().any(Run::has_own_widths);
            let falls = ladder.values().is_sorted_by(|a, b| a.sparsity <= b.sparsity);
            if !falls && !have_own_widths {
                let reason = "its clips and those of the runs before it are not on one ladder";
                return Err(ReportError::Format { path, reason: reason.to_owned() });
            }
        }
        let labels = labels(runs);
        let mut methods: Vec<String> = Vec::new();
        let mut values: BTreeMap<(Measure, usize, usize), BTreeMap<u64, f64>> = BTreeMap::new();
        for run in runs {
            let label = |method: &str| labels(run, method);
            for method in run.methods() {
                index_of(label(method), &mut methods);
            }
            for row in &run.rows {
                let method = index_of(label(&row.method), &mut methods);
                for measure in Measure::ALL {
                    if let Some(value) = measure.of(row) {
                        let at = values.entry((measure, row.cycle, method)).or_default();
                        at.insert(row.seed, value);
                    }
                }
            }
        }
        Ok(Self {
            methods,
            rungs: ladder,
            neurons_before: first.groups.neurons(),
            data: first.data.clone(),
            missing: runs.iter().flat_map(|run| run.missing.clone()).collect(),
            differing: differing(runs),
            margin: MARGIN,
            budgets: budgets(runs),
            correct: BTreeMap::new(),
            values,
        })
    }

    /// Returns the number of seeds of the method with the most seeds.
    pub fn seeds(&self) -> usize {
        self.values.values().map(BTreeMap::len).max().unwrap_or(0)
    }

    /// Returns the index of a method. If a name includes the folder of its run, the folder can be left out, as long
    /// as only one method has the name.
    ///
    /// # Errors
    /// No method has this name, or several have it.
    pub fn method(&self, name: &str) -> Result<usize, ReportError> {
        let exact = self.methods.iter().position(|method| method == name);
        let mut of_runs = self.methods.iter().enumerate().filter(|(_, method)| {
            method.strip_prefix(name).is_some_and(|folder| folder.starts_with(" ("))
        });
        let only = of_runs.next().filter(|_| of_runs.next().is_none()).map(|(index, _)| index);
        exact.or(only).ok_or_else(|| ReportError::UnknownMethod {
            name: name.to_owned(),
            known: self.methods.join(", "),
        })
    }

    /// Returns the values of a method at a rung, by seed.
    pub fn values(&self, measure: Measure, cycle: usize, method: usize) -> BTreeMap<u64, f64> {
        self.values.get(&(measure, cycle, method)).cloned().unwrap_or_default()
    }

    /// Returns the estimate of a method at a rung; `None` if the method has no value there.
    pub fn estimate(&self, measure: Measure, cycle: usize, method: usize) -> Option<Estimate> {
        let values = self.values(measure, cycle, method);
        Estimate::of(&values.into_values().collect::<Vec<_>>())
    }

    /// Returns all estimates.
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

    /// Returns all measures and cycles for which some method has a value.
    pub(crate) fn measured(&self) -> Vec<(Measure, usize)> {
        let all: BTreeSet<(Measure, usize)> =
            self.values.keys().map(|(measure, cycle, _)| (*measure, *cycle)).collect();
        all.into_iter().collect()
    }

    /// Returns the number of images of a measure; 0 if it is not known.
    pub(crate) fn images(&self, measure: Measure) -> usize {
        match measure {
            Measure::AccuracyAfterClip | Measure::AccuracyAfterTraining => self.data.test,
            Measure::ValidationAfterClip | Measure::ValidationAfterTraining => self.data.validation,
        }
    }

    /// Returns the rungs that tables show. They are the rungs of all methods that reached the last rung (`scratch`
    /// trains only at some clips). If these are many, only their halvings are shown.
    pub fn shown(&self) -> Vec<&Rung> {
        const FEW: usize = 10;
        let has = |cycle: usize, method: usize| {
            self.values.contains_key(&(Measure::AccuracyAfterClip, cycle, method))
        };
        let last = self.rungs.keys().next_back().copied().unwrap_or(0);
        let whole: Vec<usize> = (0..self.methods.len()).filter(|m| has(last, *m)).collect();
        let common: Vec<&Rung> = self
            .rungs
            .values()
            .filter(|rung| whole.iter().all(|method| has(rung.cycle, *method)))
            .collect();
        match common.len() {
            0 => milestones(&self.rungs.values().collect::<Vec<_>>(), self.neurons_before),
            1..=FEW => common,
            _ => milestones(&common, self.neurons_before),
        }
    }
}

/// Returns the first rung, each rung at which the number of neurons has halved again, and the last rung.
pub(crate) fn milestones<'a>(rungs: &[&'a Rung], neurons_before: usize) -> Vec<&'a Rung> {
    let neurons: Vec<usize> = rungs.iter().map(|rung| rung.neurons()).collect();
    halvings(neurons_before, &neurons).into_iter().map(|index| rungs[index]).collect()
}

/// Returns the index of a name in a list. Appends the name if it is new.
pub(crate) fn index_of(name: String, names: &mut Vec<String>) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::read::sample::{clip, run_of, with_settings};

    /// Returns a run with two clips of one group; `accuracies[seed]` is the accuracy after both clips.
    pub(crate) fn run(method: &str, accuracies: &[f64]) -> Run {
        let clips = accuracies.iter().enumerate().flat_map(|(seed, accuracy)| {
            [clip(seed, 0, 100, 50, *accuracy), clip(seed, 1, 50, 25, *accuracy)]
                .map(|row| CycleRow { method: method.into(), ..row })
        });
        run_of(clips.collect())
    }

    #[test]
    fn runs_that_lead_down_no_one_ladder_are_refused() {
        let of = |clips: [(usize, usize, usize); 2]| {
            run_of(clips.map(|(cycle, before, after)| clip(0, cycle, before, after, 0.9)).to_vec())
        };
        // A clip in cycle 2 that keeps more neurons than the other run has after cycle 1.
        let runs = [of([(0, 100, 50), (2, 50, 40)]), of([(0, 100, 50), (1, 50, 30)])];
        assert!(Comparison::of(&runs[..1]).is_ok());
        let refused = Comparison::of(&runs).unwrap_err().to_string();
        assert!(refused.contains("not on one ladder"), "{refused}");
    }

    #[test]
    fn networks_with_widths_of_their_own_are_compared_at_their_mean() {
        let rows = [clip(0, 0, 100, 60, 0.9), clip(1, 0, 100, 41, 0.8), clip(0, 1, 60, 54, 0.7)];
        let own = with_settings(run_of(rows.to_vec()), &["compression.ranking=global"]);
        let of_ladder = with_settings(run("l1", &[0.5, 0.6]), &[]);
        let comparison = Comparison::of(&[own, of_ladder]).unwrap();
        let neurons: Vec<usize> = comparison.rungs.values().map(Rung::neurons).collect();
        assert_eq!(neurons, [51, 54]);
        assert_eq!(comparison.statistics().len(), 2 * comparison.measured().len());
    }

    #[test]
    fn values_are_summed_up_over_the_seeds() {
        let base = [0.90, 0.80, 0.70, 0.60];
        let runs = [run("dtc", &base), run("l2", &[0.9, 0.7, 0.8, 0.6, 0.5])];
        let comparison = Comparison::of(&runs).unwrap();
        assert_eq!(comparison.methods, ["dtc", "l2"]);
        let statistics = comparison.statistics();
        // The measure that matters for use comes first.
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
