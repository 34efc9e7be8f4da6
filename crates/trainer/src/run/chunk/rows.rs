//! The rows of a clip.

use rayclip_run_folder::{CycleRow, GroupRays, clipped_groups, operations};

use super::{Advance, BeforeClip, Chunk, Measured, Phase};
use crate::compress::{ByGroup, ties};
use crate::error::TrainerError;
use crate::run::rungs::Spent;
use crate::train::{Accuracy, accuracies};

/// A group after a clip, of the replica with the index `index`.
#[derive(Clone, Copy)]
struct GroupAfterClip {
    clip: usize,
    group: usize,
    index: usize,
}

impl Chunk<'_> {
    /// Measures the networks after a clip. Returns the rows, and the rays that ranked the neurons. Moves on to the
    /// next cycle.
    ///
    /// # Errors
    /// The device fails.
    pub(super) fn measure(
        &mut self,
        before: &BeforeClip,
        mut scores: ByGroup,
    ) -> Result<Advance, TrainerError> {
        let clip = self.cycle.number;
        let spent = self.rungs.spent(self.schedule, clip);
        let (mut rows, mut rays) = (vec![], vec![]);
        for (index, accuracy) in self.accuracies()?.into_iter().enumerate() {
            for (&group, scores) in &mut scores {
                let scores = &mut scores[index];
                let mut row = CycleRow {
                    accuracy_before_clip: Some(before.accuracies[index].test),
                    train_loss: before.losses.as_ref().map(|losses| losses[index]),
                    at_once: Some(before.at_once),
                    ties: Some(ties(&scores.values)),
                    ..self.row(GroupAfterClip { clip, group, index }, accuracy, spent)
                };
                if let Some(solve) = &scores.solve {
                    solve.algorithm.clone_into(&mut row.solver);
                    row.solver_iterations = Some(solve.iterations);
                    row.solver_status = Some(solve.status);
                    row.solver_flops = Some(solve.flops);
                }
                let (replica, group) = (row.replica, row.group.clone());
                let of_group = scores.rays.take();
                rays.extend(of_group.map(|rays| GroupRays {
                    replica,
                    group,
                    y: rays.y,
                    x: rays.x,
                }));
                rows.push(row);
            }
        }
        self.next_cycle();
        self.phase = Phase::Train;
        Ok(Advance::Measured(Measured { clip, rows, rays }))
    }

    /// Measures fresh networks that have trained with the budget of a clip. Returns the rows. Moves on to the next
    /// cycle.
    ///
    /// # Errors
    /// The device fails.
    pub(super) fn measure_scratch(&mut self, clip: usize) -> Result<Advance, TrainerError> {
        let (rungs, losses) = (&self.rungs, self.losses()?);
        let spent = rungs.spent(self.schedule, clip);
        let groups = clipped_groups(&rungs.first().widths, &rungs.at(Some(clip)).widths);
        let mut rows = vec![];
        for (index, accuracy) in self.accuracies()?.into_iter().enumerate() {
            for &group in &groups {
                rows.push(CycleRow {
                    train_loss: losses.as_ref().map(|losses| losses[index]),
                    at_once: Some(self.at_once()),
                    ties: Some(0),
                    ..self.row(GroupAfterClip { clip, group, index }, accuracy, spent)
                });
            }
        }
        self.next_cycle();
        Ok(Advance::Measured(Measured { clip, rows, rays: vec![] }))
    }

    fn accuracies(&self) -> Result<Vec<Accuracy>, TrainerError> {
        accuracies(self.network()?, self.inputs.splits, self.inputs.config)
    }

    /// Fills the row of a group after a clip, except for the training and the scores.
    fn row(&self, at: GroupAfterClip, after_clip: Accuracy, spent: Spent) -> CycleRow {
        let GroupAfterClip { clip, group, index } = at;
        let (rungs, replica) = (&self.rungs, self.replicas[index]);
        let [first, was, is] = [None, clip.checked_sub(1), Some(clip)].map(|clip| rungs.at(clip));
        CycleRow {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            cycle: clip,
            group: rungs.group_names()[group].clone(),
            width_before: was.widths[group],
            width_after: is.widths[group],
            sparsity: 1.0 - is.widths[group] as f64 / first.widths[group] as f64,
            accuracy_after_clip: after_clip.test,
            validation_after_clip: after_clip.validation,
            parameters: is.parameters,
            bytes: operations::bytes(is.parameters),
            macs: is.macs,
            batches: spent.batches,
            images: spent.images,
            training_flops: spent.training_flops,
            full_width_flops: spent.full_width_flops,
            ..CycleRow::default()
        }
    }
}
