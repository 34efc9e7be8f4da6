//! What the methods cost: operations, seconds and joules down the ladder.

pub(crate) mod flops;
pub(crate) mod widths;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cost::flops::{Batches, Ends};
use crate::ladder::{Rung, rungs};
use crate::statistics::Estimate;
use crate::{Clip, Run};

/// A line of `costs.csv`: what a replica of a method took until right after a clip, a mean over its
/// replicas.
#[derive(Debug, Clone, Serialize)]
pub struct CostRow {
    /// The method.
    pub method: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after it.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that is gone.
    pub sparsity: f64,
    /// Batches trained on.
    pub batches: Option<usize>,
    /// Operations of all training.
    pub training_flops: Option<f64>,
    /// Operations of all reconstructions.
    pub solve_flops: f64,
    /// Operations to train the full width on the same batches.
    pub full_width_flops: Option<f64>,
    /// Fraction of them that was saved.
    pub saved: Option<f64>,
    /// Seconds of training, divided by the replicas that trained at once: the same for all methods of a chunk,
    /// and no measurement of one of them.
    pub train_seconds_share: Option<f64>,
    /// An estimate of the same at the full width: the share of the first cycle, for every cycle.
    pub full_width_seconds_share: Option<f64>,
    /// Seconds of scoring, reconstructions included, measured for this method alone, by replica. None where they
    /// were not measured by method.
    pub score_seconds: Option<f64>,
    /// Seconds of its reconstructions alone; none where it has none.
    pub solve_seconds: Option<f64>,
    /// Joules of the machine, divided by the replicas that trained at once likewise.
    pub joules_share: Option<f64>,
}

/// What all methods took down their ladders; `labels` says which runs hold replicas of one method.
pub(crate) fn costs(runs: &[Run], labels: impl Fn(&Run, &str) -> String) -> Vec<CostRow> {
    let mut groups: Vec<(String, Vec<&Run>)> = vec![];
    for run in runs {
        for method in run.methods() {
            let label = labels(run, method);
            match groups.iter_mut().find(|(known, _)| *known == label) {
                Some((_, of_label)) => of_label.push(run),
                None => groups.push((label, vec![run])),
            }
        }
    }
    let of_group = |(label, of_label): (String, Vec<&Run>)| {
        let clips = of_label.iter().enumerate().flat_map(|(place, run)| {
            let own = run.clips.iter().filter(|clip| labels(run, &clip.method) == label);
            own.map(move |clip| (place, clip)).collect::<Vec<_>>()
        });
        let spent = Spent::of(&clips.collect::<Vec<_>>());
        // Runs whose methods have one name have the same settings.
        let longest = of_label.into_iter().max_by_key(|run| run.cycles());
        let Some(run) = longest else { return vec![] };
        let rungs = rungs(run);
        let own = rungs.values().filter(|rung| spent.cycles.contains_key(&rung.cycle));
        own.map(|rung| row(run, &rungs, rung, (label.clone(), &spent))).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// By run and replica: a clip of a cycle, and the operations of the reconstructions of all its layers.
type Replicas<'a> = BTreeMap<(usize, usize), (&'a Clip, f64)>;

/// Seconds, joules and operations of a method by cycle, summed up to each, means over the replicas.
struct Spent {
    is_scratch: bool,
    cycles: BTreeMap<usize, Sums>,
    /// Seconds of the first cycle's training.
    first: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    train: Option<f64>,
    score: Option<f64>,
    solve: Option<f64>,
    joules: Option<f64>,
    solve_flops: f64,
}

impl Sums {
    const NOTHING: Self = Self {
        train: Some(0.0),
        score: Some(0.0),
        solve: Some(0.0),
        joules: Some(0.0),
        solve_flops: 0.0,
    };
}

impl Spent {
    /// Of clips of one method, each with the number of its run.
    fn of(clips: &[(usize, &Clip)]) -> Self {
        let is_scratch = clips.iter().all(|(_, clip)| clip.is_scratch());
        // The layers of a replica agree on all but the reconstructions.
        let mut by_cycle: BTreeMap<usize, Replicas<'_>> = BTreeMap::new();
        for (run, clip) in clips {
            let replicas = by_cycle.entry(clip.cycle).or_default();
            let (_, flops) = replicas.entry((*run, clip.replica)).or_insert((clip, 0.0));
            *flops += clip.solver_flops.unwrap_or(0.0);
        }
        let share = |clip: &Clip, of: Option<f64>| Some(of? / clip.at_once? as f64);
        let first = by_cycle.get(&0).filter(|_| !is_scratch);
        let first = first.and_then(|all| mean(all, |clip| share(clip, clip.train_seconds)));
        let mut sums = Sums::NOTHING;
        let cycles = by_cycle.into_iter().map(|(cycle, replicas)| {
            // What `scratch` took for one network is no part of what it takes for the next.
            if is_scratch {
                sums = Sums::NOTHING;
            }
            let together = scored_together(&replicas);
            let own = |clip: &Clip, of: Option<f64>| Some(of? / together[&chunk(clip)] as f64);
            let add = |sum: Option<f64>, now: Option<f64>| Some(sum? + now?);
            sums.train = add(sums.train, mean(&replicas, |clip| share(clip, clip.train_seconds)));
            sums.score = add(sums.score, mean(&replicas, |clip| own(clip, clip.score_seconds)));
            sums.solve = add(sums.solve, mean(&replicas, |clip| own(clip, clip.solve_seconds)));
            sums.joules = add(sums.joules, mean(&replicas, |clip| share(clip, clip.joules)));
            let flops: f64 = replicas.values().map(|(_, flops)| flops).sum();
            sums.solve_flops += flops / replicas.len() as f64;
            (cycle, sums)
        });
        let cycles = cycles.collect();
        Self { is_scratch, cycles, first }
    }
}

/// What the rows of a chunk agree on: seconds of its training, and of scoring the method's replicas in it.
fn chunk(clip: &Clip) -> [Option<u64>; 2] {
    [clip.train_seconds, clip.score_seconds].map(|seconds| seconds.map(f64::to_bits))
}

/// Replicas of one method in a cycle that were scored together, by chunk.
fn scored_together(replicas: &Replicas<'_>) -> BTreeMap<[Option<u64>; 2], usize> {
    let mut counts = BTreeMap::new();
    for (clip, _) in replicas.values() {
        *counts.entry(chunk(clip)).or_default() += 1;
    }
    counts
}

/// The mean over the replicas, where all have a value.
fn mean(replicas: &Replicas<'_>, value: impl Fn(&Clip) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = replicas.values().map(|(clip, _)| value(clip)).collect();
    Estimate::of(&values?).map(|estimate| estimate.mean)
}

fn row(
    run: &Run,
    rungs: &BTreeMap<usize, Rung>,
    rung: &Rung,
    (method, spent): (String, &Spent),
) -> CostRow {
    let (ends, batches) = (Ends::of(run), Batches::of(run));
    let cycles = rung.cycle + 1;
    let flops = |cycle: usize, widths: &[usize]| {
        Some(ends?.training_flops(widths)? * batches?.images_in(cycle)? as f64)
    };
    let before = |cycle: usize| match cycle.checked_sub(1) {
        _ if spent.is_scratch => Some(&rung.widths),
        None => Some(&run.widths_before),
        Some(clip) => rungs.get(&clip).map(|rung| &rung.widths),
    };
    let training_flops: Option<f64> = (0..cycles).map(|cycle| flops(cycle, before(cycle)?)).sum();
    let full_width_flops: Option<f64> =
        (0..cycles).map(|cycle| flops(cycle, &run.widths_before)).sum();
    let Sums { train, score, solve, joules, solve_flops } = spent.cycles[&rung.cycle];
    CostRow {
        method,
        cycle: rung.cycle,
        neurons: rung.neurons(),
        sparsity: rung.sparsity,
        batches: batches.and_then(|batches| batches.per_cycle.checked_mul(cycles)),
        training_flops,
        solve_flops,
        full_width_flops,
        saved: training_flops.zip(full_width_flops).map(|(spent, full)| 1.0 - spent / full),
        train_seconds_share: train,
        full_width_seconds_share: spent.first.map(|seconds| seconds * cycles as f64),
        score_seconds: score,
        solve_seconds: solve,
        joules_share: joules,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clips::SCRATCH;
    use crate::table::tests::{clip, run_of};

    fn run() -> Run {
        let clips = [(0, 100, 50), (1, 50, 25)].into_iter().flat_map(|(cycle, before, after)| {
            ["dtc", SCRATCH].into_iter().enumerate().flat_map(move |(place, method)| {
                [0, 1].map(|seed| Clip {
                    method: method.into(),
                    seed,
                    solver_flops: (place == 0).then_some(1e3 * (seed + 1) as f64),
                    train_seconds: Some(if place == 0 { 4.0 } else { 6.0 }),
                    compress_seconds: Some(if place == 0 { 2.0 } else { 0.0 }),
                    joules: Some(8.0),
                    score_seconds: (place == 0).then_some(1.0),
                    solve_seconds: (place == 0).then_some(0.5),
                    ..clip(2 * place + seed as usize, cycle, before, after, 0.9)
                })
            })
        });
        let mut run = run_of(clips.collect());
        let config = "[training]\nbatch_size = 5\nbatches_per_cycle = 3\norder = \"shuffled\"";
        run.config = config.parse().unwrap();
        run.data.train = Some(15);
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
        let flops = |width: f64| 15.0 * (4.0 * 10.0 + 6.0 * 2.0) * width;
        let dtc = of("dtc", 1);
        assert_eq!(dtc.training_flops, Some(flops(100.0) + flops(50.0)));
        assert_eq!(dtc.full_width_flops, Some(2.0 * flops(100.0)));
        assert_eq!((dtc.saved, dtc.batches), (Some(0.25), Some(6)));
        assert_eq!(dtc.solve_flops, 2.0 * 1500.0);
        // Two replicas at once: 4 seconds of training a cycle, a half for each.
        assert_eq!((dtc.train_seconds_share, dtc.joules_share), (Some(4.0), Some(8.0)));
        assert_eq!(dtc.full_width_seconds_share, Some(4.0));
        // A second of scoring both, half of it solving, a cycle: the method's own.
        assert_eq!((dtc.score_seconds, dtc.solve_seconds), (Some(1.0), Some(0.5)));
        let scratch = of(SCRATCH, 1);
        assert_eq!(scratch.training_flops, Some(2.0 * flops(25.0)));
        assert_eq!(scratch.train_seconds_share, Some(3.0));
        assert_eq!((scratch.full_width_seconds_share, scratch.score_seconds), (None, None));
    }

    #[test]
    fn replicas_of_one_method_in_two_runs_are_one_row() {
        let mut slower = run();
        slower.clips.iter_mut().for_each(|clip| {
            clip.train_seconds = Some(12.0);
            clip.seed += 2;
        });
        let rows = rows(&[run(), slower]);
        assert_eq!(rows.len(), 4);
        // 2 and 6 seconds, a mean over both runs' replicas.
        assert_eq!(rows[0].train_seconds_share, Some(4.0));
    }

    #[test]
    fn what_the_folder_does_not_tell_stays_empty() {
        let mut run = run();
        run.data.classes = None;
        run.clips.iter_mut().for_each(|clip| clip.at_once = None);
        let row = &rows(&[run])[0];
        assert_eq!((row.training_flops, row.saved, row.train_seconds_share), (None, None, None));
    }
}
