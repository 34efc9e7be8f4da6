//! What a run has shown so far, and its way into the run folder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use rayclip_model::{Description, Mlp};

use crate::energy::EnergyMeter;
use crate::evaluate::Accuracy;
use crate::events::{DataSummary, Event, Observer, Progress, ReplicaSummary};
use crate::replica::Replica;
use crate::run_dir::{Kept, LayerRays};
use crate::{Backend, CycleRow, Divergence, Outcome, RunConfig, RunDir, Summary, TrainerError};

/// While batches are trained on, the summary is written this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

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
    /// By cycle, replica, layer.
    rays: BTreeMap<(usize, usize, usize), LayerRays>,
    replicas: Vec<ReplicaSummary>,
    /// Networks that got to the end of the ladder, with the numbers of their replicas.
    finished: Vec<(Vec<usize>, Mlp)>,
    /// Those of a chunk that did not; kept until one does.
    unfinished: Option<Mlp>,
    train_seconds: f64,
    compress_seconds: f64,
    /// Backend and adapter.
    device: String,
    data: DataSummary,
    progress: Progress,
    began: Instant,
    /// When the summary was last written.
    heard: Instant,
    energy: EnergyMeter,
}

impl<'a> Record<'a> {
    pub(crate) fn new(
        config: &'a RunConfig,
        folder: &'a RunDir,
        description: Description,
        backend: Backend<'_>,
        data: DataSummary,
    ) -> Self {
        let summary = |replica: &Replica| ReplicaSummary {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            outcome: Outcome::Running,
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
            rays: BTreeMap::new(),
            replicas: config.all_replicas().iter().map(summary).collect(),
            finished: vec![],
            unfinished: None,
            train_seconds: 0.0,
            compress_seconds: 0.0,
            device: backend.name.to_owned(),
            data,
            progress: Progress { widths: config.network.hidden.clone(), ..Progress::default() },
            began: Instant::now(),
            heard: Instant::now(),
            energy: EnergyMeter::start(backend.device),
        }
    }

    /// Says in the folder that the run goes on, and how many batches it has.
    pub(crate) fn started(&mut self, batches: usize) -> Result<(), TrainerError> {
        self.progress.batches = batches;
        self.folder.write_summary(&self.summary())
    }

    /// The observer, and this record kept up to date by what it is told.
    pub(crate) fn watching<'r>(&'r mut self, observer: &'r mut dyn Observer) -> Watching<'r, 'a> {
        Watching { record: self, observer }
    }

    /// Joules since this was last asked.
    pub(crate) fn joules(&mut self) -> Option<f64> {
        self.energy.lap()
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

    /// Adds the rays of a clip, and writes those of all replicas.
    pub(crate) fn rays(&mut self, cycle: usize, rays: Vec<LayerRays>) -> Result<(), TrainerError> {
        if rays.is_empty() {
            return Ok(());
        }
        self.rays.extend(rays.into_iter().map(|rays| ((cycle, rays.replica, rays.layer), rays)));
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
        observer.notify(&Event::Cycle { rows: &complete, widths });
        Ok(())
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

    /// The summary of a run that is not at its end.
    pub(crate) fn summary(&mut self) -> Summary {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.progress.updated = now.as_secs_f64();
        let before = self.description.shape.clone();
        let network =
            self.finished.first().map(|(_, network)| network).or(self.unfinished.as_ref());
        let after = network.map_or(before.clone(), Mlp::shape);
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Running,
            error: None,
            progress: self.progress.clone(),
            device: self.device.clone(),
            clips: self.rows.keys().map(|(cycle, ..)| cycle + 1).max().unwrap_or(0),
            data: self.data.clone(),
            widths_before: self.config.network.hidden.clone(),
            parameters_before: before.parameters(),
            parameters_after: after.parameters(),
            widths: after.hidden,
            replicas: self.replicas.clone(),
            train_seconds: self.train_seconds,
            compress_seconds: self.compress_seconds,
            seconds: self.began.elapsed().as_secs_f64(),
            energy: self.energy.energy(),
        }
    }
}

/// An observer whose run is recorded.
pub(crate) struct Watching<'r, 'a> {
    record: &'r mut Record<'a>,
    observer: &'r mut dyn Observer,
}

impl Observer for Watching<'_, '_> {
    fn notify(&mut self, event: &Event<'_>) {
        if let Event::Batch { cycle, widths } = event {
            let record = &mut *self.record;
            let progress = &mut record.progress;
            (progress.cycle, progress.widths) = (*cycle, widths.to_vec());
            progress.batches_done += 1;
            if record.heard.elapsed() > HEARTBEAT {
                let summary = record.summary();
                // A disk that is full refuses the rows of the next clip too, and that ends the run.
                let _refused = record.folder.write_summary(&summary);
                record.heard = Instant::now();
            }
        }
        self.observer.notify(event);
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
