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
use crate::run::position::{AfterCycle, TrainingSchedule};
use crate::streams::{Purpose, stream};
use crate::train::{Distillation, TrainStep, before_schedule, learning_rate, train_batch};

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
        if let TrainingSchedule::Scratch { clip, .. } = self.schedule
            && self.schedule.trains_teacher(self.cycle.number)
        {
            self.begin_from_teacher(clip)?;
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
        let number = self.batches_before(self.cycle.number)? + self.cycle.done;
        let batch = match Augmentation::of(&config.training) {
            None => splits.train.batch(&images)?,
            Some(augmentation) => {
                let changes = augmentation.draw(self.trainees.replicas(), number, images[0].len());
                splits.train.changed_batch(&images, &changes)?
            }
        };
        let Network::Here(network) = std::mem::replace(&mut self.network, Network::Lost) else {
            return Err(TrainerError::fault(LOST));
        };
        let mut dropout = |node, probability, [_, rows, channels]: [usize; 3]| {
            let stream = |replica: &Replica| stream(replica.seed, Purpose::Dropout, [number, node]);
            let mut streams: Vec<_> = self.trainees.replicas().iter().map(stream).collect();
            let extents = [streams.len(), rows, channels];
            let uniform = |replica: usize| streams[replica].random();
            dropout_factors(extents, probability, uniform, self.inputs.device)
        };
        let training = &config.training;
        let distillation = self.lesson.as_ref().map(|lesson| Distillation {
            logits: lesson.logits(&batch.images, &images),
            weight: training.distillation,
            temperature: training.temperature,
        });
        let mut step = TrainStep {
            loss: training.loss,
            label_smoothing: training.label_smoothing,
            distillation,
            learning_rate: self.learning_rate()?,
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

    /// Returns the learning rate of the next batch. The schedule of fresh networks spans all their batches, because they
    /// are never clipped; that of the network from which they learn is as before a first clip.
    pub(super) fn learning_rate(&self) -> Result<f64, TrainerError> {
        let (training, rungs) = (&self.inputs.config.training, &self.rungs);
        let Cycle { number, done, .. } = self.cycle;
        let cycles = self.schedule.cycles(rungs.after().len());
        let within_cycle = (done, rungs.cycles().batches(number));
        let within_run = || -> Result<(usize, usize), TrainerError> {
            Ok((self.batches_before(number)? + done, self.batches_before(cycles)?))
        };
        let teaches = self.schedule.trains_teacher(number);
        let (batch, batches) = match (training.schedule_over, self.schedule) {
            (ScheduleSpan::Cycle, _) if teaches => within_cycle,
            (ScheduleSpan::Final, _) if teaches => {
                return Ok(before_schedule(training, self.rate, done));
            }
            (ScheduleSpan::Cycle | ScheduleSpan::Final, TrainingSchedule::Scratch { .. })
                if self.schedule.trains_teacher(0) =>
            {
                let (batch, batches) = within_run()?;
                let before = rungs.cycles().batches(0);
                (batch - before, batches - before)
            }
            (ScheduleSpan::Run, _) | (_, TrainingSchedule::Scratch { .. }) => within_run()?,
            (ScheduleSpan::Cycle, TrainingSchedule::Ladder) => within_cycle,
            (ScheduleSpan::Final, TrainingSchedule::Ladder) if number + 1 == cycles => within_cycle,
            (ScheduleSpan::Final, TrainingSchedule::Ladder) => {
                return Ok(before_schedule(training, self.rate, within_run()?.0));
            }
        };
        Ok(learning_rate(training, self.rate, batch, batches))
    }

    /// Returns the number of batches before a cycle.
    fn batches_before(&self, cycle: usize) -> Result<usize, TrainerError> {
        let before = self.rungs.cycles().batches_before(cycle);
        before.ok_or_else(|| TrainerError::fault("the run has more batches than can be counted"))
    }

    /// Returns the mean loss of every trainee over the batches of the cycle so far; `None` before the first batch.
    pub(super) fn losses(&self) -> Result<Option<Vec<f64>>, TrainerError> {
        let Some(sums) = self.cycle.loss_sums.clone() else { return Ok(None) };
        let sums = read(sums, "training")?;
        Ok(Some(sums.iter().map(|sum| sum / self.cycle.done as f64).collect()))
    }
}
