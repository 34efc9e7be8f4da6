//! Sums seconds, joules and operations of a method up to each cycle, as means over its replicas.

use std::collections::BTreeMap;

use rayclip_run_folder::{CycleRow, TimingRow};

use crate::compare::statistics::Estimate;
use crate::read::run::Run;

/// A clip of one group with the cost of its cycle.
#[derive(Clone, Copy)]
pub(super) struct Timed<'a> {
    /// Index of the run.
    run: usize,
    row: &'a CycleRow,
    timing: Option<&'a TimingRow>,
}

impl<'a> Timed<'a> {
    pub(super) fn of(index: usize, run: &'a Run, row: &'a CycleRow) -> Self {
        Self { run: index, row, timing: run.timing(row) }
    }

    fn train_seconds(&self) -> Option<f64> {
        self.timing.map(|timing| timing.train_seconds)
    }

    fn score_seconds(&self) -> Option<f64> {
        self.timing?.score_seconds
    }

    fn solve_seconds(&self) -> Option<f64> {
        self.timing?.solve_seconds
    }

    fn joules(&self) -> Option<f64> {
        self.timing?.joules
    }

    /// Returns the share of one replica in the cost of all replicas that trained together.
    fn share(&self, of: Option<f64>) -> Option<f64> {
        Some(of? / self.row.at_once? as f64)
    }

    /// Returns what identifies a chunk: the seconds of its training and of scoring the method's replicas in it. All
    /// rows of a chunk have the same.
    fn chunk(&self) -> [Option<u64>; 2] {
        [self.train_seconds(), self.score_seconds()].map(|seconds| seconds.map(f64::to_bits))
    }
}

/// By run and replica: a clip of a cycle, and the operations of the reconstructions of all its groups.
type Replicas<'a> = BTreeMap<(usize, usize), (Timed<'a>, f64)>;

/// The cost of a method.
pub(super) struct Spent {
    /// Sums up to each cycle.
    pub(super) cycles: BTreeMap<usize, Sums>,
    /// Seconds of the first cycle's training; `None` for `scratch`.
    pub(super) first: Option<f64>,
}

/// Means over the replicas; `None` if a replica has no value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// Seconds of training, as a share.
    pub(super) train: Option<f64>,
    /// Seconds of scoring.
    pub(super) score: Option<f64>,
    /// Seconds of the solver in the scoring.
    pub(super) solve: Option<f64>,
    /// Joules, as a share.
    pub(super) joules: Option<f64>,
    /// Floating-point operations of all reconstructions.
    pub(super) solve_flops: f64,
}

impl Sums {
    const NOTHING: Self = Self {
        train: Some(0.0),
        score: Some(0.0),
        solve: Some(0.0),
        joules: Some(0.0),
        solve_flops: 0.0,
    };

    /// Returns the sums with the cost of one more cycle.
    fn with(self, replicas: &Replicas<'_>) -> Self {
        let together = scored_together(replicas);
        let own = |timed: &Timed<'_>, of: Option<f64>| Some(of? / together[&timed.chunk()] as f64);
        let add = |sum: Option<f64>, now: Option<f64>| Some(sum? + now?);
        let flops: f64 = replicas.values().map(|(_, flops)| flops).sum();
        Self {
            train: add(self.train, mean(replicas, |timed| timed.share(timed.train_seconds()))),
            score: add(self.score, mean(replicas, |timed| own(timed, timed.score_seconds()))),
            solve: add(self.solve, mean(replicas, |timed| own(timed, timed.solve_seconds()))),
            joules: add(self.joules, mean(replicas, |timed| timed.share(timed.joules()))),
            solve_flops: self.solve_flops + flops / replicas.len() as f64,
        }
    }
}

impl Spent {
    /// Sums the clips of one method.
    pub(super) fn of(clips: &[Timed<'_>]) -> Self {
        let is_scratch = clips.iter().all(|timed| timed.row.is_scratch());
        // The groups of a replica have the same values, except for the reconstructions.
        let mut by_cycle: BTreeMap<usize, Replicas<'_>> = BTreeMap::new();
        for timed in clips {
            let replicas = by_cycle.entry(timed.row.cycle).or_default();
            let (_, flops) =
                replicas.entry((timed.run, timed.row.replica)).or_insert((*timed, 0.0));
            *flops += timed.row.solver_flops.unwrap_or(0.0);
        }
        let first = by_cycle.get(&0).filter(|_| !is_scratch);
        let first = first.and_then(|all| mean(all, |timed| timed.share(timed.train_seconds())));
        let mut sums = Sums::NOTHING;
        let cycles = by_cycle.into_iter().map(|(cycle, replicas)| {
            // Every network of `scratch` starts with no cost.
            let before = if is_scratch { Sums::NOTHING } else { sums };
            sums = before.with(&replicas);
            (cycle, sums)
        });
        Self { cycles: cycles.collect(), first }
    }
}

/// Returns by chunk the number of replicas of one method that were scored together in a cycle.
fn scored_together(replicas: &Replicas<'_>) -> BTreeMap<[Option<u64>; 2], usize> {
    let mut counts = BTreeMap::new();
    for (timed, _) in replicas.values() {
        *counts.entry(timed.chunk()).or_default() += 1;
    }
    counts
}

/// Returns the mean over the replicas; `None` if a replica has no value.
fn mean(replicas: &Replicas<'_>, value: impl Fn(&Timed<'_>) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = replicas.values().map(|(timed, _)| value(timed)).collect();
    Estimate::of(&values?).map(|estimate| estimate.mean)
}
