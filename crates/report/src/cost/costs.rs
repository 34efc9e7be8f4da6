//! The cost of the methods: operations, seconds and joules at every rung of the ladder.

use rayclip_run_folder::CycleRow;
use rayclip_run_folder::read::Rung;
use serde::{Deserialize, Serialize};

use crate::cost::spent::{Spent, Sums, Timed};
use crate::read::run::Run;

/// A line of `costs.csv`: the cost of a method up to right after a clip, as a mean over its replicas.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CostRow {
    /// The method.
    pub method: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after the clip.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that are gone.
    pub sparsity: f64,
    /// Batches of the training.
    pub batches: Option<usize>,
    /// Floating-point operations of all training.
    pub training_flops: Option<f64>,
    /// Floating-point operations of all reconstructions.
    pub solve_flops: f64,
    /// Floating-point operations to train the full width on the same batches.
    pub full_width_flops: Option<f64>,
    /// The saved fraction of `full_width_flops`.
    pub saved: Option<f64>,
    /// Seconds of training, divided by the number of networks that trained together. All methods of a chunk have
    /// the same value; it is not a measurement of one method.
    pub train_seconds_share: Option<f64>,
    /// An estimate of these seconds at the full width: the share of the first cycle times the number of cycles.
    pub full_width_seconds_share: Option<f64>,
    /// Seconds of scoring, including reconstructions, measured for this method alone, per replica. `None` if they
    /// were not measured by method.
    pub score_seconds: Option<f64>,
    /// Seconds of its reconstructions alone; `None` if it has none.
    pub solve_seconds: Option<f64>,
    /// Joules of the machine, divided by the number of networks that trained together. Before the first clip, all methods of
    /// a seed have one network, whose share includes the scoring by all of them.
    pub joules_share: Option<f64>,
}

/// Returns the costs of all methods at all rungs of their ladders. Methods with the same label are one method.
pub(crate) fn costs(runs: &[Run], labels: impl Fn(&Run, &str) -> String) -> Vec<CostRow> {
    let mut methods: Vec<Method<'_>> = vec![];
    for run in runs {
        for method in run.methods() {
            let label = labels(run, method);
            match methods.iter_mut().find(|known| known.label == label) {
                Some(known) => known.runs.push(run),
                None => methods.push(Method { label, runs: vec![run] }),
            }
        }
    }
    methods.iter().flat_map(|method| method.costs(&labels)).collect()
}

/// A method, and the runs with replicas of it. If runs share a label, they have the same settings.
struct Method<'a> {
    label: String,
    runs: Vec<&'a Run>,
}

impl Method<'_> {
    fn costs(&self, labels: &impl Fn(&Run, &str) -> String) -> Vec<CostRow> {
        let own = |run: &Run, row: &CycleRow| labels(run, &row.method) == self.label;
        let clips = self.runs.iter().enumerate().flat_map(|(index, run)| {
            let rows = run.rows.iter().filter(|row| own(run, row));
            rows.map(|row| Timed::of(index, run, row)).collect::<Vec<_>>()
        });
        let spent = Spent::of(&clips.collect::<Vec<_>>());
        let Some(longest) = self.runs.iter().max_by_key(|run| run.cycles()) else { return vec![] };
        // All rows of a cycle have the same batches and operations; only with widths of their own, networks differ in
        // their operations. The longest run is asked first.
        let agreed = |cycle: usize| {
            let of = |run: &&Run| {
                let rows: Vec<&CycleRow> = run.cycle(cycle).filter(|row| own(run, row)).collect();
                let flops: Option<Vec<f64>> = rows.iter().map(|row| row.training_flops).collect();
                let training_flops = flops.and_then(|flops| mean(&flops));
                Some(CycleRow { training_flops, ..(*rows.first()?).clone() })
            };
            of(longest).or_else(|| self.runs.iter().find_map(of))
        };
        let row = |rung: &Rung| {
            let sums = spent.cycles.get(&rung.cycle)?;
            let row = agreed(rung.cycle)?;
            let is_trained = agreed(0).is_none_or(|row| row.batches != Some(0));
            Some(cost_row(&self.label, rung, &row, sums, spent.first.filter(|_| is_trained)))
        };
        longest.rungs().values().filter_map(row).collect()
    }
}

/// Returns the mean of some values. The mean of equal values is exact.
fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    let differences: f64 = values.iter().map(|value| value - first).sum();
    Some(first + differences / values.len() as f64)
}

/// Returns the row of a rung; `first` is the seconds of the first cycle's training.
fn cost_row(method: &str, rung: &Rung, row: &CycleRow, sums: &Sums, first: Option<f64>) -> CostRow {
    let CycleRow { batches, training_flops, full_width_flops, .. } = *row;
    CostRow {
        method: method.to_owned(),
        cycle: rung.cycle,
        neurons: rung.neurons(),
        sparsity: rung.sparsity,
        batches,
        training_flops,
        solve_flops: sums.solve_flops,
        full_width_flops,
        // A network that comes from a file is clipped before any training.
        saved: training_flops
            .zip(full_width_flops.filter(|full| *full > 0.0))
            .map(|(spent, full)| 1.0 - spent / full),
        train_seconds_share: sums.train,
        full_width_seconds_share: first.map(|seconds| seconds * (rung.cycle + 1) as f64),
        score_seconds: sums.score,
        solve_seconds: sums.solve,
        joules_share: sums.joules,
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::{METHOD_SCRATCH, TimingRow};

    use super::*;
    use crate::read::sample::{clip, run_of};

    /// Returns a run with two clips and two replicas of each method. Batches and operations are those up to each
    /// clip.
    fn run() -> Run {
        let clips = [(0, 100, 50), (1, 50, 25)].into_iter().flat_map(|(cycle, before, after)| {
            ["dtc", METHOD_SCRATCH].into_iter().enumerate().flat_map(move |(index, method)| {
                [0, 1].map(|seed| CycleRow {
                    method: method.into(),
                    seed,
                    solver_flops: (index == 0).then_some(1e3 * (seed + 1) as f64),
                    batches: Some(3 * (cycle + 1)),
                    training_flops: Some(if index == 0 { 75.0 } else { 25.0 } * (cycle + 1) as f64),
                    full_width_flops: Some(100.0 * (cycle + 1) as f64),
                    ..clip(2 * index + seed as usize, cycle, before, after, 0.9)
                })
            })
        });
        let mut run = run_of(clips.collect());
        for ((_, replica), timing) in &mut run.timings {
            let is_clipped = *replica < 2;
            *timing = TimingRow {
                train_seconds: if is_clipped { 4.0 } else { 6.0 },
                compress_seconds: if is_clipped { 2.0 } else { 0.0 },
                joules: Some(8.0),
                score_seconds: is_clipped.then_some(1.0),
                solve_seconds: is_clipped.then_some(0.5),
                ..timing.clone()
            };
        }
        run
    }

    fn rows(runs: &[Run]) -> Vec<CostRow> {
        costs(runs, |_, method| method.to_owned())
    }

    #[test]
    fn a_method_pays_for_all_cycles_and_scratch_for_one_network() {
        let rows = rows(&[run()]);
        let of = |method: &str, cycle: usize| {
            rows.iter().find(|row| row.method == method && row.cycle == cycle).unwrap().clone()
        };
        let dtc = of("dtc", 1);
        assert_eq!((dtc.training_flops, dtc.full_width_flops), (Some(150.0), Some(200.0)));
        assert_eq!((dtc.saved, dtc.batches), (Some(0.25), Some(6)));
        assert_eq!(dtc.solve_flops, 2.0 * 1500.0);
        // Two replicas train together: a cycle takes 4 seconds of training, half for each.
        assert_eq!((dtc.train_seconds_share, dtc.joules_share), (Some(4.0), Some(8.0)));
        assert_eq!(dtc.full_width_seconds_share, Some(4.0));
        // In a cycle, scoring both takes one second, half of it solving: the method's own.
        assert_eq!((dtc.score_seconds, dtc.solve_seconds), (Some(1.0), Some(0.5)));
        let scratch = of(METHOD_SCRATCH, 1);
        assert_eq!((scratch.training_flops, scratch.saved), (Some(50.0), Some(0.75)));
        assert_eq!(scratch.train_seconds_share, Some(3.0));
        assert_eq!((scratch.full_width_seconds_share, scratch.score_seconds), (None, None));
    }

    #[test]
    fn replicas_of_one_method_in_two_runs_are_one_row() {
        let mut slower = run();
        slower.timings.values_mut().for_each(|timing| timing.train_seconds = 12.0);
        slower.rows.iter_mut().for_each(|row| row.seed += 2);
        let rows = rows(&[run(), slower]);
        assert_eq!(rows.len(), 4);
        // 2 and 6 seconds: the mean over the replicas of both runs.
        assert_eq!(rows[0].train_seconds_share, Some(4.0));
    }

    #[test]
    fn what_the_folder_does_not_tell_stays_empty() {
        let mut run = run();
        for row in &mut run.rows {
            (row.training_flops, row.at_once) = (None, None);
        }
        let row = &rows(&[run])[0];
        assert_eq!((row.training_flops, row.saved, row.train_seconds_share), (None, None, None));
    }
}
