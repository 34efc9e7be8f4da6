//! A comparison in the terminal.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::comparison::{Comparison, Measure};
use crate::statistics::Estimate;
use crate::table::align_right;
use crate::verdict::Difference;

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

/// What every other method differs from `baseline` by, with the simultaneous interval and the verdict.
///
/// A measure in which none is compared with it gives a table without rows.
pub fn differences_table(comparison: &Comparison, measure: Measure, baseline: usize) -> Table {
    let name = &comparison.methods[baseline];
    let others = comparison.compared(measure, baseline);
    let others: Vec<&String> = others.iter().map(|method| &comparison.methods[*method]).collect();
    let headers: Vec<String> = others.iter().map(|method| format!("{method}\n− {name}")).collect();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(std::iter::once("neurons").chain(headers.iter().map(String::as_str)));
    align_right(&mut table);
    let family = comparison.family(baseline);
    let shown = comparison.shown().into_iter().filter(|_| !others.is_empty());
    for rung in shown {
        let cells = others.iter().map(|method| {
            let is_own = |row: &&Difference| {
                (row.measure, row.cycle) == (measure, rung.cycle) && row.method == **method
            };
            family.iter().find(is_own).map_or_else(|| "–".to_owned(), difference_cell)
        });
        table.add_row(std::iter::once(rung.label()).chain(cells));
    }
    table
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
    let half = difference.half_width().map(|half| format!(" ± {half:.4}")).unwrap_or_default();
    format!("{:+.4}{half}\n{}", difference.mean, difference.text())
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
        assert!(from_first.contains("− dtc") && from_first.contains("lower"), "{from_first}");
        assert!(from_first.contains("-0.0500"), "{from_first}");
        let from_last = differences_table(&comparison, measure, 1).to_string();
        assert!(from_last.contains("− l2") && from_last.contains("higher"), "{from_last}");
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
