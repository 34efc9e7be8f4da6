//! All differences from one baseline as one family, with intervals and verdicts that hold jointly.
//!
//! A family is what a page shows: every other method minus the baseline, at every width that the page shows, after
//! training and right after the clip. If the family has k comparisons, each has the interval of its paired
//! differences at the level 1 − 0.04 / k (Bonferroni). So all k intervals hold jointly with 96 %, however the
//! comparisons depend on each other. The remaining 1 % of a page is for its verdicts on entropies. The interval
//! alone decides the verdict, so the two cannot contradict each other:
//!
//! ```text
//! higher     0 < low                     equal      −margin < low ≤ 0 ≤ high < margin
//! lower      high < 0                    undecided  otherwise
//! ```
//!
//! If all intervals hold, no verdict is false, and the tests of equality add no error. "Equal" is the result of two
//! one-sided tests at 0.02 / k each, which is half the level that they would need.
//!
//! Holm's step-down tests find a little more. But the simultaneous bounds that belong to them (Strassburger and
//! Bretz 2008) give only the sign of a difference that is found, unless all differences are found. Other intervals
//! contradict the tests or do not hold jointly. The gain is small if there are many widths and few findings: both
//! methods compare the smallest p-value with the same bound.
//!
//! # References
//! Dunn, *Multiple comparisons among means* (Journal of the American Statistical Association 56, 1961).
//! Strassburger and Bretz, *Compatible simultaneous lower confidence bounds for the Holm procedure* (Statistics
//! in Medicine 27, 2008).

use std::collections::{BTreeMap, BTreeSet};

use rayclip_run_folder::is_from_scratch;

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::power::detectable;
use crate::compare::statistics::{Estimate, critical};
use crate::compare::verdict::{
    ACCURACY_SHARE, Difference, LEAST_SEEDS, SIGNIFICANCE, Verdict, is_within,
};

/// A smaller deviation is rounding, for any number of images.
const LEAST_DEVIATION: f64 = 1e-9;

impl Comparison {
    /// Returns the same comparison with another margin. Accuracies that differ by less than the margin count as
    /// equal.
    #[must_use]
    pub fn with_margin(self, margin: f64) -> Self {
        Self { margin, ..self }
    }

    /// Returns every method minus every other, at all widths. Those in a family have verdicts.
    pub fn differences(&self) -> Vec<Difference> {
        let all = self.measured();
        (0..self.methods.len()).flat_map(|baseline| self.judged(baseline, &all)).collect()
    }

    /// Returns every other method minus `baseline` at the widths that are shown, after training first.
    pub fn family(&self, baseline: usize) -> Vec<Difference> {
        let cycles = self.cycles_shown();
        let mut measured = self.measured();
        measured.retain(|(measure, cycle)| measure.is_shown() && cycles.contains(cycle));
        self.judged(baseline, &measured)
    }

    /// Returns whether a method is compared with another. Right after its clip a network is damaged, so it is not
    /// compared with `scratch`, which is trained.
    pub fn is_compared(&self, measure: Measure, method: usize, baseline: usize) -> bool {
        let is_scratch = |method: usize| is_scratch(&self.methods[method]);
        method != baseline
            && (!measure.is_after_clip() || is_scratch(method) == is_scratch(baseline))
    }

    /// Returns the methods that are compared with `baseline`.
    pub fn compared(&self, measure: Measure, baseline: usize) -> Vec<usize> {
        let all = 0..self.methods.len();
        all.filter(|method| self.is_compared(measure, *method, baseline)).collect()
    }

    fn cycles_shown(&self) -> BTreeSet<usize> {
        self.shown().into_iter().map(|rung| rung.cycle).collect()
    }

    fn judged(&self, baseline: usize, measured: &[(Measure, usize)]) -> Vec<Difference> {
        let shown = self.cycles_shown();
        let mut rows: Vec<Difference> = vec![];
        for &(measure, cycle) in measured {
            let methods = self.compared(measure, baseline).into_iter();
            rows.extend(methods.filter_map(|m| self.difference(m, baseline, measure, cycle)));
        }
        let mut family: Vec<&mut Difference> = rows
            .iter_mut()
            .filter(|row| row.measure.is_shown() && shown.contains(&row.cycle))
            .collect();
        let size = family.iter().filter(|row| row.n >= LEAST_SEEDS).count();
        let mut bounds = Bounds::new(size);
        for row in &mut family {
            bounds.judge(row);
            row.image_error = self.image_error(row);
        }
        rows
    }

    /// Returns a method minus another at one width, without a verdict.
    fn difference(
        &self,
        method: usize,
        baseline: usize,
        measure: Measure,
        cycle: usize,
    ) -> Option<Difference> {
        let rung = &self.rungs[&cycle];
        let of_method = self.values.get(&(measure, cycle, method))?;
        let subtracted = self.values.get(&(measure, cycle, baseline))?;
        let pairs = of_method.iter().filter_map(|(seed, a)| Some(a - subtracted.get(seed)?));
        let estimate = Estimate::of(&pairs.collect::<Vec<_>>())?;
        // If the number of images is not known, their rounding is not known either.
        let images = self.images(measure);
        let resolution = if images == 0 { 0.0 } else { 1.0 / images as f64 };
        let estimate = estimate.no_finer_than(resolution);
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
            p_equal: estimate.p_of_equality(self.margin),
            family: None,
            p_adjusted: None,
            low_adjusted: None,
            high_adjusted: None,
            margin: self.margin,
            within_margin: None,
            verdict: None,
            detectable: None,
            image_error: None,
        })
    }
}

/// Returns whether a method trains fresh networks. Its name may include its run's folder.
pub(crate) fn is_scratch(method: &str) -> bool {
    is_from_scratch(method.split(" (").next().unwrap_or(method))
}

/// The bounds for a family with this number of comparisons.
struct Bounds {
    size: usize,
    /// By number of seeds: the critical value, and the smallest detectable difference in standard errors.
    by_seeds: BTreeMap<usize, (Option<f64>, Option<f64>)>,
}

impl Bounds {
    fn new(size: usize) -> Self {
        Self { size, by_seeds: BTreeMap::new() }
    }

    fn judge(&mut self, row: &mut Difference) {
        if row.n < LEAST_SEEDS {
            row.verdict = Some(Verdict::TooFewSeeds);
            return;
        }
        let significance = SIGNIFICANCE * ACCURACY_SHARE / self.size as f64;
        let (critical, detectable) = *self
            .by_seeds
            .entry(row.n)
            .or_insert_with(|| (critical(row.n, significance), detectable(row.n, significance)));
        // If the number of images is not known, the deviation may be pure rounding. It proves nothing.
        let error = row.deviation.filter(|deviation| *deviation > LEAST_DEVIATION);
        let error = error.map(|deviation| deviation / (row.n as f64).sqrt());
        let half = error.zip(critical).map(|(error, critical)| critical * error);
        let interval = half.map(|half| (row.mean - half, row.mean + half));
        row.family = Some(self.size);
        let adjusted = |p: f64| (p * self.size as f64 / ACCURACY_SHARE).min(1.0);
        row.p_adjusted = interval.and(row.p).map(adjusted);
        (row.low_adjusted, row.high_adjusted) = interval.unzip();
        row.within_margin = interval.map(|interval| is_within(interval, row.margin));
        row.verdict = Some(Verdict::of(interval, row.margin));
        row.detectable = error.zip(detectable).map(|(error, detectable)| error * detectable);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::compare::comparison::tests::run;
    use crate::read::run::Run;

    /// Returns a run with two widths and the same accuracies after the clip and after training.
    fn both(method: &str, accuracies: &[f64]) -> Run {
        let mut run = run(method, accuracies);
        for row in &mut run.rows {
            row.accuracy_after_training = Some(row.accuracy_after_clip);
        }
        run
    }

    #[test]
    fn pairs_by_seed_and_holds_all_of_a_page_at_once() {
        let base = [0.90, 0.80, 0.70, 0.60];
        let shifted = base.map(|accuracy| accuracy + 0.01 + 0.001 * accuracy);
        let other = [0.9, 0.7, 0.8, 0.6, 0.5];
        let runs = [both("dtc", &shifted), both("random", &base), both("l2", &other)];
        let comparison = Comparison::of(&runs).unwrap();
        let family = comparison.family(1);
        // Two methods at two widths, in two measures; after training first.
        assert_eq!(family.len(), 8);
        assert!(family.iter().all(|row| row.family == Some(8)));
        assert_eq!(family[0].measure, Measure::AccuracyAfterTraining);
        let dtc = &family[0];
        assert_eq!((dtc.method.as_str(), dtc.n), ("dtc", 4));
        assert_eq!(dtc.verdict, Some(Verdict::Higher));
        assert!((dtc.p_adjusted.unwrap() / dtc.p.unwrap() - 10.0).abs() < 1e-9);
        // scipy: ttest_rel, and stats.t.interval(1 - 0.04 / 8, 3, mean, sem)
        assert!((dtc.p.unwrap() - 4.773886860590264e-7).abs() < 1e-15, "{:?}", dtc.p);
        let (low, high) = dtc.interval().unwrap();
        assert!((low - 0.010268890359259533).abs() < 1e-12, "{low}");
        assert!((high - 0.011231109640740469).abs() < 1e-12, "{high}");
        let l2 = &family[1];
        assert_eq!((l2.n, l2.verdict), (4, Some(Verdict::Undecided)));
        let from_dtc = comparison.family(0);
        assert_eq!(from_dtc[0].verdict, Some(Verdict::Lower));
        assert_eq!(from_dtc[0].interval(), Some((-high, -low)));
        // Every pair, with each method as the baseline.
        assert_eq!(comparison.differences().len(), 3 * 8);
    }

    #[test]
    fn a_network_just_clipped_is_not_compared_with_scratch() {
        let base = [0.90, 0.80, 0.70, 0.60];
        let runs = [both("dtc", &base), both("l2", &base), both("scratch", &base.map(|a| a + 0.1))];
        let comparison = Comparison::of(&runs).unwrap();
        let pairs = |baseline: usize| {
            let family = comparison.family(baseline);
            let after_clip = family.iter().filter(|row| row.measure.is_after_clip()).count();
            (family.len(), after_clip, family[0].family)
        };
        assert_eq!(pairs(0), (2 * 2 + 2, 2, Some(6)));
        assert_eq!(pairs(2), (2 * 2, 0, Some(4)));
        let damaged = |row: &Difference| {
            row.measure.is_after_clip() && [&row.method, &row.baseline].contains(&&"scratch".into())
        };
        assert!(!comparison.differences().iter().any(damaged));
        assert!(is_scratch("scratch (runs/a)") && is_scratch("scratch-distilled"));
        assert!(!is_scratch("scratchy") && !is_scratch("dtc"));
    }

    #[test]
    fn fewer_than_three_seeds_have_no_verdict() {
        for (seeds, expected) in [(1, Verdict::TooFewSeeds), (2, Verdict::TooFewSeeds)] {
            let base = [0.9, 0.5];
            let shifted = base.map(|accuracy| accuracy + 0.1);
            let runs = [both("dtc", &base[..seeds]), both("l2", &shifted[..seeds])];
            let family = Comparison::of(&runs).unwrap().family(0);
            assert!(family.iter().all(|row| row.verdict == Some(expected)), "{seeds}");
            assert!(family.iter().all(|row| row.family.is_none() && row.interval().is_none()));
        }
        // Comparisons with too few seeds do not change the level of the others.
        let runs =
            [both("dtc", &[0.9, 0.8, 0.7]), both("l2", &[0.9, 0.7, 0.6]), both("l1", &[0.9])];
        let family = Comparison::of(&runs).unwrap().family(0);
        let sizes: Vec<_> = family.iter().filter_map(|row| row.family).collect();
        assert_eq!(sizes, [4; 4]);
    }

    #[test]
    fn widths_that_are_not_shown_have_intervals_of_their_own_and_no_verdict() {
        let of = |method: &str, offset: f64| {
            let mut all = run(method, &[0.9, 0.8, 0.7]);
            let rows = (0..20).flat_map(|cycle| {
                all.rows[..3].iter().map(move |row| CycleRow {
                    cycle,
                    width_before: 100 - cycle,
                    width_after: 99 - cycle,
                    accuracy_after_clip: row.accuracy_after_clip + offset,
                    ..row.clone()
                })
            });
            all.rows = rows.collect();
            all
        };
        let comparison = Comparison::of(&[of("dtc", 0.0), of("l2", 0.01)]).unwrap();
        let rows = comparison.differences();
        let judged = rows.iter().filter(|row| row.verdict.is_some()).count();
        assert_eq!(judged, 2 * comparison.family(0).len());
        assert!(comparison.family(0).len() < rows.len() / 2);
        let bare = |row: &&Difference| row.verdict.is_none();
        assert!(rows.iter().filter(bare).all(|row| row.low.is_some() && row.interval().is_none()));
    }

    #[test]
    fn equal_differences_of_an_unknown_number_of_images_prove_nothing() {
        let of = |images: usize| {
            // In f64 the three differences are not quite equal.
            let mut runs = [both("dtc", &[0.5, 0.2, 0.7]), both("l2", &[0.6, 0.3, 0.8])];
            for run in &mut runs {
                run.data.test = images;
            }
            Comparison::of(&runs).unwrap().family(0).swap_remove(0)
        };
        let unknown = of(0);
        assert_eq!((unknown.verdict, unknown.interval()), (Some(Verdict::Undecided), None));
        // With 10 000 images, the deviation of a difference is at least 1/(√6 · 10000).
        let known = of(10_000);
        assert_eq!(known.verdict, Some(Verdict::Higher));
        assert!((known.deviation.unwrap() - 1e-4 / 6_f64.sqrt()).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_verdict_is_what_its_interval_says(
            values in proptest::collection::vec(-0.02_f64..0.02, 6 * 4),
            offsets in proptest::collection::vec(-0.03_f64..0.03, 4),
            spread in 0.0_f64..1.0,
            seeds in 3_usize..=6,
            margin in 0.001_f64..0.05,
        ) {
            let runs: Vec<Run> = ["dtc", "l1", "l2", "random"]
                .into_iter()
                .enumerate()
                .map(|(index, method)| {
                    let own = &values[6 * index..6 * index + seeds];
                    let values = own.iter().map(|v| 0.5 + spread * v + offsets[index]);
                    both(method, &values.collect::<Vec<_>>())
                })
                .collect();
            let comparison = Comparison::of(&runs).unwrap().with_margin(margin);
            for row in (0..4).flat_map(|baseline| comparison.family(baseline)) {
                let (low, high) = row.interval().unwrap();
                let verdict = row.verdict.unwrap();
                prop_assert_eq!(verdict == Verdict::Higher, low > 0.0);
                prop_assert_eq!(verdict == Verdict::Lower, high < 0.0);
                let within = -margin < low && high < margin;
                prop_assert_eq!(verdict == Verdict::Equal, within && low <= 0.0 && high >= 0.0);
                prop_assert_eq!(row.within_margin, Some(within));
                prop_assert!(low < row.mean && row.mean < high);
                // The interval of one difference alone is shorter.
                prop_assert!(low <= row.low.unwrap() && row.high.unwrap() <= high);
                let p = row.p_adjusted.unwrap();
                let at_the_bound = (p - SIGNIFICANCE).abs() < 1e-6;
                prop_assert!(at_the_bound || verdict.is_found() == (p < SIGNIFICANCE));
                // If the interval lies within the margin, two one-sided tests at 0.02 / k each show equality too.
                let least = 0.02 / row.family.unwrap() as f64;
                prop_assert!(!within || row.p_equal.unwrap() < least * (1.0 + 1e-6));
            }
        }
    }
}
