//! The training of a cycle: one batch after another.

use rand::RngExt;
use rayclip_model::dropout_factors;
use rayclip_run_folder::Replica;
use rayclip_run_folder::config::ScheduleSpan;

use super::{Advance, Chunk, Cycle, LOST, Network, Phase};
use crate::data::Augmentation;
use crate::device::read;
use crate::error::TrainerError;
use crate::run::inputs::Inputs;
use crate::run::position::AfterCycle;
use crate::streams::{Purpose, stream};
use crate::train::{TrainStep, learning_rate, train_batch};

impl Chunk<'_> {
    pub(super) fn train(&mut self) -> Result<Advance, TrainerError> {
        self.phase = Phase::Train;
        if self.wants_batch() {
            self.train_batch()?;
            if !self.wants_batch() {
                // A GPU has only queued the batches so far. Reading the losses waits until they are done.
                self.losses()?;
            }
            return Ok(Advance::Batch);
        }
        let diverged = self.freeze_diverged()?;
        if !diverged.is_empty() {
            return Ok(Advance::Diverged(diverged));
        }
        match self.schedule.after_cycle(self.cycle.number) {
            AfterCycle::Train => {
                self.next_cycle();
                Ok(Advance::NextCycle)
            }
            AfterCycle::Measure { clip } => self.measure_scratch(clip),
            AfterCycle::Test { clip } => self.test(clip),
        }
    }

    /// Trains on the next batch of the cycle.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn train_batch(&mut self) -> Result<(), TrainerError> {
        let Inputs { config, splits, .. } = self.inputs;
        let images = self.order.batch(self.cycle.number, self.cycle.done);
        let number = self.cycle.number * config.training.batches_per_cycle + self.cycle.done;
        let batch = match Augmentation::of(&config.training) {
            None => splits.train.batch(&images),
            Some(augmentation) => {
                let changes = augmentation.draw(&self.replicas, number, images[0].len());
                splits.train.changed_batch(&images, &changes)
            }
        };
        let Network::Here(network) = std::mem::replace(&mut self.network, Network::Lost) else {
            return Err(TrainerError::fault(LOST));
        };
        let mut dropout = |node, probability, [_, rows, channels]: [usize; 3]| {
            let stream = |replica: &Replica| stream(replica.seed, Purpose::Dropout, [number, node]);
            let mut streams: Vec<_> = self.replicas.iter().map(stream).collect();
            let extents = [streams.len(), rows, channels];
            let uniform = |replica: usize| streams[replica].random();
            dropout_factors(extents, probability, uniform, self.inputs.device)
        };
        let mut step = TrainStep {
            loss: config.training.loss,
            label_smoothing: config.training.label_smoothing,
            learning_rate: self.learning_rate(),
            dropout: &mut dropout,
        };
        let (network, losses) = train_batch(network, &mut self.optimizer, batch, &mut step)?;
        self.network = Network::Here(network);
        self.cycle.loss_sums = Some(match self.cycle.loss_sums.take() {
            Some(sums) => sums + losses,
            None => losses,
        });
        self.cycle.done += 1;
        Ok(())
    }

    /// Returns the learning rate of the next batch.
    fn learning_rate(&self) -> f64 {
        let training = &self.inputs.config.training;
        let (of_cycle, Cycle { number, done, .. }) = (training.batches_per_cycle, &self.cycle);
        match training.schedule_over {
            ScheduleSpan::Cycle => learning_rate(training, *done, of_cycle),
            ScheduleSpan::Run => {
                let cycles = self.schedule.cycles(self.inputs.rungs.after().len());
                learning_rate(training, number * of_cycle + done, cycles * of_cycle)
            }
        }
    }

    /// Returns the mean loss of every replica over the batches of the cycle so far.
    pub(super) fn losses(&self) -> Result<Vec<f64>, TrainerError> {
        let sums = self.cycle.loss_sums.clone();
        let sums = sums.ok_or_else(|| TrainerError::fault("the cycle has no batch yet"))?;
        let sums = read(sums, "training")?;
        Ok(sums.iter().map(|sum| sum / self.cycle.done as f64).collect())
    }
}
