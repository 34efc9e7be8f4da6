//! What a run has shown so far, and its way into the run folder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use burn::tensor::Device;
use rayclip_model::{Description, Mlp, MlpShape};

use crate::checkpoint::{
    Checkpoint, Checkpoints, ChunkState, HostTensors, Place, ReplicaState, State,
};
use crate::energy::{Energy, EnergyMeter};
use crate::evaluate::Accuracy;
use crate::events::{DataSummary, Event, Observer, Progress, ReplicaSummary, TimingRow};
use crate::rays::Rays;
use crate::replica::Replica;
use crate::run::{Conduct, OnDivergence};
use crate::run_dir::{Kept, LayerRays};
use crate::{Backend, CycleRow, Divergence, Outcome, RunConfig, RunDir, Summary, TrainerError};

/// While batches are trained on, the progress is written this often.
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
}

/// Measurements and rays of all layers, one after the other, in a checkpoint.
const RAYS: &str = "rays";

/// Accuracies before and after, `[replica]`; NaN for none.
const ACCURACIES: [&str; 2] = ["accuracy_before", "accuracy_after"];

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
            accuracy_after: None,
            network: None,
        };
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
            data,
            progress: Progress { widths: config.network.hidden.clone(), ..Progress::default() },
            began: Instant::now(),
            heard: Instant::now(),
            energy: EnergyMeter::start(backend.device),
            joules_before: None,
            checkpoints: folder.checkpoints(conduct.checkpoints),
            place: Place::default(),
            chunks: Default::default(),
            on_divergence: conduct.on_divergence,
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

    /// Goes on from a checkpoint. Networks at the end of the ladder are of the `last` shape.
    ///
    /// # Errors
    /// An array is missing or another.
    pub(crate) fn restore(
        &mut self,
        checkpoint: &Checkpoint,
        (last, device): (&MlpShape, &Device),
    ) -> Result<(), String> {
        let Checkpoint { state, rows, timings, tensors } = checkpoint;
        let [before, after] = [tensors.vector(ACCURACIES[0])?, tensors.vector(ACCURACIES[1])?];
        if [before.len(), after.len()] != [self.replicas.len(); 2] {
            return Err("there is not one accuracy a replica".into());
        }
        for (place, (summary, replica)) in self.replicas.iter_mut().zip(&state.replicas).enumerate()
        {
            let accuracy = |value: f64| (!value.is_nan()).then_some(value);
            (summary.outcome, summary.divergence) = (replica.outcome, replica.divergence.clone());
            summary.accuracy_before = accuracy(before[place]);
            summary.accuracy_after = accuracy(after[place]);
        }
        for (group, numbers) in state.finished.iter().enumerate() {
            let shape = MlpShape { replicas: numbers.len(), ..last.clone() };
            let network = Mlp::from_named(&shape, |name, extents| {
                tensors.tensor(&format!("finished_{group}.{name}"), extents, device)
            })?;
            self.finished.push((numbers.clone(), network));
        }
        self.number_networks();
        let mut rest = tensors.vector(RAYS)?;
        for &(cycle, replica, layer, [n, m]) in &state.rays {
            let mut vector = |length| {
                let (vector, others) = rest.split_at_checked(length).ok_or("rays are missing")?;
                rest = others;
                Ok::<_, String>(vector.to_vec())
            };
            let rays = Rays { y: [vector(n)?, vector(n)?], x: [vector(m)?, vector(m)?] };
            self.rays.insert((cycle, replica, layer), LayerRays { replica, layer, rays });
        }
        let rows = rows.iter().map(|row| ((row.cycle, row.replica, row.layer), row.clone()));
        self.rows = rows.collect();
        self.timings = timings.iter().map(|row| ((row.cycle, row.replica), row.clone())).collect();
        let kept = state.kept.iter().map(|(cycle, kept)| ((*cycle, kept.replica), kept.clone()));
        self.kept = kept.collect();
        self.joules_before = state.chunk.joules;
        self.progress = Progress {
            cycle: state.place.cycle,
            widths: state.widths(self.config)?,
            batches_done: state.batches_done,
            resumed: state.resumed + 1,
            train_seconds: state.train_seconds,
            compress_seconds: state.compress_seconds,
            seconds: state.seconds,
            energy: Some(Energy { joules: state.joules, sources: vec![] }),
            ..std::mem::take(&mut self.progress)
        };
        Ok(())
    }

    /// Makes the folder hold what is recorded, and no clip beyond.
    fn write_all(&self) -> Result<(), TrainerError> {
        self.folder.clear_clips()?;
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

    /// Takes a checkpoint of a chunk after batch `done` of a cycle, and of all that was shown so far.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn checkpoint(
        &mut self,
        (cycle, done): (usize, usize),
        chunk: ChunkState,
        mut tensors: HostTensors,
    ) -> Result<(), TrainerError> {
        let accuracies = |of: fn(&ReplicaSummary) -> Option<f64>| {
            self.replicas.iter().map(|replica| of(replica).unwrap_or(f64::NAN)).collect()
        };
        let [before, after] = ACCURACIES.map(str::to_owned);
        tensors.insert_vector(before, accuracies(|replica| replica.accuracy_before));
        tensors.insert_vector(after, accuracies(|replica| replica.accuracy_after));
        let of_layer =
            |rays: &LayerRays| rays.rays.y.iter().chain(&rays.rays.x).flatten().copied().collect();
        let rays: Vec<Vec<f64>> = self.rays.values().map(of_layer).collect();
        tensors.insert_vector(RAYS.to_owned(), rays.concat());
        let lengths = |rays: &Rays| [rays.y[0].len(), rays.x[0].len()];
        let rays = self.rays.iter().map(|(&(cycle, replica, layer), of_layer)| {
            (cycle, replica, layer, lengths(&of_layer.rays))
        });
        let rays = rays.collect();
        for (group, (_, network)) in self.finished.iter().enumerate() {
            for (name, tensor) in network.named() {
                tensors.insert(format!("finished_{group}.{name}"), tensor)?;
            }
        }
        let replica = |summary: &ReplicaSummary| ReplicaState {
            outcome: summary.outcome,
            divergence: summary.divergence.clone(),
        };
        let [clipped, scratch] = self.chunks.clone();
        let joules =
            self.energy.since_lap().map(|joules| joules + self.joules_before.unwrap_or(0.0));
        let progress = self.progress();
        let state = State {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            device: self.device.clone(),
            data: self.data.digest.clone(),
            clipped,
            scratch,
            place: Place { cycle, done, ..self.place },
            chunk: ChunkState { joules, ..chunk },
            replicas: self.replicas.iter().map(replica).collect(),
            kept: self.kept.iter().map(|((cycle, _), kept)| (*cycle, kept.clone())).collect(),
            rays,
            finished: self.finished.iter().map(|(numbers, _)| numbers.clone()).collect(),
            batches_done: progress.batches_done,
            resumed: progress.resumed,
            train_seconds: progress.train_seconds,
            compress_seconds: progress.compress_seconds,
            seconds: progress.seconds,
            joules: progress.energy.map_or(0.0, |energy| energy.joules),
        };
        let rows = self.rows.values().cloned().collect();
        let timings = self.timings.values().cloned().collect();
        self.checkpoints.save(&Checkpoint { state, rows, timings, tensors })
    }

    /// The observer, and this record kept up to date by what it is told.
    pub(crate) fn watching<'r>(&'r mut self, observer: &'r mut dyn Observer) -> Watching<'r, 'a> {
        Watching { record: self, observer }
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
        timing: &TimingRow,
    ) -> Result<(), TrainerError> {
        for CycleRow { cycle, replica, .. } in &rows {
            let timing = TimingRow { replica: *replica, ..timing.clone() };
            self.timings.insert((*cycle, *replica), timing);
        }
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
            self.replicas[replica.number].accuracy_before = Some(accuracy.test);
        }
    }

    /// Freezes a replica.
    ///
    /// # Errors
    /// That was to end the run.
    pub(crate) fn diverged(
        &mut self,
        replica: Replica,
        cycle: usize,
        reason: String,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainerError> {
        let divergence = Divergence {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            cycle,
            reason,
        };
        let summary = &mut self.replicas[replica.number];
        summary.outcome = Outcome::Diverged;
        summary.divergence = Some(divergence.clone());
        match self.on_divergence {
            OnDivergence::Stop => Err(TrainerError::Diverged(divergence)),
            OnDivergence::Freeze => {
                observer.notify(&Event::Diverged(&divergence));
                Ok(())
            }
        }
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

    /// Whether a replica has diverged.
    pub(crate) fn is_frozen(&self, replica: Replica) -> bool {
        self.replicas[replica.number].outcome == Outcome::Diverged
    }

    /// Marks replicas that have done all that was asked of them.
    pub(crate) fn done(&mut self, replicas: &[Replica]) {
        for replica in
            replicas.iter().filter(|replica| !self.is_frozen(**replica)).collect::<Vec<_>>()
        {
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

    /// How far the run is, and what it took.
    fn progress(&mut self) -> Progress {
        // A clock that is before 1970 says nothing.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = self.progress.energy.as_ref().map_or(0.0, |energy| energy.joules);
        let energy = self.energy.energy();
        Progress {
            updated: now.as_secs_f64(),
            seconds: self.progress.seconds + self.began.elapsed().as_secs_f64(),
            energy: energy.map(|energy| Energy { joules: energy.joules + before, ..energy }),
            ..self.progress.clone()
        }
    }

    /// The summary of a run that is not at its end.
    pub(crate) fn summary(&mut self) -> Summary {
        let before = self.description.shape.clone();
        let network =
            self.finished.first().map(|(_, network)| network).or(self.unfinished.as_ref());
        let after = network.map_or(before.clone(), Mlp::shape);
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Running,
            error: None,
            progress: self.progress(),
            device: self.device.clone(),
            clips: self.rows.keys().map(|(cycle, ..)| cycle + 1).max().unwrap_or(0),
            data: self.data.clone(),
            widths_before: self.config.network.hidden.clone(),
            parameters_before: before.parameters(),
            parameters_after: after.parameters(),
            widths: after.hidden,
            replicas: self.replicas.clone(),
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
                let progress = record.progress();
                // A disk that is full refuses the next checkpoint too, and that ends the run.
                let _refused = record.folder.write_progress(&progress);
                record.heard = Instant::now();
            }
        }
        self.observer.notify(event);
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
