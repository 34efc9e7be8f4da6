//! The results of a run so far: rows, kept neurons, rays, and the outcome of every replica. The ledger holds only
//! facts: `files.rs` writes them into the folder, and `ledger/saved.rs` into a checkpoint.

mod decisions;
mod saved;

use std::collections::BTreeMap;

use rayclip_run_folder::{
    CycleRow, Divergence, GroupRays, KeptRow, Outcome, Replica, ReplicaSummary, RunConfig,
    TimingRow,
};

pub(crate) use saved::LedgerState;

use crate::train::Accuracy;

/// The results of all replicas, regardless of their chunks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ledger {
    /// Names of the groups. The rows of a replica have this order.
    groups: Vec<String>,
    /// A replica that has reached this accuracy stops when it falls below it; 0 means never.
    until_accuracy: f64,
    /// A replica stops when it falls below its first accuracy by more than this; 0 means never.
    max_drop: f64,
    rows: BTreeMap<RowKey, CycleRow>,
    /// By cycle and replica.
    timings: BTreeMap<(usize, usize), TimingRow>,
    /// By cycle and replica.
    kept: BTreeMap<(usize, usize), KeptRow>,
    rays: BTreeMap<RowKey, GroupRays>,
    replicas: Vec<ReplicaSummary>,
}

/// The key of a row. It sorts like the finished table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    cycle: usize,
    replica: usize,
    group: usize,
}

/// A clip, or (`None`) the network before the first clip.
pub(crate) type Rung = Option<usize>;

impl Ledger {
    /// Creates the ledger of a run that has not started.
    pub(crate) fn new(config: &RunConfig, groups: &[String]) -> Self {
        let summary = |replica: &Replica| ReplicaSummary {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            outcome: Outcome::Running,
            divergence: None,
            accuracy_before: None,
            validation_before: None,
            stopped_at: None,
            accuracy_after: None,
            network: None,
        };
        Self {
            groups: groups.to_vec(),
            until_accuracy: config.compression.until_accuracy,
            max_drop: config.compression.max_drop,
            rows: BTreeMap::new(),
            timings: BTreeMap::new(),
            kept: BTreeMap::new(),
            rays: BTreeMap::new(),
            replicas: config.all_replicas().iter().map(summary).collect(),
        }
    }

    fn key(&self, cycle: usize, replica: usize, group: &str) -> RowKey {
        // Unknown groups sort last.
        let known = self.groups.iter().position(|name| name == group);
        RowKey { cycle, replica, group: known.unwrap_or(self.groups.len()) }
    }

    /// Adds the live neurons of replicas after a clip.
    pub(crate) fn add_kept(&mut self, cycle: usize, kept: Vec<KeptRow>) {
        self.kept.extend(kept.into_iter().map(|kept| ((cycle, kept.replica), kept)));
    }

    /// Adds rows of clips.
    pub(crate) fn add_rows(&mut self, rows: Vec<CycleRow>) {
        for row in rows {
            self.rows.insert(self.key(row.cycle, row.replica, &row.group), row);
        }
    }

    /// Adds the rays of a clip.
    pub(crate) fn add_rays(&mut self, cycle: usize, rays: Vec<GroupRays>) {
        for rays in rays {
            self.rays.insert(self.key(cycle, rays.replica, &rays.group), rays);
        }
    }

    /// Adds what a clip cost every replica.
    pub(crate) fn add_timings(&mut self, timings: Vec<TimingRow>) {
        self.timings.extend(timings.into_iter().map(|row| ((row.cycle, row.replica), row)));
    }

    /// Completes the rows of a clip with the accuracies after the training that follows, one per replica; `None` if
    /// the run ended before that.
    pub(crate) fn complete(
        &mut self,
        cycle: usize,
        replicas: &[Replica],
        accuracies: Option<&[Accuracy]>,
    ) {
        for (index, replica) in replicas.iter().enumerate() {
            let accuracy = accuracies.map(|accuracies| accuracies[index]);
            for (_, row) in self.rows.range_mut(of_replica(cycle, replica.number)) {
                row.accuracy_after_training = accuracy.map(|accuracy| accuracy.test);
                row.validation_after_training = accuracy.and_then(|accuracy| accuracy.validation);
            }
        }
    }

    /// Records the accuracies before the first clip.
    pub(crate) fn before_clips(&mut self, replicas: &[Replica], accuracies: &[Accuracy]) {
        for (replica, accuracy) in replicas.iter().zip(accuracies) {
            let summary = &mut self.replicas[replica.number];
            summary.accuracy_before = Some(accuracy.test);
            summary.validation_before = accuracy.validation;
        }
    }

    /// Marks a replica that diverged.
    pub(crate) fn diverge(&mut self, replica: Replica, cycle: usize, reason: String) -> Divergence {
        let Replica { number, method, seed, .. } = replica;
        let divergence =
            Divergence { replica: number, method: method.to_string(), seed, cycle, reason };
        let summary = &mut self.replicas[number];
        summary.outcome = Outcome::Diverged;
        summary.divergence = Some(divergence.clone());
        divergence
    }

    /// Marks replicas as finished, unless they diverged or stopped.
    pub(crate) fn finish(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            if !self.has_left(*replica) {
                self.replicas[replica.number].outcome = Outcome::Finished;
            }
        }
    }

    /// Gives the replicas that are still running the outcome of the run.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        for replica in &mut self.replicas {
            if replica.outcome == Outcome::Running {
                replica.outcome = outcome;
            }
        }
    }

    /// Records the index of each replica in the file of the final networks.
    pub(crate) fn number_networks(&mut self, index: impl Fn(usize) -> Option<usize>) {
        for summary in &mut self.replicas {
            summary.network = index(summary.replica);
        }
    }

    /// Records the accuracies of the final networks: those after the last clip.
    pub(crate) fn final_accuracies(&mut self, clip: Rung, replicas: &[Replica]) {
        for replica in replicas {
            let accuracy = self.accuracy(replica.number, clip);
            self.replicas[replica.number].accuracy_after = accuracy.map(|accuracy| accuracy.test);
        }
    }

    /// Returns whether a replica has diverged or stopped.
    pub(crate) fn has_left(&self, replica: Replica) -> bool {
        matches!(self.replicas[replica.number].outcome, Outcome::Diverged | Outcome::Stopped)
    }

    /// Returns the summaries of all replicas so far.
    pub(crate) fn replicas(&self) -> &[ReplicaSummary] {
        &self.replicas
    }

    /// Returns the first divergence if all replicas diverged.
    pub(crate) fn all_diverged(&self) -> Option<&Divergence> {
        let all = self.replicas.iter().all(|replica| replica.outcome == Outcome::Diverged);
        self.replicas.first().filter(|_| all)?.divergence.as_ref()
    }

    /// Returns the largest number of clips that a replica has reached.
    pub(crate) fn clips(&self) -> usize {
        self.rows.keys().map(|key| key.cycle + 1).max().unwrap_or(0)
    }

    /// Returns all rows, sorted by cycle, replica and group.
    #[cfg(test)]
    fn rows(&self) -> Vec<CycleRow> {
        self.rows.values().cloned().collect()
    }

    /// Returns the rows of replicas (by number) after a clip.
    pub(crate) fn rows_of(&self, cycle: usize, replicas: &[usize]) -> Vec<CycleRow> {
        let rows = |replica: &usize| self.rows.range(of_replica(cycle, *replica));
        replicas.iter().flat_map(rows).map(|(_, row)| row.clone()).collect()
    }

    /// Returns what a clip cost the replicas (by number).
    pub(crate) fn timings_of(&self, cycle: usize, replicas: &[usize]) -> Vec<TimingRow> {
        let timing = |replica: &usize| self.timings.get(&(cycle, *replica)).cloned();
        replicas.iter().filter_map(timing).collect()
    }

    /// Returns the live neurons of all replicas after a clip.
    pub(crate) fn kept_of(&self, cycle: usize) -> Vec<&KeptRow> {
        self.kept.range((cycle, 0)..(cycle + 1, 0)).map(|(_, kept)| kept).collect()
    }

    /// Returns the widths of a replica after each of its clips, `[clip][group]`.
    pub(crate) fn widths_of(&self, replica: usize) -> Vec<Vec<usize>> {
        let width = |kept: &KeptRow, group| kept.groups.get(group).map_or(0, Vec::len);
        let kept = (0..).map_while(|cycle| self.kept.get(&(cycle, replica)));
        kept.map(|kept| self.groups.iter().map(|group| width(kept, group)).collect()).collect()
    }

    /// Returns the rays of all replicas in a clip.
    pub(crate) fn rays_of(&self, cycle: usize) -> Vec<&GroupRays> {
        let first = |cycle| RowKey { cycle, replica: 0, group: 0 };
        self.rays.range(first(cycle)..first(cycle + 1)).map(|(_, rays)| rays).collect()
    }

    /// Returns the live neurons of the group of a row, if it was clipped.
    pub(crate) fn kept_in(&self, row: &CycleRow) -> Option<&Vec<usize>> {
        self.kept.get(&(row.cycle, row.replica))?.groups.get(&row.group)
    }

    /// Returns the rays of the group of a row, if there are any.
    pub(crate) fn rays_in(&self, row: &CycleRow) -> Option<&GroupRays> {
        self.rays.get(&self.key(row.cycle, row.replica, &row.group))
    }
}

/// Returns the range of keys of a replica's rows after a clip.
fn of_replica(cycle: usize, replica: usize) -> std::ops::Range<RowKey> {
    let first = |replica| RowKey { cycle, replica, group: 0 };
    first(replica)..first(replica + 1)
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    /// Two methods of two replicas, two groups.
    pub(super) fn ledger(until: &str) -> (Ledger, Vec<Replica>) {
        let settings = [
            "replicas=2",
            "compression.methods=['dtc', 'l2']",
            "data.validation=0.1",
            &format!("compression.until_accuracy={until}"),
        ];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let groups = ["layer_0", "layer_1"].map(str::to_owned);
        (Ledger::new(&config, &groups), config.all_replicas())
    }

    pub(super) fn row(replica: usize, cycle: usize, group: &str) -> CycleRow {
        CycleRow { replica, cycle, group: group.into(), ..CycleRow::default() }
    }

    pub(super) fn accuracies(validation: &[f64]) -> Vec<Accuracy> {
        let accuracy = |v: &f64| Accuracy { test: v + 0.01, validation: Some(*v) };
        validation.iter().map(accuracy).collect()
    }

    #[test]
    fn rows_are_ordered_by_cycle_replica_and_group_whatever_the_chunk() {
        let (mut ledger, _) = ledger("0");
        ledger.add_rows(vec![row(2, 1, "layer_1"), row(2, 1, "layer_0")]);
        ledger.add_rows(vec![row(3, 0, "layer_0"), row(2, 0, "layer_0")]);
        let keys = |rows: Vec<CycleRow>| -> Vec<(usize, usize, String)> {
            rows.into_iter().map(|row| (row.cycle, row.replica, row.group)).collect()
        };
        let expected = [(0, 2, 0), (0, 3, 0), (1, 2, 0), (1, 2, 1)]
            .map(|(cycle, replica, group)| (cycle, replica, format!("layer_{group}")));
        assert_eq!(keys(ledger.rows()), expected);
        assert_eq!(keys(ledger.rows_of(1, &[1, 2])), expected[2..]);
        assert_eq!(ledger.clips(), 2);
    }

    #[test]
    fn what_follows_a_clip_completes_its_rows_alone() {
        let (mut ledger, replicas) = ledger("0");
        for cycle in 0..2 {
            ledger.add_rows(vec![row(0, cycle, "layer_0"), row(1, cycle, "layer_0")]);
        }
        ledger.complete(1, &replicas[..2], Some(&accuracies(&[0.5, 0.6])));
        let after: Vec<Option<f64>> =
            ledger.rows().iter().map(|row| row.validation_after_training).collect();
        assert_eq!(after, [None, None, Some(0.5), Some(0.6)]);
        ledger.complete(0, &replicas[..2], None);
        assert_eq!(ledger.rows()[0].accuracy_after_training, None);
    }

    #[test]
    fn replicas_end_as_they_ended() {
        let (mut ledger, replicas) = ledger("0");
        ledger.finish(&replicas[..1]);
        let divergence = ledger.diverge(replicas[3], 4, "a weight is not finite".into());
        assert_eq!((divergence.replica, divergence.cycle), (3, 4));
        assert!(ledger.has_left(replicas[3]) && !ledger.has_left(replicas[0]));
        assert!(ledger.all_diverged().is_none());
        ledger.end(Outcome::Interrupted);
        let outcomes: Vec<Outcome> = ledger.replicas().iter().map(|r| r.outcome).collect();
        let expected =
            [Outcome::Finished, Outcome::Interrupted, Outcome::Interrupted, Outcome::Diverged];
        assert_eq!(outcomes, expected);
        for replica in &replicas[..3] {
            ledger.diverge(*replica, 0, "the training loss is NaN".into());
        }
        assert_eq!(ledger.all_diverged().unwrap().replica, 0);
    }
}
