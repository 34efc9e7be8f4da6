//! The closing table of a run in the terminal.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::{Clip, Run};

/// The first clip, those at which the hidden neurons had halved again, and the last.
///
/// Accuracies are means over the replicas, with the standard deviation where there are several.
pub fn closing_table(run: &Run) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["neurons", "sparsity", "parameters", "after the clip", "after training"]);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut widths = run.widths_before.clone();
    let all: usize = widths.iter().sum();
    let accuracies: Vec<_> = per_replica(run, 0, |clip| Some(clip.accuracy_before_clip));
    table.add_row([
        joined(&widths),
        "0.0000".into(),
        run.parameters_before.to_string(),
        String::new(),
        mean_and_deviation(&accuracies),
    ]);
    let mut milestone = all;
    for cycle in 0..run.cycles() {
        let parameters = run.cycle(cycle).map(|clip| clip.parameters).next().unwrap_or_default();
        for clip in run.cycle(cycle) {
            widths[clip.layer] = clip.width_after;
        }
        let left: usize = widths.iter().sum();
        if cycle == 0 || 2 * left <= milestone || cycle + 1 == run.cycles() {
            milestone = if 2 * left <= milestone { left } else { milestone };
            table.add_row([
                joined(&widths),
                format!("{:.4}", 1.0 - left as f64 / all as f64),
                parameters.to_string(),
                mean_and_deviation(&per_replica(run, cycle, |c| Some(c.accuracy_after_clip))),
                mean_and_deviation(&per_replica(run, cycle, |c| c.accuracy_after_training)),
            ]);
        }
    }
    table
}

fn joined(widths: &[usize]) -> String {
    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// One value a replica from a cycle's clips; layers of a replica agree on it.
fn per_replica(run: &Run, cycle: usize, value: impl Fn(&Clip) -> Option<f64>) -> Vec<f64> {
    let values: BTreeMap<usize, f64> =
        run.cycle(cycle).filter_map(|clip| Some((clip.replica, value(clip)?))).collect();
    values.into_values().collect()
}

fn mean_and_deviation(values: &[f64]) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    match values {
        [] => "–".into(),
        [one] => format!("{one:.4}"),
        _ => {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            format!("{mean:.4} ± {:.4}", (squares / (count - 1.0)).sqrt())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(replica: usize, cycle: usize, before: usize, after: usize, accuracy: f64) -> Clip {
        Clip {
            replica,
            cycle,
            layer: 0,
            width_before: before,
            width_after: after,
            sparsity: 0.0,
            accuracy_before_clip: 0.9,
            accuracy_after_clip: accuracy,
            accuracy_after_training: (cycle < 2).then_some(0.8),
            parameters: after * 10,
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
        let run = Run { clips, widths_before: vec![100], parameters_before: 1000 };
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
