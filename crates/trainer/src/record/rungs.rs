//! The networks and predictions of every rung, and where a replica stops.
//!
//! A checkpoint does not have them: they are written, and synced, before the checkpoint that follows. What
//! of them belongs into the folder is told by the rows, which a checkpoint has.

use std::collections::BTreeSet;

use rayclip_model::{Description, Exported, Mlp};

use super::Record;
use crate::evaluate::Tested;
use crate::events::{Event, Observer};
use crate::networks::{KeptNetwork, NETWORKS, network_path, replica_folder, rung_file};
use crate::predictions::{self, LABELS, PREDICTIONS};
use crate::replica::Replica;
use crate::{Outcome, TrainerError};

/// A clip, or (none) the time before the first.
type Rung = Option<usize>;

impl Record<'_> {
    /// Writes the networks of replicas, trained after a clip, and what they predict.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn keep(
        &self,
        rung: Rung,
        replicas: &[Replica],
        network: &Mlp,
        tested: &Tested,
    ) -> Result<(), TrainerError> {
        let shape = network.shape();
        let description = Description { shape, ..self.description.clone() };
        let exported = Exported::all(network)?;
        for (place, (replica, exported)) in replicas.iter().zip(exported).enumerate() {
            let Replica { method, seed, .. } = *replica;
            if let Some(classes) = rung.and(tested.predictions.get(place)) {
                let file =
                    format!("{PREDICTIONS}/{}/{}", replica_folder(method, seed), rung_file(rung));
                self.folder.write(&file, &predictions::encode("after_training", classes)?)?;
            }
            let wanted = self.wanted_networks(replica.number);
            if !wanted.contains(&rung) {
                continue;
            }
            let accuracy = tested.accuracies[place];
            let kept = KeptNetwork {
                method,
                seed,
                clip: rung,
                widths: description.shape.hidden.clone(),
                test: accuracy.test,
                validation: accuracy.validation,
            };
            let bytes = exported.encode(&kept.metadata(self.config, &description))?;
            self.folder.write(&network_path(method, seed, rung), &bytes)?;
            // The one before, where it was the last.
            for old in self.trained(replica.number).difference(&wanted) {
                self.folder.remove_file(&network_path(method, seed, *old))?;
            }
        }
        Ok(())
    }

    /// Removes the networks and predictions that do not belong into the folder: those of rungs that the run
    /// has not reached.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn clear_rungs(&self) -> Result<(), TrainerError> {
        let mut networks = BTreeSet::new();
        let mut predictions = BTreeSet::from([LABELS.to_owned()]);
        for replica in self.config.all_replicas() {
            let file = |rung: &Rung| {
                format!("{}/{}", replica_folder(replica.method, replica.seed), rung_file(*rung))
            };
            networks.extend(self.wanted_networks(replica.number).iter().map(file));
            let trained = self.trained(replica.number);
            predictions.extend(trained.iter().filter(|rung| rung.is_some()).map(file));
        }
        self.folder.keep_only(NETWORKS, &networks)?;
        self.folder.keep_only(PREDICTIONS, &predictions)
    }

    /// Stops the replicas whose validation accuracy has fallen below `compression.until_accuracy`; the places of
    /// the others. It has fallen where it was reached before: a network that is still learning goes on.
    pub(crate) fn stop_fallen(
        &mut self,
        rung: Rung,
        replicas: &[Replica],
        observer: &mut dyn Observer,
    ) -> Vec<usize> {
        let mut alive = vec![];
        for (place, replica) in replicas.iter().enumerate() {
            let (Some(cycle), true) = (rung, self.has_fallen(replica.number, rung)) else {
                alive.push(place);
                continue;
            };
            let held = self.trained(replica.number).into_iter();
            let held = held.filter(|rung| !self.has_fallen(replica.number, *rung)).max();
            let accuracy = held.map(|rung| self.accuracy(replica.number, rung));
            let summary = &mut self.replicas[replica.number];
            summary.outcome = Outcome::Stopped;
            summary.accuracy_after = accuracy.and_then(|(test, _)| test);
            let (method, seed) = (&self.replicas[replica.number].method, replica.seed);
            let validation = self.accuracy(replica.number, rung).1.unwrap_or(0.0);
            observer.notify(&Event::Stopped { method, seed, cycle, validation });
        }
        alive
    }

    /// The rungs at which a replica was trained to the end.
    fn trained(&self, replica: usize) -> BTreeSet<Rung> {
        let cycles = self.rows.keys().next_back().map_or(0, |(cycle, ..)| cycle + 1);
        let rungs = std::iter::once(None).chain((0..cycles).map(Some));
        rungs.filter(|rung| self.accuracy(replica, *rung).0.is_some()).collect()
    }

    /// Those whose networks belong into the folder: those that always do, and the last that has not fallen.
    fn wanted_networks(&self, replica: usize) -> BTreeSet<Rung> {
        let trained = self.trained(replica);
        let last = trained.iter().rev().find(|rung| !self.has_fallen(replica, **rung)).copied();
        trained
            .into_iter()
            .filter(|rung| self.keeping.always(*rung) || Some(*rung) == last)
            .collect()
    }

    /// Whether a replica was below the accuracy that it is to have, and was not before.
    fn has_fallen(&self, replica: usize, rung: Rung) -> bool {
        let until = self.config.compression.until_accuracy;
        let is_below = |rung: Rung| self.accuracy(replica, rung).1.is_some_and(|v| v < until);
        let reached = |rung: &Rung| self.accuracy(replica, *rung).1.is_some_and(|v| v >= until);
        until > 0.0
            && is_below(rung)
            && self.trained(replica).iter().take_while(|earlier| **earlier < rung).any(reached)
    }

    /// Test and validation accuracy of a replica after the training at a rung.
    fn accuracy(&self, replica: usize, rung: Rung) -> (Option<f64>, Option<f64>) {
        let Some(cycle) = rung else {
            let summary = &self.replicas[replica];
            return (summary.accuracy_before, summary.validation_before);
        };
        let mut rows = self.rows.range((cycle, replica, 0)..(cycle, replica + 1, 0));
        rows.next().map_or((None, None), |(_, row)| {
            (row.accuracy_after_training, row.validation_after_training)
        })
    }
}
