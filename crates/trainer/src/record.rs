//! What a run has shown so far, and its way into the run folder.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_model::{Description, Mlp};

use crate::evaluate::Accuracy;
use crate::events::{DataSummary, Event, Observer, ReplicaSummary};
use crate::replica::Replica;
use crate::run_dir::Kept;
use crate::{CycleRow, Divergence, Outcome, RunConfig, RunDir, Summary, TrainerError};

/// Rows, kept neurons, networks and ends of all replicas, whatever chunk they trained in.
pub(crate) struct Record<'a> {
    config: &'a RunConfig,
    folder: &'a RunDir,
    /// Without the number of replicas.
    description: Description,
    /// By cycle, replica, layer.
    rows: BTreeMap<(usize, usize, usize), CycleRow>,
    /// By cycle and replica.
    kept: BTreeMap<(usize, usize), Kept>,
    replicas: Vec<ReplicaSummary>,
    /// Networks that got to the end of the ladder, with the numbers of their replicas.
    finished: Vec<(Vec<usize>, Mlp)>,
    /// Those of a chunk that did not; kept until one does.
    unfinished: Option<Mlp>,
    train_seconds: f64,
    compress_seconds: f64,
}

impl<'a> Record<'a> {
    pub(crate) fn new(config: &'a RunConfig, folder: &'a RunDir, description: Description) -> Self {
        let summary = |replica: &Replica| ReplicaSummary {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            outcome: Outcome::Interrupted,
            divergence: None,
            accuracy_before: None,
            accuracy_after: None,
            network: None,
        };
        Self {
            config,
            folder,
            description,
            rows: BTreeMap::new(),
            kept: BTreeMap::new(),
            replicas: config.all_replicas().iter().map(summary).collect(),
            finished: vec![],
            unfinished: None,
            train_seconds: 0.0,
            compress_seconds: 0.0,
        }
    }

    /// Counts the seconds of a cycle.
    pub(crate) fn spent(&mut self, train_seconds: f64, compress_seconds: f64) {
        self.train_seconds += train_seconds;
        self.compress_seconds += compress_seconds;
    }

    /// Adds the rows of a clip, and writes them.
    pub(crate) fn clip(&mut self, rows: Vec<CycleRow>) -> Result<(), TrainerError> {
        self.rows.extend(rows.into_iter().map(|row| ((row.cycle, row.replica, row.layer), row)));
        self.write_rows()
    }

    /// Adds the live neurons of replicas after a clip, and writes those of all replicas.
    pub(crate) fn kept(&mut self, cycle: usize, kept: Vec<Kept>) -> Result<(), TrainerError> {
        self.kept.extend(kept.into_iter().map(|kept| ((cycle, kept.replica), kept)));
        let of_cycle = self.kept.range((cycle, 0)..(cycle + 1, 0)).map(|(_, kept)| kept);
        self.folder.write_kept(cycle, &of_cycle.collect::<Vec<_>>())
    }

    /// Adds what the training after clip `cycle` gave, one accuracy a replica, and hands out the rows
    /// of the clip; the run ended before where there is none.
    pub(crate) fn after_training(
        &mut self,
        (cycle, widths): (usize, &[usize]),
        replicas: &[Replica],
        accuracies: Option<&[Accuracy]>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainerError> {
        let mut complete = Vec::new();
        for (place, replica) in replicas.iter().enumerate() {
            let range = (cycle, replica.number, 0)..(cycle, replica.number + 1, 0);
            for (_, row) in self.rows.range_mut(range) {
                let accuracy = accuracies.map(|accuracies| &accuracies[place]);
                row.accuracy_after_training = accuracy.map(|accuracy| accuracy.test);
                row.validation_after_training = accuracy.and_then(|accuracy| accuracy.validation);
                complete.push(row.clone());
            }
        }
        if complete.is_empty() {
            return Ok(());
        }
        observer.notify(&Event::Cycle { rows: &complete, widths });
        self.write_rows()
    }

    fn write_rows(&self) -> Result<(), TrainerError> {
        self.folder.write_cycles(&self.rows.values().collect::<Vec<_>>())
    }

    /// The accuracies before the first clip.
    pub(crate) fn before(&mut self, replicas: &[Replica], accuracies: &[Accuracy]) {
        for (replica, accuracy) in replicas.iter().zip(accuracies) {
            self.replicas[replica.number].accuracy_before = Some(accuracy.test);
        }
    }

    /// Freezes a replica.
    pub(crate) fn diverged(
        &mut self,
        replica: Replica,
        cycle: usize,
        reason: String,
        observer: &mut dyn Observer,
    ) {
        let divergence = Divergence {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            cycle,
            reason,
        };
        observer.notify(&Event::Diverged(&divergence));
        let summary = &mut self.replicas[replica.number];
        summary.outcome = Outcome::Diverged;
        summary.divergence = Some(divergence);
    }

    /// Takes the network of replicas at the end of their ladder.
    pub(crate) fn finished(&mut self, replicas: &[Replica], network: Mlp, accuracies: &[Accuracy]) {
        for (replica, accuracy) in replicas.iter().zip(accuracies) {
            self.replicas[replica.number].accuracy_after = Some(accuracy.test);
        }
        self.done(replicas);
        self.finished.push((replicas.iter().map(|replica| replica.number).collect(), network));
        // Their order in the file is that of their numbers, whatever chunk they trained in.
        let order = self.finished.iter().flat_map(|(numbers, _)| numbers.clone());
        let order: BTreeSet<usize> = order.collect();
        for summary in &mut self.replicas {
            summary.network = order.iter().position(|number| *number == summary.replica);
        }
    }

    /// Whether a replica has diverged.
    pub(crate) fn is_frozen(&self, replica: Replica) -> bool {
        self.replicas[replica.number].outcome == Outcome::Diverged
    }

    /// Marks replicas that have done all that was asked of them.
    pub(crate) fn done(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            self.replicas[replica.number].outcome = Outcome::Finished;
        }
    }

    /// Takes the network of replicas that were interrupted; it is written if no other is finished.
    pub(crate) fn unfinished(&mut self, replicas: &[Replica], network: Mlp) {
        for (place, replica) in replicas.iter().enumerate() {
            self.replicas[replica.number].network = self.finished.is_empty().then_some(place);
        }
        self.unfinished = Some(network);
    }

    /// Marks the replicas that an error kept from their end.
    pub(crate) fn failed(&mut self) {
        for replica in &mut self.replicas {
            if replica.outcome == Outcome::Interrupted {
                replica.outcome = Outcome::Failed;
            }
        }
    }

    /// The first divergence, if no replica is left.
    pub(crate) fn all_diverged(&self) -> Option<Divergence> {
        let all = self.replicas.iter().all(|replica| replica.outcome == Outcome::Diverged);
        self.replicas.first().filter(|_| all)?.divergence.clone()
    }

    /// Writes the networks; nothing where every replica diverged.
    pub(crate) fn write_network(&self) -> Result<(), TrainerError> {
        let network = match (self.finished.as_slice(), &self.unfinished) {
            ([], None) => return Ok(()),
            ([], Some(network)) => network.clone(),
            (finished, _) => {
                let (numbers, networks): (Vec<_>, Vec<_>) = finished.iter().cloned().unzip();
                let numbers: Vec<usize> = numbers.concat();
                let mut order: Vec<usize> = (0..numbers.len()).collect();
                order.sort_by_key(|place| numbers[*place]);
                Mlp::cat(&networks).keep_replicas(&order)
            }
        };
        let description = Description { shape: network.shape(), ..self.description.clone() };
        self.folder.write_network(&network, &description)
    }

    /// The summary, with `outcome` and `error` still to be filled in.
    pub(crate) fn summary(&self, device: &str, data: DataSummary) -> Summary {
        let before = self.description.shape.clone();
        let network =
            self.finished.first().map(|(_, network)| network).or(self.unfinished.as_ref());
        let after = network.map_or(before.clone(), Mlp::shape);
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Failed,
            error: None,
            device: device.to_owned(),
            clips: self.rows.keys().map(|(cycle, ..)| cycle + 1).max().unwrap_or(0),
            data,
            widths_before: self.config.network.hidden.clone(),
            parameters_before: before.parameters(),
            parameters_after: after.parameters(),
            widths: after.hidden,
            replicas: self.replicas.clone(),
            train_seconds: self.train_seconds,
            compress_seconds: self.compress_seconds,
            seconds: 0.0,
        }
    }
}
