//! The results of a comparison in sentences, for the terminal and the page.

use rayclip_run_folder::config::Budget;

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::statistics::binomial_error;
use crate::compare::verdict::{ACCURACY_SHARE, Difference, LEAST_SEEDS, SIGNIFICANCE, Verdict};

/// Quantile of the normal distribution for a 95 % interval.
pub(crate) const NORMAL: f64 = 1.959_963_984_540_054;

/// Says how many comparisons with `baseline` have which verdict; `None` if the measure has no comparison.
pub fn verdict_sentence(
    comparison: &Comparison,
    measure: Measure,
    baseline: usize,
) -> Option<String> {
    let family = comparison.family(baseline);
    let own: Vec<&Difference> = family.iter().filter(|row| row.measure == measure).collect();
    let baseline = &comparison.methods[baseline];
    let count = |verdict: Verdict| own.iter().filter(|row| row.verdict == Some(verdict)).count();
    let untested = count(Verdict::TooFewSeeds);
    let tested = own.len() - untested;
    if own.is_empty() {
        return None;
    }
    if tested == 0 {
        return Some(format!(
            "no comparison with {baseline} has a verdict: a verdict needs {LEAST_SEEDS} seeds that have both"
        ));
    }
    let found = own.iter().filter(|row| row.is_found()).count();
    let untested = match untested {
        0 => String::new(),
        count => format!(", {count} without a verdict (fewer than {LEAST_SEEDS} seeds have both)"),
    };
    let power = power(&own).map(|text| format!("; {text}")).unwrap_or_default();
    Some(format!(
        "of {tested} comparisons with {baseline}, {found} {} a difference, {} equal within {}, {} \
         undecided{untested}{power}",
        if found == 1 { "shows" } else { "show" },
        are(count(Verdict::Equal)),
        comparison.margin,
        are(count(Verdict::Undecided)),
    ))
}

fn are(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

/// Says which difference this number of seeds can find.
fn power(rows: &[&Difference]) -> Option<String> {
    let seeds = rows.iter().filter(|row| row.detectable.is_some()).map(|row| row.n);
    let (fewest, most) = (seeds.clone().min()?, seeds.max()?);
    let seeds = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    let sizes = range(rows.iter().filter_map(|row| row.detectable))?;
    Some(format!(
        "with {seeds} seeds, a true difference is found with a probability of 80 % if it is at least {sizes} (from \
         the spread at each width)"
    ))
}

/// Says at which level the verdicts hold, for below the tables.
pub fn family_sentence(comparison: &Comparison, baseline: usize) -> Option<String> {
    let size = comparison.family(baseline).iter().find_map(|row| row.family)?;
    Some(format!(
        "± and verdicts for all {size} comparisons with {} hold jointly with {:.0} % (paired by seed, Student's \
         intervals at 1 − 0.04/{size}): higher or lower if the interval excludes 0; equal if it contains 0 \
         and lies within ±{}",
        comparison.methods[baseline],
        100.0 * (1.0 - SIGNIFICANCE * ACCURACY_SHARE),
        comparison.margin
    ))
}

/// Says for how long `scratch` trained; `None` if there is none, or its runs have no settings.
pub fn budget_sentence(comparison: &Comparison) -> Option<String> {
    match comparison.budgets[..] {
        [] => None,
        [budget] => Some(format!("scratch trained {}", budget_in_words(budget))),
        _ => Some("scratch trained on another budget in some of the runs".to_owned()),
    }
}

fn budget_in_words(budget: Budget) -> &'static str {
    match budget {
        Budget::Batches => "on as many batches as the others",
        Budget::Operations => "with as many operations as the others, so on more batches",
        Budget::Parent => {
            "with as many operations as the others after their first cycle, because the network before it counts as given"
        }
    }
}

/// Says how large the error of the test images is, beside that of the seeds; `None` if the number of images is not
/// known.
pub fn sampling_sentence(
    comparison: &Comparison,
    measure: Measure,
    baseline: usize,
) -> Option<String> {
    let images = comparison.images(measure);
    let methods = 0..comparison.methods.len();
    let rungs = comparison.shown().into_iter();
    let means = rungs.flat_map(|rung| {
        methods.clone().filter_map(|method| comparison.estimate(measure, rung.cycle, method))
    });
    let errors = range(means.filter_map(|estimate| binomial_error(estimate.mean, images)))?;
    let alone = format!(
        "the {images} test images alone give an accuracy a standard error of {errors} (binomial, one network)"
    );
    let family = comparison.family(baseline);
    let own: Vec<&Difference> = family.iter().filter(|row| row.measure == measure).collect();
    Some(match pairs(&own) {
        Some(pairs) => format!("{alone}; {pairs}"),
        None if own.is_empty() || measure.is_after_clip() => alone,
        None => format!("{alone}; that of a difference is unknown: predictions were not kept"),
    })
}

/// Says how many differences lie within the error of the images, and how many within that of the seeds.
fn pairs(rows: &[&Difference]) -> Option<String> {
    let errors: Vec<(&Difference, f64)> =
        rows.iter().filter_map(|row| Some((*row, NORMAL * row.image_error?))).collect();
    let sizes = range(errors.iter().map(|(_, error)| *error))?;
    let by_images = errors.iter().filter(|(row, error)| row.mean.abs() <= *error).count();
    let halves: Vec<(f64, f64)> =
        errors.iter().filter_map(|(row, _)| Some((row.mean.abs(), row.high? - row.mean))).collect();
    let by_seeds = halves.iter().filter(|(mean, half)| mean <= half).count();
    let seeds = match range(halves.iter().map(|(_, half)| *half)) {
        Some(sizes) => format!("and {by_seeds} within that of these seeds (±{sizes})"),
        None => "but that of the seeds needs two seeds".to_owned(),
    };
    Some(format!(
        "of {} differences {by_images} lie within the 95 % error of these images (±{sizes}; paired by image), \
         {seeds}",
        errors.len()
    ))
}

/// Returns the smallest and the largest of some values with four digits each; one value if they agree.
fn range(values: impl Iterator<Item = f64>) -> Option<String> {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        let (least, most) = ends.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    });
    let (least, most) = ends.map(|(least, most)| (format!("{least:.4}"), format!("{most:.4}")))?;
    Some(if least == most { least } else { format!("{least} to {most}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::comparison::budgets;
    use crate::compare::comparison::tests::run;
    use crate::read::run::Run;
    use crate::read::sample::with_settings;

    const AFTER_CLIP: Measure = Measure::AccuracyAfterClip;
    const AFTER_TRAINING: Measure = Measure::AccuracyAfterTraining;

    /// Returns a comparison at two widths, right after the clip. `l2` is much lower than `dtc`; `l1` differs from
    /// `dtc` by one image.
    fn comparison(seeds: usize) -> Comparison {
        let base = &[0.90, 0.80, 0.70, 0.60][..seeds];
        let of = |offset: f64, step: f64| -> Vec<f64> {
            let steps = [0.0, 1.0, 1.0, 0.0].map(|sign| sign * step);
            base.iter().zip(steps).map(|(accuracy, step)| accuracy + offset + step).collect()
        };
        let runs = [run("dtc", base), run("l1", &of(0.0, 1e-4)), run("l2", &of(-0.1, 1e-3))];
        Comparison::of(&runs).unwrap()
    }

    #[test]
    fn verdicts_are_counted_by_kind() {
        let sentence =
            |comparison: &Comparison| verdict_sentence(comparison, AFTER_CLIP, 0).unwrap();
        let found = sentence(&comparison(4));
        let expected = "of 4 comparisons with dtc, 2 show a difference, 2 are equal within 0.005, 0 are \
                        undecided; with 4 seeds, a true difference is found with a probability of 80 % if it is at \
                        least ";
        assert!(found.starts_with(expected), "{found}");
        let narrow = sentence(&comparison(4).with_margin(0.0001));
        assert!(narrow.contains("0 are equal within 0.0001, 2 are undecided"), "{narrow}");
        let few = sentence(&comparison(2));
        assert!(
            few.contains("no comparison with dtc has a verdict: a verdict needs 3 seeds"),
            "{few}"
        );
        let family = family_sentence(&comparison(4), 0).unwrap();
        // Both measures, two methods, two widths.
        assert!(
            family.contains("for all 8 comparisons with dtc hold jointly with 96 %"),
            "{family}"
        );
        assert_eq!(family_sentence(&comparison(2), 0), None);
    }

    #[test]
    fn the_budget_of_scratch_is_said() {
        let sentence = |settings: &[&[&str]]| {
            let run = |settings: &&[&str]| with_settings(run("scratch", &[0.9, 0.8]), settings);
            let runs: Vec<Run> = settings.iter().map(run).collect();
            budget_sentence(&Comparison { budgets: budgets(&runs), ..comparison(2) })
        };
        let scratch = "compression.methods=['l2', 'scratch']";
        let of = |budget| [scratch, budget];
        let operations = of("compression.budget=operations");
        let parent = of("compression.budget=parent");
        assert_eq!(sentence(&[&[]]), None);
        let batches = sentence(&[&[scratch], &[scratch]]).unwrap();
        assert_eq!(batches, "scratch trained on as many batches as the others");
        assert!(sentence(&[&operations]).unwrap().contains("so on more batches"));
        assert!(sentence(&[&parent]).unwrap().contains("first cycle"));
        assert!(sentence(&[&operations, &parent]).unwrap().contains("another budget"));
    }

    #[test]
    fn what_is_compared_with_nothing_has_no_sentence() {
        let runs = [run("scratch", &[0.9, 0.8, 0.7]), run("dtc", &[0.9, 0.8, 0.7])];
        let comparison = Comparison::of(&runs).unwrap();
        assert_eq!(verdict_sentence(&comparison, AFTER_CLIP, 0), None);
        assert!(verdict_sentence(&comparison, AFTER_TRAINING, 0).is_some());
        let alone = Comparison::of(&runs[..1]).unwrap();
        assert_eq!(verdict_sentence(&alone, AFTER_TRAINING, 0), None);
    }

    #[test]
    fn the_error_of_the_images_stands_beside_that_of_the_seeds() {
        let sentence = |comparison: &Comparison, measure| sampling_sentence(comparison, measure, 0);
        let comparison = comparison(4);
        // √(.75 · .25 / 10000) to √(.65 · .35 / 10000)
        let alone = sentence(&comparison, AFTER_CLIP).unwrap();
        assert!(
            alone.contains("10000 test images alone") && alone.ends_with("(binomial, one network)")
        );
        assert!(alone.contains("0.0043 to 0.0048"), "{alone}");
        let unknown = sentence(&comparison, AFTER_TRAINING).unwrap();
        assert!(unknown.ends_with("is unknown: predictions were not kept"), "{unknown}");
        let mut family = comparison.family(0);
        family.retain(|row| row.measure == AFTER_CLIP);
        // Of the differences 0.00005 and 0.0995, only the first is within both errors.
        for row in &mut family {
            row.image_error = Some(0.001);
        }
        let found = pairs(&family.iter().collect::<Vec<_>>()).unwrap();
        let expected = "of 4 differences 2 lie within the 95 % error of these images (±0.0020; paired by \
                        image), and 2 within that of these seeds (±0.0001 to 0.0009)";
        assert_eq!(found, expected);
    }
}
