//! The loop: train, score, clip, rebuild, measure — until every hidden layer is small enough.
//!
//! ```text
//! for cycle = 0, 1, …
//!     train on `batches_per_cycle` batches; measure; keep the network
//!     if the accuracy on held-out images has fallen below `until_accuracy`: end
//!     if every layer has at most `min_width` neurons: end
//!     score all layers that have more; keep the best of each; rebuild; measure
//! ```
//!
//! A checkpoint is taken after the training and after the clip of every cycle (`checkpoint/mod.rs`).

use std::collections::BTreeMap;
use std::time::Instant;

use rayclip_model::Mlp;

use crate::TrainerError;
use crate::calibration::Calibration;
use crate::chunk::Chunk;
use crate::clip::{keep, ties};
use crate::compensate::refit;
use crate::config::Moments;
use crate::evaluate::Accuracy;
use crate::events::{CycleRow, Observer, Outcome, TimingRow};
use crate::ladder::{clipped_layers, kept_count};
use crate::rebuild::rebuild;
use crate::record::Record;
use crate::replica::Replica;
use crate::run_dir::LayerRays;
use crate::score::{ScoringSeconds, score};
use crate::streams::{Purpose, stream};

/// Training images on which a rebuilt network is compared with the larger one.
const PROBE: usize = 32;

impl<'a> Chunk<'a> {
    /// Trains and clips until every layer is small enough, or no replica is left.
    ///
    /// # Errors
    /// A problem is refused, a file cannot be written, or the device fails.
    pub(crate) fn cycle_until_small(
        mut self,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, TrainerError> {
        loop {
            let cycle = self.cycle.number;
            let losses = self.train(record, observer)?;
            if self.replicas.is_empty() {
                return Ok(Outcome::Diverged);
            }
            let tested = losses.as_ref().map(|_| self.tested()).transpose()?;
            let clip = cycle.checked_sub(1);
            if let Some(clip) = clip {
                let widths = &self.network.shape().hidden;
                let accuracies = tested.as_ref().map(|tested| tested.accuracies.as_slice());
                record.after_training((clip, widths), &self.replicas, accuracies, observer)?;
            }
            let (Some(losses), Some(tested)) = (losses, tested) else {
                record.unfinished(&self.replicas, self.network);
                return Ok(Outcome::Interrupted);
            };
            if cycle == 0 {
                record.before(&self.replicas, &tested.accuracies);
            }
            record.keep(clip, &self.replicas, &self.network, &tested)?;
            let alive = record.stop_fallen(clip, &self.replicas, observer);
            self.keep_replicas(&alive);
            if alive.is_empty() {
                return Ok(Outcome::Finished);
            }
            let losses: Vec<f64> = alive.iter().map(|place| losses[*place]).collect();
            let accuracies: Vec<Accuracy> =
                alive.iter().map(|place| tested.accuracies[*place]).collect();
            if self.layers_to_clip().is_empty() {
                record.finished(&self.replicas, self.network, &accuracies);
                return Ok(Outcome::Finished);
            }
            self.compress((&losses, &accuracies), record, observer)?;
            if self.replicas.is_empty() {
                return Ok(Outcome::Diverged);
            }
            self.next_cycle(0.0);
            self.checkpoint(record)?;
        }
    }

    /// Scores, clips and rebuilds all layers that are too wide, and measures what is left.
    fn compress(
        &mut self,
        (losses, before_clip): (&[f64], &[Accuracy]),
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainerError> {
        let began = Instant::now();
        let cycle = self.cycle.number;
        let before = self.network.shape();
        let images = (self.config, &self.splits.train);
        let layers = self.layers_to_clip();
        let mut scored = score((&self.network, &self.replicas), &layers, images, cycle, observer)?;
        let not_finite = |place: usize| {
            let mut scores = scored.scores.iter();
            let layer = scores.find(|(_, scores)| scores[place].iter().any(|v| !v.is_finite()));
            layer.map(|(layer, _)| format!("the scores of hidden layer {layer} are not finite"))
        };
        let reasons: Vec<_> = (0..self.replicas.len()).map(not_finite).collect();
        let alive = self.freeze(reasons, record, observer)?;
        if self.replicas.is_empty() {
            return Ok(());
        }
        scored.keep_replicas(&alive);
        self.clip_and_rebuild(&scored.scores)?;
        self.sync()?;
        let compress_seconds = began.elapsed().as_secs_f64();
        record.spent(0.0, compress_seconds);
        record.kept(cycle, self.kept())?;

        let after_clip = self.accuracies()?;
        let timings = self.timings(&scored.seconds, compress_seconds, record.joules());
        let shape = self.network.shape();
        let (mut rows, mut rays) = (Vec::new(), Vec::new());
        for (place, was) in alive.into_iter().enumerate() {
            for layer in clipped_layers(&before.hidden, &shape.hidden) {
                let solve = scored.solves.get_mut(&layer).and_then(|solves| solves[place].take());
                let row = CycleRow {
                    width_before: before.hidden[layer],
                    accuracy_before_clip: Some(before_clip[was].test),
                    train_loss: losses[was],
                    at_once: before.replicas,
                    ties: ties(&scored.scores[&layer][place]),
                    ..self.row(layer, place, after_clip[place])
                };
                rows.push(match &solve {
                    None => row,
                    Some(solve) => CycleRow {
                        solver: solve.algorithm.to_owned(),
                        solver_iterations: Some(solve.iterations),
                        solver_status: Some(solve.status),
                        solver_flops: Some(solve.flops),
                        ..row
                    },
                });
                let replica = self.replicas[place].number;
                let pair = solve.and_then(|solve| solve.rays);
                rays.extend(pair.map(|rays| LayerRays { replica, layer, rays }));
            }
        }
        record.rays(cycle, rays)?;
        record.clip(rows, timings)
    }

    /// What the cycle took every replica.
    fn timings(
        &self,
        scoring: &[ScoringSeconds],
        compress_seconds: f64,
        joules: Option<f64>,
    ) -> Vec<TimingRow> {
        let timing = |(replica, seconds): (&Replica, &ScoringSeconds)| TimingRow {
            replica: replica.number,
            cycle: self.cycle.number,
            train_seconds: self.cycle.seconds,
            compress_seconds,
            joules,
            score_seconds: seconds.all,
            solve_seconds: seconds.solver,
        };
        self.replicas.iter().zip(scoring).map(timing).collect()
    }

    /// Keeps the best neurons of every scored layer, in the network, the moments and the lineage.
    fn clip_and_rebuild(
        &mut self,
        scores: &BTreeMap<usize, Vec<Vec<f64>>>,
    ) -> Result<(), TrainerError> {
        let (compression, cycle) = (&self.config.compression, self.cycle.number);
        let probe = (0..PROBE.min(self.splits.train.len())).collect();
        let probe = self.splits.train.batch(&[probe]).images;
        let calibration = compression
            .compensate
            .then(|| self.calibration(self.network.clone(), &self.replicas, cycle));
        for (&layer, scores) in scores {
            let count = kept_count(scores[0].len(), compression.keep);
            let choose = |(scores, replica): (&Vec<f64>, &Replica)| {
                let mut ties = stream(replica.seed, Purpose::Ties, [cycle, layer]);
                keep(scores, count, compression.clip, &mut ties)
            };
            let kept: Vec<Vec<usize>> = scores.iter().zip(&self.replicas).map(choose).collect();
            let network = self.network.clone();
            self.network = rebuild(network, &mut self.optimizer, (cycle, layer), &kept, &probe)?;
            for (lineage, kept) in self.lineage.iter_mut().zip(&kept) {
                lineage[layer] = kept.iter().map(|place| lineage[layer][*place]).collect();
            }
            if let Some(calibration) = &calibration {
                self.network = refit(self.network.clone(), layer, calibration);
            }
        }
        if self.config.training.moments == Moments::Reset {
            self.optimizer.reset();
        }
        Ok(())
    }

    fn calibration(&self, network: Mlp, replicas: &[Replica], cycle: usize) -> Calibration<'a> {
        Calibration::draw(&self.splits.train, network, replicas, cycle, self.config)
    }

    fn layers_to_clip(&self) -> Vec<usize> {
        let widths = self.network.shape().hidden;
        let min_width = self.config.compression.min_width;
        (0..widths.len()).filter(|layer| widths[*layer] > min_width).collect()
    }

    fn sync(&self) -> Result<(), TrainerError> {
        let device = self.network.layers[0].weight.val().device();
        device.sync().map_err(|error| TrainerError::Device {
            doing: "rebuilding the layers",
            reason: error.to_string(),
        })
    }
}
