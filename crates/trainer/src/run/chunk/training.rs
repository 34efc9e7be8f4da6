//! The training of a cycle: one batch after another.

use rayclip_run_folder::Cycles;
use rayclip_run_folder::config::ScheduleSpan;
use tracing::info_span;

use super::lanes::LaneBatch;
use super::{Advance, Chunk, Cycle, Network, Phase};
use crate::device::read;
use crate::error::TrainerError;
use crate::run::position::{AfterCycle, TrainingSchedule};
use crate::trace::traced;
use crate::train::{before_schedule, learning_rate};

impl Chunk<'_> {
    pub(super) fn train(&mut self) -> Result<Advance, TrainerError> {
        self.phase = Phase::Train;
        if self.wants_batch() {
            let span = info_span!("batch", cycle = self.cycle.number);
            traced(&span, self.inputs.device, || self.train_batch())?;
            if !self.wants_batch() {
                self.join_lanes()?;
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
        let lanes = self.take_lanes()?;
        let images = self.order.batch(self.cycle.number, self.cycle.done);
        let batch = LaneBatch {
            inputs: self.inputs,
            lesson: self.lesson.as_ref(),
            replicas: self.trainees.replicas(),
            images: &images,
            number: before(self.rungs.cycles(), self.cycle.number)? + self.cycle.done,
            learning_rate: self.learning_rate()?,
        };
        self.network = Network::InLanes(batch.train(lanes)?);
        self.cycle.done += 1;
        Ok(())
    }

    /// Returns the learning rate of the next batch. The schedule of fresh networks spans all their batches, because they
    /// are never clipped. The network that they learn from has the rates of a ladder before its first clip.
    pub(super) fn learning_rate(&self) -> Result<f64, TrainerError> {
        let training = &self.inputs.config.training;
        let Cycle { number, done, .. } = self.cycle;
        let cycles = self.rungs.cycles();
        let batch = before(cycles, number)? + done;
        if self.is_from_scratch() && !self.schedule.trains_teacher(number) {
            // The batches of the network that they learn from are not theirs.
            let teacher = before(cycles, usize::from(self.schedule.trains_teacher(0)))?;
            let all = before(cycles, self.schedule.cycles(self.rungs.after().len()))?;
            return Ok(learning_rate(training, self.rate, batch - teacher, all - teacher));
        }
        let clips = self.inputs.rungs.after().len();
        Ok(match training.schedule_over {
            ScheduleSpan::Run => {
                let all = before(self.inputs.rungs.cycles(), clips + 1)?;
                learning_rate(training, self.rate, batch, all)
            }
            ScheduleSpan::Final if number < clips => before_schedule(training, self.rate, batch),
            ScheduleSpan::Cycle | ScheduleSpan::Final => {
                learning_rate(training, self.rate, done, cycles.batches(number))
            }
        })
    }

    /// Returns the mean loss of every trainee over the batches of the cycle so far; `None` before the first batch.
    pub(super) fn losses(&self) -> Result<Option<Vec<f64>>, TrainerError> {
        let Some(sums) = self.cycle.loss_sums.clone() else { return Ok(None) };
        let sums = read(sums, "training")?;
        Ok(Some(sums.iter().map(|sum| sum / self.cycle.done as f64).collect()))
    }
}

/// Returns the number of batches before a cycle.
///
/// # Errors
/// There are too many to count.
fn before(cycles: &Cycles, cycle: usize) -> Result<usize, TrainerError> {
    let before = cycles.batches_before(cycle);
    before.ok_or_else(|| TrainerError::fault("the run has more batches than can be counted"))
}
