//! Decisions from the accuracies of a replica: when it stops, and which of its networks are kept.

use std::collections::BTreeSet;

use rayclip_run_folder::{Outcome, Replica};

use super::{Ledger, Rung, of_replica};
use crate::run::networks::Keeping;
use crate::train::Accuracy;

/// Far less than the share of one image.
const ROUNDING: f64 = 1e-9;

impl Ledger {
    /// Returns whether a replica stops after the training at a rung: its validation accuracy once reached
    /// `compression.until_accuracy` and is now below, or it is lower than before the first clip by more than
    /// `compression.max_drop`. A network that has never reached `compression.until_accuracy` is still learning and
    /// continues.
    pub(crate) fn has_fallen(&self, replica: usize, rung: Rung) -> bool {
        let first = self.accuracy(replica, None).and_then(|accuracy| accuracy.validation);
        // An accuracy is a fraction, and the difference of two is rounded.
        let least = |first: f64| first - self.max_drop - ROUNDING;
        let least = first.filter(|_| self.max_drop > 0.0).map(least);
        [Some(self.until_accuracy), least]
            .into_iter()
            .flatten()
            .any(|least| self.has_fallen_below(least, replica, rung))
    }

    fn has_fallen_below(&self, until: f64, replica: usize, rung: Rung) -> bool {
        let validation = |rung: Rung| self.accuracy(replica, rung)?.validation;
        let reached = |rung: &Rung| validation(*rung).is_some_and(|v| v >= until);
        until > 0.0
            && validation(rung).is_some_and(|v| v < until)
            && self.trained(replica).iter().take_while(|earlier| **earlier < rung).any(reached)
    }

    /// Marks a replica that stops. Its final accuracy is that of its last network before the fall.
    pub(crate) fn stop(&mut self, replica: Replica) {
        let number = replica.number;
        let trained = self.trained(number);
        let held = trained.iter().rev().find(|rung| !self.has_fallen(number, **rung)).copied();
        let accuracy = held.and_then(|rung| self.accuracy(number, rung));
        let summary = &mut self.replicas[number];
        summary.outcome = Outcome::Stopped;
        summary.stopped_at = trained.last().copied().flatten();
        summary.accuracy_after = accuracy.map(|accuracy| accuracy.test);
    }

    /// Returns the rungs whose training a replica completed.
    pub(crate) fn trained(&self, replica: usize) -> BTreeSet<Rung> {
        let rungs = std::iter::once(None).chain((0..self.clips()).map(Some));
        rungs.filter(|rung| self.accuracy(replica, *rung).is_some()).collect()
    }

    /// Returns the rungs whose networks are kept: those that the policy always keeps, and the last one before a
    /// fall.
    pub(crate) fn kept_networks(&self, replica: usize, keeping: &Keeping) -> BTreeSet<Rung> {
        let trained = self.trained(replica);
        let last = trained.iter().rev().find(|rung| !self.has_fallen(replica, **rung)).copied();
        trained.into_iter().filter(|rung| keeping.always(*rung) || Some(*rung) == last).collect()
    }

    /// Returns the accuracies of a replica after the training at a rung.
    pub(crate) fn accuracy(&self, replica: usize, rung: Rung) -> Option<Accuracy> {
        let Some(cycle) = rung else {
            let summary = &self.replicas[replica];
            let (test, validation) = (summary.accuracy_before?, summary.validation_before);
            return Some(Accuracy { test, validation });
        };
        let (_, row) = self.rows.range(of_replica(cycle, replica)).next()?;
        let (test, validation) = (row.accuracy_after_training?, row.validation_after_training);
        Some(Accuracy { test, validation })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{accuracies, ledger, row};
    use rayclip_run_folder::config::presets::{Layers, resolve};

    use super::*;
    use crate::run::KeepNetworks;

    /// Returns a replica with these validation accuracies, before the first clip and after each clip.
    fn with(validation: &[f64]) -> (Ledger, Replica) {
        let (mut ledger, replicas) = ledger("0.5");
        let (replica, of) = (replicas[0], |v: f64| accuracies(&[v]));
        ledger.before_clips(&replicas[..1], &of(validation[0]));
        for (clip, v) in validation[1..].iter().enumerate() {
            ledger.add_rows(vec![row(0, clip, "layer_0")]);
            ledger.complete(clip, &replicas[..1], Some(&of(*v)));
        }
        (ledger, replica)
    }

    #[test]
    fn a_replica_has_fallen_only_from_where_it_was() {
        let (mut ledger, replica) = with(&[0.2, 0.4, 0.6, 0.45]);
        let fallen: Vec<bool> =
            [None, Some(0), Some(1), Some(2)].map(|rung| ledger.has_fallen(0, rung)).to_vec();
        assert_eq!(fallen, [false, false, false, true]);
        ledger.stop(replica);
        let summary = &ledger.replicas()[0];
        assert_eq!((summary.outcome, summary.accuracy_after), (Outcome::Stopped, Some(0.61)));
        assert_eq!(summary.stopped_at, Some(2));
    }

    #[test]
    fn a_replica_may_lose_exactly_what_is_allowed() {
        let (mut ledger, _) = with(&[27.0 / 50.0, 22.0 / 50.0, 21.0 / 50.0]);
        (ledger.until_accuracy, ledger.max_drop) = (0.0, 0.1);
        let fallen = [None, Some(0), Some(1)].map(|rung| ledger.has_fallen(0, rung));
        assert_eq!(fallen, [false, false, true]);
    }

    #[test]
    fn the_last_network_that_has_not_fallen_is_kept() {
        let config = resolve(&Layers::default()).unwrap();
        let keeping = |policy| Keeping::new(policy, &config);
        let (ledger, _) = with(&[0.7, 0.6, 0.4]);
        let last = ledger.kept_networks(0, &keeping(KeepNetworks::Last));
        assert_eq!(last, [Some(0)].into());
        let all = ledger.kept_networks(0, &keeping(KeepNetworks::All));
        assert_eq!(all, [None, Some(0), Some(1)].into());
        assert_eq!(ledger.trained(1), BTreeSet::new());
    }
}
