//! The closing table of a run.

use std::collections::BTreeMap;

use rayclip_run_folder::CycleRow;
use rayclip_run_folder::read::{Rung, shortened};

use crate::compare::comparison::milestones;
use crate::compare::statistics::Estimate;
use crate::read::run::Run;
use crate::tables::table::{Cell, Table};

/// Returns a table of the first clip, of each clip at which the number of hidden neurons has halved again, and of
/// the last clip.
///
/// Accuracies are means over the replicas. If there are several, the standard deviation follows.
pub fn closing_table(run: &Run) -> Table {
    let heads = ["neurons", "sparsity", "parameters", "after the clip", "after training"];
    let mut table = Table::new(heads);
    table.rows.push(vec![
        Cell::text(shortened(&run.groups.widths)),
        Cell::rounded(Some(0.0), 4),
        Cell::count(run.parameters_before()),
        Cell::text(""),
        mean_and_deviation(&per_replica(run, 0, |row| row.accuracy_before_clip)),
    ]);
    let rungs = run.rungs();
    let all: Vec<&Rung> = rungs.values().collect();
    for rung in milestones(&all, run.groups.neurons()) {
        let of = |value: fn(&CycleRow) -> Option<f64>| {
            mean_and_deviation(&per_replica(run, rung.cycle, value))
        };
        table.rows.push(vec![
            Cell::text(rung.label()),
            Cell::rounded(Some(rung.sparsity), 4),
            Cell::count(Some(rung.parameters)),
            of(|row| Some(row.accuracy_after_clip)),
            of(|row| row.accuracy_after_training),
        ]);
    }
    table
}

/// Returns one value per replica from a cycle's rows. The groups of a replica have the same value.
fn per_replica(run: &Run, cycle: usize, value: impl Fn(&CycleRow) -> Option<f64>) -> Vec<f64> {
    let values: BTreeMap<usize, f64> =
        run.cycle(cycle).filter_map(|row| Some((row.replica, value(row)?))).collect();
    values.into_values().collect()
}

fn mean_and_deviation(values: &[f64]) -> Cell {
    let Some(Estimate { mean, deviation, .. }) = Estimate::of(values) else { return Cell::none() };
    let deviation = deviation.map(|deviation| format!(" ± {deviation:.4}")).unwrap_or_default();
    Cell::number(mean, format!("{mean:.4}{deviation}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::sample::{clip, run_of};

    #[test]
    fn shows_the_ends_and_every_halving() {
        let rows = [(100, 90), (90, 50), (50, 48), (48, 45)]
            .into_iter()
            .enumerate()
            .flat_map(|(cycle, (before, after))| {
                [(0, 0.6), (1, 0.8)].map(|(replica, a)| clip(replica, cycle, before, after, a))
            })
            .collect();
        let text = closing_table(&run_of(rows)).to_string();
        let neurons: Vec<&str> = text
            .lines()
            .filter_map(|line| {
                line.split('┆').next()?.trim_matches(['│', ' ']).parse::<usize>().ok().map(|_| line)
            })
            .collect();
        assert_eq!(neurons.len(), 4, "{text}");
        assert!(neurons[2].contains("0.5000") && neurons[2].contains("0.7000 ± 0.1414"), "{text}");
        assert!(neurons[3].contains('–'), "{text}");
    }
}
