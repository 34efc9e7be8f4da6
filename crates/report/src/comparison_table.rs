//! A comparison in the terminal.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::comparison::{Comparison, Measure};
use crate::statistics::Estimate;
use crate::table::align_right;
use crate::verdict::{Difference, Verdict};

/// Mean and half the 95 % interval of every method.
pub fn estimates_table(comparison: &Comparison, measure: Measure) -> Table {
    let mut table = table(comparison.methods.iter().map(String::as_str));
    let most = comparison.seeds();
    for rung in comparison.shown() {
        let cells = (0..comparison.methods.len())
            .map(|method| estimate_cell(comparison.estimate(measure, rung.cycle, method), most));
        add_row(&mut table, [rung.label(), format!("{:.4}", rung.sparsity)], cells);
    }
    table
}

/// What every other method differs from `baseline` by, and whether that can be told from nothing.
pub fn differences_table(comparison: &Comparison, measure: Measure, baseline: usize) -> Table {
    let name = &comparison.methods[baseline];
    let others: Vec<&String> = comparison.methods.iter().filter(|m| *m != name).collect();
    let headers: Vec<String> = others.iter().map(|method| format!("{method} − {name}")).collect();
    let mut table = table(headers.iter().map(String::as_str));
    for rung in comparison.shown() {
        let family = comparison.differences_from(baseline, measure, rung.cycle);
        let cells = others.iter().map(|method| {
            let found = family.iter().find(|difference| difference.method == **method);
            found.map_or_else(|| "–".to_owned(), difference_cell)
        });
        add_row(&mut table, [rung.label(), format!("{:.4}", rung.sparsity)], cells);
    }
    table
}

/// How many of the comparisons that are shown are distinguishable, in a sentence.
pub fn verdict_sentence(comparison: &Comparison, measure: Measure, baseline: usize) -> String {
    let families = comparison.shown().into_iter();
    let all: Vec<Difference> = families
        .flat_map(|rung| comparison.differences_from(baseline, measure, rung.cycle))
        .collect();
    let tested = all.iter().filter(|difference| difference.p.is_some()).count();
    let baseline = &comparison.methods[baseline];
    if tested == 0 {
        return format!("no comparison with {baseline} was tested: no two seeds have both methods");
    }
    let found = |d: &&Difference| matches!(d.verdict, Verdict::Higher | Verdict::Lower);
    let untested = match all.len() - tested {
        0 => String::new(),
        count => format!("; {count} were not tested, as no two seeds have both methods"),
    };
    format!(
        "{} of {tested} comparisons with {baseline} can be told from nothing (paired t-tests, Holm over those \
         of a width, 5 %){untested}",
        all.iter().filter(found).count(),
    )
}

fn table<'a>(columns: impl Iterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["neurons", "sparsity"].into_iter().chain(columns));
    align_right(&mut table);
    table
}

fn add_row(table: &mut Table, first: [String; 2], cells: impl Iterator<Item = String>) {
    table.add_row(first.into_iter().chain(cells));
}

/// An estimate, with its number of seeds where it has fewer than `most`.
pub(crate) fn estimate_cell(estimate: Option<Estimate>, most: usize) -> String {
    let Some(estimate) = estimate else { return "–".into() };
    let half = estimate.half_width().map(|half| format!(" ± {half:.4}")).unwrap_or_default();
    let seeds =
        if estimate.n < most { format!("\n{} of {most} seeds", estimate.n) } else { String::new() };
    format!("{:.4}{half}{seeds}", estimate.mean)
}

fn difference_cell(difference: &Difference) -> String {
    let Difference { mean, high, verdict, .. } = difference;
    let half = high.map(|high| format!(" ± {:.4}", high - mean)).unwrap_or_default();
    format!("{mean:+.4}{half}\n{}", verdict.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{clip, run_of};
    use crate::{Clip, Run};

    fn run(method: &str, offset: f64) -> Run {
        let accuracies = [0.90, 0.80, 0.70, 0.60];
        let clips = accuracies.iter().enumerate().map(|(seed, accuracy)| Clip {
            method: method.into(),
            ..clip(seed, 0, 100, 50, accuracy + offset + 0.001 * accuracy * offset)
        });
        run_of(clips.collect())
    }

    #[test]
    fn differences_are_from_the_baseline_whichever_way_round() {
        let comparison = Comparison::of(&[run("dtc", 0.05), run("l2", 0.0)]).unwrap();
        let measure = Measure::AccuracyAfterClip;
        let from_first = differences_table(&comparison, measure, 0).to_string();
        assert!(from_first.contains("l2 − dtc") && from_first.contains("lower"), "{from_first}");
        assert!(from_first.contains("-0.0500"), "{from_first}");
        let from_last = differences_table(&comparison, measure, 1).to_string();
        assert!(from_last.contains("dtc − l2") && from_last.contains("higher"), "{from_last}");
        assert!(verdict_sentence(&comparison, measure, 0).starts_with("1 of 1"));
        let estimates = estimates_table(&comparison, measure).to_string();
        assert!(estimates.contains("0.7500 ± 0.2054"), "{estimates}");
        assert!(!estimates.contains("seeds"), "{estimates}");
        let mut fewer = run("l2", 0.0);
        fewer.clips.pop();
        let comparison = Comparison::of(&[run("dtc", 0.05), fewer]).unwrap();
        let estimates = estimates_table(&comparison, measure).to_string();
        assert_eq!(estimates.matches("3 of 4 seeds").count(), 1, "{estimates}");
    }

    #[test]
    fn what_was_not_measured_is_a_gap() {
        let mut scratch = run("scratch", 0.0);
        scratch.clips.iter_mut().for_each(|clip| clip.accuracy_after_training = None);
        let comparison = Comparison::of(&[run("dtc", 0.0), scratch]).unwrap();
        let text = estimates_table(&comparison, Measure::AccuracyAfterTraining).to_string();
        assert!(text.contains('–'), "{text}");
    }
}
