//! The closing table of a run in the terminal.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::ladder::{joined, milestones, rungs, sum};
use crate::statistics::Estimate;
use crate::{Clip, Run};

/// The first clip, those at which the hidden neurons had halved again, and the last.
///
/// Accuracies are means over the replicas, with the standard deviation where there are several.
pub fn closing_table(run: &Run) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["neurons", "sparsity", "parameters", "after the clip", "after training"]);
    align_right(&mut table);
    let widths = &run.widths_before;
    let all = sum(widths);
    let accuracies: Vec<_> = per_replica(run, 0, |clip| clip.accuracy_before_clip);
    table.add_row([
        joined(widths),
        "0.0000".into(),
        run.parameters_before.map_or("–".into(), |count| count.to_string()),
        String::new(),
        mean_and_deviation(&accuracies),
    ]);
    let rungs = rungs(run);
    for rung in milestones(rungs.values(), all) {
        table.add_row([
            rung.label(),
            format!("{:.4}", rung.sparsity),
            rung.parameters.to_string(),
            mean_and_deviation(&per_replica(run, rung.cycle, |c| Some(c.accuracy_after_clip))),
            mean_and_deviation(&per_replica(run, rung.cycle, |c| c.accuracy_after_training)),
        ]);
    }
    table
}

/// Numbers stand under each other.
pub(crate) fn align_right(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// One value a replica from a cycle's clips; layers of a replica agree on it.
fn per_replica(run: &Run, cycle: usize, value: impl Fn(&Clip) -> Option<f64>) -> Vec<f64> {
    let values: BTreeMap<usize, f64> =
        run.cycle(cycle).filter_map(|clip| Some((clip.replica, value(clip)?))).collect();
    values.into_values().collect()
}

fn mean_and_deviation(values: &[f64]) -> String {
    match Estimate::of(values) {
        None => "–".into(),
        Some(Estimate { mean, deviation: None, .. }) => format!("{mean:.4}"),
        Some(Estimate { mean, deviation: Some(deviation), .. }) => {
            format!("{mean:.4} ± {deviation:.4}")
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Data;

    pub(crate) fn clip(
        replica: usize,
        cycle: usize,
        before: usize,
        after: usize,
        accuracy: f64,
    ) -> Clip {
        Clip {
            replica,
            method: "dtc".into(),
            seed: replica as u64,
            cycle,
            layer: 0,
            width_before: before,
            width_after: after,
            sparsity: 0.0,
            accuracy_before_clip: Some(0.9),
            accuracy_after_clip: accuracy,
            accuracy_after_training: (cycle < 2).then_some(0.8),
            validation_after_clip: None,
            validation_after_training: None,
            train_loss: Some(0.5),
            parameters: after * 10,
            train_seconds: Some(2.0),
            compress_seconds: Some(0.5),
            at_once: Some(2),
            joules: None,
            solver_flops: None,
            ties: None,
            score_seconds: None,
            solve_seconds: None,
        }
    }

    /// A run of some clips of a layer of 100 neurons.
    pub(crate) fn run_of(clips: Vec<Clip>) -> Run {
        let data = Data {
            name: "d".into(),
            digest: "0".into(),
            test: 10_000,
            validation: 0,
            train: Some(15),
            image_shape: Some(vec![2, 5]),
            classes: Some(2),
        };
        Run {
            folder: "run".into(),
            config: toml::Table::new(),
            clips,
            widths_before: vec![100],
            parameters_before: Some(1000),
            data,
            missing: vec![],
            summary: None,
            progress: None,
        }
    }

    #[test]
    fn shows_the_ends_and_every_halving() {
        let clips = [(100, 90), (90, 50), (50, 48), (48, 45)]
            .into_iter()
            .enumerate()
            .flat_map(|(cycle, (before, after))| {
                [(0, 0.6), (1, 0.8)].map(|(replica, a)| clip(replica, cycle, before, after, a))
            })
            .collect();
        let run = run_of(clips);
        let text = closing_table(&run).to_string();
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
