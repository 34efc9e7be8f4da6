//! Several methods with the same seeds: means, intervals, and what can be told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::comparable::{check_same, differing, labels};
use crate::ladder::{Rung, milestones, sum};
use crate::statistics::{Estimate, holm};
use crate::verdict::{Difference, SIGNIFICANCE, Verdict};
use crate::{Clip, Data, ReportError, Run};

/// What is compared; named as the column of `cycles.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Test accuracy right after the clip.
    AccuracyAfterClip,
    /// Test accuracy after the training that follows.
    AccuracyAfterTraining,
    /// Accuracy on the images held out, right after the clip.
    ValidationAfterClip,
    /// And after the training that follows.
    ValidationAfterTraining,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::AccuracyAfterClip,
        Self::AccuracyAfterTraining,
        Self::ValidationAfterClip,
        Self::ValidationAfterTraining,
    ];

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
    /// By measure, cycle and method: values by seed.
    values: BTreeMap<(Measure, usize, usize), BTreeMap<u64, f64>>,
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
            })
        });
        keys.collect()
    }

    /// Every method minus every other, at all widths.
    pub fn differences(&self) -> Vec<Difference> {
        let measured: BTreeSet<(Measure, usize)> =
            self.values.keys().map(|(measure, cycle, _)| (*measure, *cycle)).collect();
        let families = measured.into_iter().flat_map(|(measure, cycle)| {
            (0..self.methods.len()).map(move |baseline| (baseline, measure, cycle))
        });
        families
            .flat_map(|(baseline, m, cycle)| self.differences_from(baseline, m, cycle))
            .collect()
    }

    /// Every other method minus `baseline` at one width: a family of Holm's adjustment.
    pub fn differences_from(
        &self,
        baseline: usize,
        measure: Measure,
        cycle: usize,
    ) -> Vec<Difference> {
        let others = (0..self.methods.len()).filter(|method| *method != baseline);
        let rung = &self.rungs[&cycle];
        let subtracted = self.values(measure, cycle, baseline);
        let difference = |method: usize| {
            let of_method = self.values(measure, cycle, method);
            let pairs = of_method.iter().filter_map(|(seed, a)| Some(a - subtracted.get(seed)?));
            let estimate = Estimate::of(&pairs.collect::<Vec<_>>())?;
            let estimate = estimate.no_finer_than(self.resolution(measure));
            Some(Difference {
                measure,
                method: self.methods[method].clone(),
                baseline: self.methods[baseline].clone(),
                cycle,
                neurons: rung.neurons(),
                sparsity: rung.sparsity,
                n: estimate.n,
                mean: estimate.mean,
                deviation: estimate.deviation,
                low: estimate.low,
                high: estimate.high,
                p: estimate.p_of_zero(),
                p_holm: None,
                verdict: Verdict::TooFewSeeds,
            })
        };
        let mut family: Vec<Difference> = others.filter_map(difference).collect();
        let p: Vec<f64> = family.iter().filter_map(|difference| difference.p).collect();
        let mut adjusted = holm(&p).into_iter();
        for difference in family.iter_mut().filter(|difference| difference.p.is_some()) {
            difference.p_holm = adjusted.next();
            difference.verdict = match difference.p_holm {
                Some(p) if p < SIGNIFICANCE && difference.mean > 0.0 => Verdict::Higher,
                Some(p) if p < SIGNIFICANCE => Verdict::Lower,
                _ => Verdict::NotDistinguishable,
            };
        }
        family
    }

    /// What one image more or less makes of a measure.
    fn resolution(&self, measure: Measure) -> f64 {
        let images = match measure {
            Measure::AccuracyAfterClip | Measure::AccuracyAfterTraining => self.data.test,
            Measure::ValidationAfterClip | Measure::ValidationAfterTraining => self.data.validation,
        };
        // Where it is not known, nothing is known of the rounding either.
        if images == 0 { 0.0 } else { 1.0 / images as f64 }
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
fn place_of(name: String, names: &mut Vec<String>) -> usize {
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
    fn pairs_by_seed_and_holds_verdicts_to_holm() {
        let base = [0.90, 0.80, 0.70, 0.60];
        let shifted = base.map(|accuracy| accuracy + 0.01 + 0.001 * accuracy);
        let runs =
            [run("dtc", &shifted), run("random", &base), run("l2", &[0.9, 0.7, 0.8, 0.6, 0.5])];
        let comparison = Comparison::of(&runs).unwrap();
        assert_eq!(comparison.methods, ["dtc", "random", "l2"]);
        let family =
            |baseline| comparison.differences_from(baseline, Measure::AccuracyAfterClip, 0);
        let verdicts =
            |baseline| family(baseline).iter().map(|d| (d.n, d.verdict)).collect::<Vec<_>>();
        let nothing = (4, Verdict::NotDistinguishable);
        assert_eq!(verdicts(0), [(4, Verdict::Lower), nothing]);
        assert_eq!(verdicts(1), [(4, Verdict::Higher), nothing]);
        assert_eq!(verdicts(2), [nothing, nothing]);
        let dtc = &family(1)[0];
        assert!((dtc.p_holm.unwrap() / dtc.p.unwrap() - 2.0).abs() < 1e-9);
        // Two measures, two clips, every method against both others.
        assert_eq!(comparison.differences().len(), 2 * 2 * 6);
        let statistics = comparison.statistics();
        let l2 = statistics.iter().find(|s| s.method == "l2" && s.cycle == 1).unwrap();
        assert_eq!((l2.n, l2.neurons, l2.sparsity), (5, 25, 0.75));
    }

    #[test]
    fn one_seed_proves_nothing() {
        let comparison = Comparison::of(&[run("dtc", &[0.9]), run("l2", &[0.1])]).unwrap();
        let family = comparison.differences_from(0, Measure::AccuracyAfterClip, 0);
        assert_eq!((family[0].verdict, family[0].p), (Verdict::TooFewSeeds, None));
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
