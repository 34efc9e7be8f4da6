//! The replicas that train at once, and where their training is.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use rayclip_model::{Mlp, MlpShape};

use crate::batches::BatchOrder;
use crate::checkpoint::{Checkpoint, ChunkState, HostTensors, Place};
use crate::device::read;
use crate::evaluate::{Accuracy, Tested, accuracies, tested};
use crate::events::{CycleRow, Event, Observer};
use crate::images::Splits;
use crate::optimizer::Optimizer;
use crate::record::Record;
use crate::replica::{Replica, seeds};
use crate::run_dir::Kept;
use crate::streams::{Purpose, stream};
use crate::train::step;
use crate::{RunConfig, TrainerError};

/// Replicas that train at once.
pub(crate) struct Chunk<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) splits: &'a Splits,
    /// Those that have not diverged.
    pub(crate) replicas: Vec<Replica>,
    pub(crate) network: Mlp,
    pub(crate) optimizer: Optimizer,
    order: BatchOrder,
    /// First numbers of the live neurons, `[replica][layer][neuron]`.
    pub(crate) lineage: Vec<Vec<Vec<usize>>>,
    pub(crate) cycle: Cycle,
}

/// How far the training of a cycle is.
#[derive(Default)]
pub(crate) struct Cycle {
    /// Its number.
    pub(crate) number: usize,
    /// Batches that are done.
    done: usize,
    /// Sums of their losses, `[replica]`.
    loss_sums: Option<Tensor<1>>,
    /// Seconds that they took; from scratch, that all batches of the network took.
    pub(crate) seconds: f64,
}

// What tensors are named in a checkpoint: `network.layer_0.weight`, …
const NETWORK: &str = "network";
const MOMENTS_1: &str = "moment_1";
const MOMENTS_2: &str = "moment_2";
const LOSS_SUMS: &str = "loss_sums";

impl<'a> Chunk<'a> {
    /// Fresh networks of `shape`, one a replica.
    ///
    /// # Errors
    /// An extent of the shape is zero.
    pub(crate) fn start(
        config: &'a RunConfig,
        splits: &'a Splits,
        replicas: &[Replica],
        (shape, device): (&MlpShape, &Device),
    ) -> Result<Self, TrainerError> {
        let shape = MlpShape { replicas: replicas.len(), ..shape.clone() };
        let network = Mlp::init(&shape, device, |place, layer| {
            stream(replicas[place].seed, Purpose::Weights, [layer, 0])
        })?;
        let neurons = shape.hidden.iter().map(|m| (0..*m).collect()).collect();
        let lineage = vec![neurons; replicas.len()];
        Ok(Self::of(config, splits, replicas.to_vec(), network, lineage))
    }

    fn of(
        config: &'a RunConfig,
        splits: &'a Splits,
        replicas: Vec<Replica>,
        network: Mlp,
        lineage: Vec<Vec<Vec<usize>>>,
    ) -> Self {
        let training = &config.training;
        let images = splits.train.len();
        Self {
            config,
            splits,
            optimizer: Optimizer::new(training.learning_rate, network.layers.len()),
            order: BatchOrder::new(training.order, &seeds(&replicas), images, training.batch_size),
            network,
            lineage,
            replicas,
            cycle: Cycle::default(),
        }
    }

    /// The chunk that a checkpoint is of; the first networks of the run have the `shape`.
    ///
    /// # Errors
    /// The arrays are not those of such networks.
    pub(crate) fn restore(
        config: &'a RunConfig,
        splits: &'a Splits,
        (shape, device): (&MlpShape, &Device),
        Checkpoint { state, tensors, .. }: &Checkpoint,
    ) -> Result<Self, String> {
        let hidden = state.widths(config)?;
        let (Place { cycle: number, done, .. }, state) = (state.place, &state.chunk);
        let all = config.all_replicas();
        let replicas = state.replicas.iter().map(|number| all.get(*number).copied());
        let replicas = replicas.collect::<Option<Vec<_>>>().ok_or("it has other replicas")?;
        let shape = MlpShape { replicas: replicas.len(), hidden, ..shape.clone() };
        let named = |group: &str, name: &str, extents: [usize; 3]| {
            tensors.tensor(&format!("{group}.{name}"), extents, device)
        };
        let network = Mlp::from_named(&shape, |name, extents| named(NETWORK, name, extents))?;
        let moments = |name: &str, extents| -> Result<_, String> {
            Ok([named(MOMENTS_1, name, extents)?, named(MOMENTS_2, name, extents)?])
        };
        let mut chunk = Self::of(config, splits, replicas, network, state.lineage.clone());
        if let Some(steps) = state.steps {
            chunk.optimizer.restore(steps, &chunk.network, moments)?;
        }
        let sums = || tensors.tensor(LOSS_SUMS, [shape.replicas], device);
        let loss_sums = (done > 0).then(sums).transpose()?;
        chunk.cycle = Cycle { number, done, loss_sums, seconds: state.seconds };
        Ok(chunk)
    }

    /// What [`Chunk::restore`] makes the chunk of again.
    ///
    /// # Errors
    /// The device fails.
    fn save(&self) -> Result<(ChunkState, HostTensors), TrainerError> {
        let mut tensors = HostTensors::default();
        for (name, tensor) in self.network.named() {
            tensors.insert(format!("{NETWORK}.{name}"), tensor)?;
        }
        let moments = self.optimizer.moments();
        let steps = moments.as_ref().map(|(steps, _)| *steps);
        for (name, [first, second]) in moments.into_iter().flat_map(|(_, moments)| moments) {
            tensors.insert(format!("{MOMENTS_1}.{name}"), first)?;
            tensors.insert(format!("{MOMENTS_2}.{name}"), second)?;
        }
        if let Some(sums) = &self.cycle.loss_sums {
            tensors.insert(LOSS_SUMS.to_owned(), sums.clone())?;
        }
        let state = ChunkState {
            replicas: self.replicas.iter().map(|replica| replica.number).collect(),
            lineage: self.lineage.clone(),
            steps,
            seconds: self.cycle.seconds,
            joules: None,
        };
        Ok((state, tensors))
    }

    /// Takes a checkpoint.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn checkpoint(&self, record: &mut Record<'_>) -> Result<(), TrainerError> {
        let (state, tensors) = self.save()?;
        record.checkpoint((self.cycle.number, self.cycle.done), state, tensors)
    }

    /// Goes on to the next cycle; from scratch, seconds add up.
    pub(crate) fn next_cycle(&mut self, seconds: f64) {
        self.cycle = Cycle { number: self.cycle.number + 1, seconds, ..Cycle::default() };
    }

    /// Trains on the batches of the cycle that are left; the mean loss over the whole cycle of every replica
    /// that is left, or nothing if it was interrupted, or none is.
    ///
    /// # Errors
    /// The device fails, a checkpoint cannot be written, or a replica diverges that may not.
    pub(crate) fn train(
        &mut self,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Vec<f64>>, TrainerError> {
        let batches = self.config.training.batches_per_cycle;
        let widths = self.network.shape().hidden;
        let (number, first) = (self.cycle.number, self.cycle.done);
        let mut lap = Instant::now();
        while self.cycle.done < batches && !observer.interrupted() {
            self.step()?;
            record.watching(observer).notify(&Event::Batch { cycle: number, widths: &widths });
            if record.checkpoint_is_due() && self.cycle.done < batches {
                self.spent(&mut lap, record);
                self.checkpoint(record)?;
                lap = Instant::now();
            }
        }
        let sums = self.cycle.loss_sums.clone();
        let sums = sums.map(|sums| read(sums, "training")).transpose()?.unwrap_or_default();
        self.spent(&mut lap, record);
        if self.cycle.done > first {
            self.checkpoint(record)?;
        }
        let losses: Vec<f64> = sums.iter().map(|sum| sum / self.cycle.done as f64).collect();
        let finite = self.network.finite()?;
        let reason = |place: usize| match losses.get(place) {
            Some(loss) if !loss.is_finite() => Some(format!("the training loss is {loss}")),
            _ if !finite[place] => Some("a weight is not finite".to_owned()),
            _ => None,
        };
        let reasons: Vec<_> = (0..self.replicas.len()).map(reason).collect();
        let alive = self.freeze(reasons, record, observer)?;
        if self.cycle.done < batches || self.replicas.is_empty() {
            return Ok(None);
        }
        Ok(Some(alive.into_iter().map(|place| losses[place]).collect()))
    }

    /// Trains on the next batch of the cycle.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn step(&mut self) -> Result<(), TrainerError> {
        let training = &self.config.training;
        let Cycle { number, done, .. } = self.cycle;
        let images = self.order.batch(number, training.batches_per_cycle, done);
        let batch = self.splits.train.batch(&images);
        // Taken out, so that the step may work in its memory.
        let network = std::mem::replace(&mut self.network, Mlp { layers: vec![] });
        let (network, losses) = step(network, &mut self.optimizer, batch, training.loss)?;
        self.network = network;
        self.cycle.loss_sums = Some(match self.cycle.loss_sums.take() {
            Some(sums) => sums + losses,
            None => losses,
        });
        self.cycle.done += 1;
        Ok(())
    }

    /// Counts the seconds since the last lap.
    fn spent(&mut self, lap: &mut Instant, record: &mut Record<'_>) {
        let seconds = lap.elapsed().as_secs_f64();
        *lap = Instant::now();
        self.cycle.seconds += seconds;
        record.spent(seconds, 0.0);
    }

    /// Takes the replicas with a reason out of the chunk; the places of those that are left.
    ///
    /// Replicas share nothing but the tensors they lie in: the others go on as they would without.
    ///
    /// # Errors
    /// A replica diverged that may not.
    pub(crate) fn freeze(
        &mut self,
        reasons: Vec<Option<String>>,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<usize>, TrainerError> {
        let alive: Vec<usize> =
            (0..reasons.len()).filter(|place| reasons[*place].is_none()).collect();
        if alive.len() == reasons.len() {
            return Ok(alive);
        }
        let diverged = self.replicas.iter().zip(reasons);
        let diverged = diverged.filter_map(|(replica, reason)| Some((*replica, reason?)));
        record.diverged(self.cycle.number, diverged.collect(), observer)?;
        self.keep_replicas(&alive);
        Ok(alive)
    }

    /// Takes all replicas but those at the places `alive` out of the tensors.
    pub(crate) fn keep_replicas(&mut self, alive: &[usize]) {
        if alive.len() == self.replicas.len() {
            return;
        }
        self.replicas = alive.iter().map(|place| self.replicas[*place]).collect();
        self.lineage = alive.iter().map(|place| self.lineage[*place].clone()).collect();
        if !alive.is_empty() {
            self.network = self.network.keep_replicas(alive);
            self.optimizer.keep_replicas(alive);
            self.order.keep_replicas(alive);
        }
    }

    /// What is known of the replica at `place` after clip `cycle`, without the numbers of its training.
    pub(crate) fn row(&self, layer: usize, place: usize, after_clip: Accuracy) -> CycleRow {
        let (shape, replica) = (self.network.shape(), self.replicas[place]);
        let first = self.config.network.hidden[layer] as f64;
        CycleRow {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            cycle: self.cycle.number,
            layer,
            width_after: shape.hidden[layer],
            sparsity: 1.0 - shape.hidden[layer] as f64 / first,
            accuracy_after_clip: after_clip.test,
            validation_after_clip: after_clip.validation,
            parameters: shape.parameters(),
            ..CycleRow::default()
        }
    }

    /// The live neurons of every replica.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let kept = |(replica, layers): (&Replica, &Vec<Vec<usize>>)| Kept {
            replica: replica.number,
            method: replica.method,
            seed: replica.seed,
            layers: layers.clone(),
        };
        self.replicas.iter().zip(&self.lineage).map(kept).collect()
    }

    pub(crate) fn accuracies(&self) -> Result<Vec<Accuracy>, TrainerError> {
        accuracies(&self.network, self.splits, self.config)
    }

    /// With the predictions.
    pub(crate) fn tested(&self) -> Result<Tested, TrainerError> {
        tested(&self.network, self.splits, self.config)
    }
}
