//! What a run has shown so far, and its way into the run folder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rayclip_model::{Description, Mlp};

use crate::checkpoint::{Checkpoints, Place};
use crate::energy::EnergyMeter;
use crate::evaluate::Accuracy;
use crate::events::{DataSummary, Event, Observer, Progress, ReplicaSummary, TimingRow};
use crate::networks::Keeping;
use crate::replica::Replica;
use crate::run::{Conduct, OnDivergence};
use crate::run_dir::{Kept, LayerRays};
use crate::{Backend, CycleRow, Divergence, Outcome, RunConfig, RunDir, TrainerError};

mod progress;
mod rungs;
mod saved;

/// Rows, kept neurons, networks and ends of all replicas, whatever chunk they trained in.
pub(crate) struct Record<'a> {
    config: &'a RunConfig,
    folder: &'a RunDir,
    /// Without the number of replicas.
    description: Description,
    /// By cycle, replica, layer.
    rows: BTreeMap<(usize, usize, usize), CycleRow>,
    /// By cycle and replica.
    timings: BTreeMap<(usize, usize), TimingRow>,
    /// By cycle and replica.
    kept: BTreeMap<(usize, usize), Kept>,
    /// By cycle, replica, layer.
    rays: BTreeMap<(usize, usize, usize), LayerRays>,
    replicas: Vec<ReplicaSummary>,
    /// Networks that got to the end of the ladder, with the numbers of their replicas.
    finished: Vec<(Vec<usize>, Mlp)>,
    /// Those of a chunk that did not; kept until one does.
    unfinished: Option<Mlp>,
    /// Backend and adapter.
    device: String,
    data: DataSummary,
    /// How far the run is; of what it took, seconds and joules of this process come on top.
    progress: Progress,
    began: Instant,
    /// When the progress was last written.
    heard: Instant,
    energy: EnergyMeter,
    /// Joules that the process before took since its last clip.
    joules_before: Option<f64>,
    checkpoints: Checkpoints,
    /// Where the run is; cycle and batch the chunk knows.
    place: Place,
    /// Replica numbers of all chunks, those that are clipped and those that train from scratch.
    chunks: [Vec<Vec<usize>>; 2],
    on_divergence: OnDivergence,
    /// Which networks of the rungs belong into the folder.
    keeping: Keeping,
}

impl<'a> Record<'a> {
    pub(crate) fn new(
        config: &'a RunConfig,
        folder: &'a RunDir,
        description: Description,
        backend: Backend<'_>,
        conduct: Conduct,
        data: DataSummary,
    ) -> Self {
        let summary = |replica: &Replica| ReplicaSummary {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            outcome: Outcome::Running,
            divergence: None,
            accuracy_before: None,
            validation_before: None,
            accuracy_after: None,
            network: None,
        };
        let (keeping, _) = Keeping::resolve(conduct.keep_networks, config, &description.shape);
        Self {
            config,
            folder,
            description,
            rows: BTreeMap::new(),
            timings: BTreeMap::new(),
            kept: BTreeMap::new(),
            rays: BTreeMap::new(),
            replicas: config.all_replicas().iter().map(summary).collect(),
            finished: vec![],
            unfinished: None,
            device: backend.name.to_owned(),
            progress: Progress {
                widths: config.network.hidden.clone(),
                data_folder: data.folder.clone(),
                ..Progress::default()
            },
            data,
            began: Instant::now(),
            heard: Instant::now(),
            energy: EnergyMeter::start(backend.device),
            joules_before: None,
            checkpoints: folder.checkpoints(conduct.checkpoints),
            place: Place::default(),
            chunks: Default::default(),
            on_divergence: conduct.on_divergence,
            keeping,
        }
    }

    /// Makes the folder hold what is recorded, and say that the run goes on, in these chunks, with so many
    /// batches.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn started(
        &mut self,
        batches: usize,
        chunks: [Vec<Vec<usize>>; 2],
    ) -> Result<(), TrainerError> {
        (self.progress.batches, self.chunks) = (batches, chunks);
        self.write_all()?;
        let summary = self.summary();
        self.folder.write_progress(&summary.progress)?;
        self.folder.write_summary(&summary)
    }

    /// Makes the folder hold what is recorded, and no clip beyond.
    fn write_all(&self) -> Result<(), TrainerError> {
        self.folder.clear_clips()?;
        self.clear_rungs()?;
        let cycles: BTreeSet<usize> = self.kept.keys().map(|(cycle, _)| *cycle).collect();
        for cycle in cycles {
            self.write_kept(cycle)?;
        }
        let cycles: BTreeSet<usize> = self.rays.keys().map(|(cycle, ..)| *cycle).collect();
        for cycle in cycles {
            self.write_rays(cycle)?;
        }
        self.write_timings()?;
        self.write_rows()
    }

    /// Says where the run is.
    pub(crate) fn enter(&mut self, place: Place) {
        self.place = place;
    }

    /// Counts a batch; whether a checkpoint is due.
    pub(crate) fn checkpoint_is_due(&mut self) -> bool {
        self.checkpoints.due_after_batch()
    }

    /// Joules since this was last asked.
    pub(crate) fn joules(&mut self) -> Option<f64> {
        Some(self.energy.lap()? + self.joules_before.take().unwrap_or(0.0))
    }

    /// Counts the seconds of a cycle.
    pub(crate) fn spent(&mut self, train_seconds: f64, compress_seconds: f64) {
        self.progress.train_seconds += train_seconds;
        self.progress.compress_seconds += compress_seconds;
    }

    /// Adds the rows of a clip and what it took every replica, and writes them.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn clip(
        &mut self,
        rows: Vec<CycleRow>,
        timings: Vec<TimingRow>,
    ) -> Result<(), TrainerError> {
        self.timings.extend(timings.into_iter().map(|row| ((row.cycle, row.replica), row)));
        self.rows.extend(rows.into_iter().map(|row| ((row.cycle, row.replica, row.layer), row)));
        self.write_timings()?;
        self.write_rows()
    }

    fn write_timings(&self) -> Result<(), TrainerError> {
        self.folder.write_timings(&self.timings.values().collect::<Vec<_>>())
    }

    /// Adds the live neurons of replicas after a clip, and writes those of all replicas.
    pub(crate) fn kept(&mut self, cycle: usize, kept: Vec<Kept>) -> Result<(), TrainerError> {
        self.kept.extend(kept.into_iter().map(|kept| ((cycle, kept.replica), kept)));
        self.write_kept(cycle)
    }

    fn write_kept(&self, cycle: usize) -> Result<(), TrainerError> {
        let of_cycle = self.kept.range((cycle, 0)..(cycle + 1, 0)).map(|(_, kept)| kept);
        self.folder.write_kept(cycle, &of_cycle.collect::<Vec<_>>())
    }

    /// Adds the rays of a clip, and writes those of all replicas.
    pub(crate) fn rays(&mut self, cycle: usize, rays: Vec<LayerRays>) -> Result<(), TrainerError> {
        if rays.is_empty() {
            return Ok(());
        }
        self.rays.extend(rays.into_iter().map(|rays| ((cycle, rays.replica, rays.layer), rays)));
        self.write_rays(cycle)
    }

    fn write_rays(&self, cycle: usize) -> Result<(), TrainerError> {
        let of_cycle = self.rays.range((cycle, 0, 0)..(cycle + 1, 0, 0)).map(|(_, rays)| rays);
        self.folder.write_rays(cycle, &of_cycle.collect::<Vec<_>>())
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
        // Whoever is told may read the folder.
        self.write_rows()?;
        let of_rows =
            replicas.iter().filter_map(|replica| self.timings.get(&(cycle, replica.number)));
        let timings: Vec<TimingRow> = of_rows.cloned().collect();
        observer.notify(&Event::Cycle { rows: &complete, timings: &timings, widths });
        Ok(())
    }

    fn write_rows(&self) -> Result<(), TrainerError> {
        self.folder.write_cycles(&self.rows.values().collect::<Vec<_>>())
    }

    /// The accuracies before the first clip.
    pub(crate) fn before(&mut self, replicas: &[Replica], accuracies: &[Accuracy]) {
        for (replica, accuracy) in replicas.iter().zip(accuracies) {
            let summary = &mut self.replicas[replica.number];
            summary.accuracy_before = Some(accuracy.test);
            summary.validation_before = accuracy.validation;
        }
    }

    /// Freezes replicas, each for its reason.
    ///
    /// # Errors
    /// That was to end the run.
    pub(crate) fn diverged(
        &mut self,
        cycle: usize,
        replicas: Vec<(Replica, String)>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainerError> {
        let mut divergences = vec![];
        for (Replica { number, method, seed, .. }, reason) in replicas {
            let divergence =
                Divergence { replica: number, method: method.to_string(), seed, cycle, reason };
            let summary = &mut self.replicas[number];
            summary.outcome = Outcome::Diverged;
            summary.divergence = Some(divergence.clone());
            if self.on_divergence == OnDivergence::Stop {
                return Err(TrainerError::Diverged(divergence));
            }
            divergences.push(divergence);
        }
        let left = self.replicas.iter().filter(|summary| summary.outcome != Outcome::Diverged);
        let (left, replicas) = (left.count(), self.replicas.len());
        for divergence in &divergences {
            observer.notify(&Event::Diverged { divergence, left, replicas });
        }
        Ok(())
    }

    /// Takes the network of replicas at the end of their ladder.
    pub(crate) fn finished(&mut self, replicas: &[Replica], network: Mlp, accuracies: &[Accuracy]) {
        for (replica, accuracy) in replicas.iter().zip(accuracies) {
            self.replicas[replica.number].accuracy_after = Some(accuracy.test);
        }
        self.done(replicas);
        self.finished.push((replicas.iter().map(|replica| replica.number).collect(), network));
        self.number_networks();
    }

    fn number_networks(&mut self) {
        // Their order in the file is that of their numbers, whatever chunk they trained in.
        let order = self.finished.iter().flat_map(|(numbers, _)| numbers.clone());
        let order: BTreeSet<usize> = order.collect();
        for summary in &mut self.replicas {
            summary.network = order.iter().position(|number| *number == summary.replica);
        }
    }

    /// Whether a replica has diverged, or has stopped.
    pub(crate) fn is_frozen(&self, replica: Replica) -> bool {
        matches!(self.replicas[replica.number].outcome, Outcome::Diverged | Outcome::Stopped)
    }

    /// Marks replicas that have done all that was asked of them.
    pub(crate) fn done(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            if !self.is_frozen(*replica) {
                self.replicas[replica.number].outcome = Outcome::Finished;
            }
        }
    }

    /// Takes the network of replicas that were interrupted; it is written if no other is finished.
    pub(crate) fn unfinished(&mut self, replicas: &[Replica], network: Mlp) {
        for (place, replica) in replicas.iter().enumerate() {
            self.replicas[replica.number].network = self.finished.is_empty().then_some(place);
        }
        self.unfinished = Some(network);
    }

    /// Marks the replicas that something kept from their end.
    pub(crate) fn ended(&mut self, outcome: Outcome) {
        for replica in &mut self.replicas {
            if replica.outcome == Outcome::Running {
                replica.outcome = outcome;
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
}
