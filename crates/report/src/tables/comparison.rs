//! The tables of a comparison: estimates, and differences from a baseline.

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::verdict::Difference;
use crate::tables::table::{Cell, Table};

/// Returns mean and half the 95 % interval of every method.
pub fn estimates_table(comparison: &Comparison, measure: Measure) -> Table {
    let methods = comparison.methods.iter().map(String::as_str);
    let mut table = Table::new(["neurons", "sparsity"].into_iter().chain(methods));
    let most = comparison.seeds();
    for rung in comparison.shown() {
        let estimates = (0..comparison.methods.len())
            .map(|method| Cell::estimate(comparison.estimate(measure, rung.cycle, method), most));
        let first = [Cell::text(rung.label()), Cell::rounded(Some(rung.sparsity), 4)];
        table.rows.push(first.into_iter().chain(estimates).collect());
    }
    table
}

/// Returns the differences of every other method from `baseline`, with simultaneous interval and verdict.
///
/// If a measure has no comparison with `baseline`, the table has no rows.
pub fn differences_table(comparison: &Comparison, measure: Measure, baseline: usize) -> Table {
    let name = &comparison.methods[baseline];
    let others = comparison.compared(measure, baseline);
    let others: Vec<&String> = others.iter().map(|method| &comparison.methods[*method]).collect();
    let heads = others.iter().map(|method| format!("{method}\n− {name}"));
    let mut table = Table::new(std::iter::once("neurons".to_owned()).chain(heads));
    let family = comparison.family(baseline);
    for rung in comparison.shown().into_iter().filter(|_| !others.is_empty()) {
        let differences = others.iter().map(|method| {
            let is_own = |row: &&Difference| {
                (row.measure, row.cycle) == (measure, rung.cycle) && row.method == **method
            };
            family.iter().find(is_own).map_or_else(Cell::none, difference)
        });
        table.rows.push(std::iter::once(Cell::text(rung.label())).chain(differences).collect());
    }
    table
}

fn difference(row: &Difference) -> Cell {
    let half = row.half_width().map(|half| format!(" ± {half:.4}")).unwrap_or_default();
    let text = format!("{:+.4}{half}\n{}", row.mean, row.text());
    Cell { is_found: row.is_found(), ..Cell::number(row.mean, text) }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::read::run::Run;
    use crate::read::sample::{clip, run_of};

    fn run(method: &str, offset: f64) -> Run {
        let accuracies = [0.90, 0.80, 0.70, 0.60];
        let rows = accuracies.iter().enumerate().map(|(seed, accuracy)| CycleRow {
            method: method.into(),
            ..clip(seed, 0, 100, 50, accuracy + offset + 0.001 * accuracy * offset)
        });
        run_of(rows.collect())
    }

    #[test]
    fn differences_are_from_the_baseline_whichever_way_round() {
        let comparison = Comparison::of(&[run("dtc", 0.05), run("l2", 0.0)]).unwrap();
        let measure = Measure::AccuracyAfterClip;
        let from_first = differences_table(&comparison, measure, 0);
        assert!(from_first.rows[0][1].is_found, "{from_first}");
        let from_first = from_first.to_string();
        assert!(from_first.contains("− dtc") && from_first.contains("lower"), "{from_first}");
        assert!(from_first.contains("-0.0500"), "{from_first}");
        let from_last = differences_table(&comparison, measure, 1).to_string();
        assert!(from_last.contains("− l2") && from_last.contains("higher"), "{from_last}");
        let estimates = estimates_table(&comparison, measure).to_string();
        assert!(estimates.contains("0.7500 ± 0.2054"), "{estimates}");
        assert!(!estimates.contains("seeds"), "{estimates}");
        let mut fewer = run("l2", 0.0);
        fewer.rows.pop();
        let comparison = Comparison::of(&[run("dtc", 0.05), fewer]).unwrap();
        let estimates = estimates_table(&comparison, measure).to_string();
        assert_eq!(estimates.matches("3 of 4 seeds").count(), 1, "{estimates}");
    }

    #[test]
    fn what_was_not_measured_is_a_gap() {
        let mut scratch = run("scratch", 0.0);
        scratch.rows.iter_mut().for_each(|row| row.accuracy_after_training = None);
        let comparison = Comparison::of(&[run("dtc", 0.0), scratch]).unwrap();
        let text = estimates_table(&comparison, Measure::AccuracyAfterTraining).to_string();
        assert!(text.contains('–'), "{text}");
    }
}
