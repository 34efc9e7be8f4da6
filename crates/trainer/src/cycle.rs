//! The loop: train, score, clip, rebuild, measure — until every hidden layer is small enough.
//!
//! ```text
//! for cycle = 0, 1, …
//!     train on `batches_per_cycle` batches; measure
//!     if every layer has at most `min_width` neurons: end
//!     score all layers that have more; keep the best of each; rebuild; measure
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Device;
use rayclip_model::{Mlp, MlpShape};

use crate::batches::BatchOrder;
use crate::calibration::Calibration;
use crate::clip::keep;
use crate::compensate::refit;
use crate::config::Moments;
use crate::evaluate::{Accuracy, accuracies};
use crate::events::{CycleRow, Observer, Outcome};
use crate::images::Splits;
use crate::ladder::{clipped_layers, kept_count};
use crate::optimizer::Optimizer;
use crate::rebuild::rebuild;
use crate::record::Record;
use crate::replica::{Replica, seeds};
use crate::run_dir::{Kept, LayerRays};
use crate::score::score;
use crate::streams::{Purpose, stream};
use crate::train::train;
use crate::{RunConfig, TrainerError};

/// Training images on which a rebuilt network is compared with the larger one.
const PROBE: usize = 32;

/// Replicas that train at once.
pub(crate) struct Chunk<'a> {
    pub(crate) config: &'a RunConfig,
    splits: &'a Splits,
    /// Those that have not diverged.
    pub(crate) replicas: Vec<Replica>,
    pub(crate) network: Mlp,
    optimizer: Optimizer,
    order: BatchOrder,
    /// First numbers of the live neurons, `[replica][layer][neuron]`.
    lineage: Vec<Vec<Vec<usize>>>,
}

/// What training a cycle showed, of the replicas that are left.
pub(crate) struct TrainedCycle {
    pub(crate) losses: Vec<f64>,
    pub(crate) seconds: f64,
}

impl<'a> Chunk<'a> {
    /// Fresh networks of `shape`, one a replica.
    ///
    /// # Errors
    /// An extent of the shape is zero.
    pub(crate) fn start(
        config: &'a RunConfig,
        splits: &'a Splits,
        replicas: &[Replica],
        shape: &MlpShape,
        device: &Device,
    ) -> Result<Self, TrainerError> {
        let shape = MlpShape { replicas: replicas.len(), ..shape.clone() };
        let network = Mlp::init(&shape, device, |place, layer| {
            stream(replicas[place].seed, Purpose::Weights, [layer, 0])
        })?;
        let training = &config.training;
        let neurons = shape.hidden.iter().map(|m| (0..*m).collect()).collect();
        Ok(Self {
            config,
            splits,
            optimizer: Optimizer::new(training.learning_rate, network.layers.len()),
            order: BatchOrder::new(
                training.order,
                &seeds(replicas),
                splits.train.len(),
                training.batch_size,
            ),
            network,
            lineage: vec![neurons; replicas.len()],
            replicas: replicas.to_vec(),
        })
    }

    /// Trains and clips until every layer is small enough, or no replica is left.
    ///
    /// # Errors
    /// A problem is refused, a file cannot be written, or the device fails.
    pub(crate) fn cycle_until_small(
        mut self,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, TrainerError> {
        // What the chunk before took is not this one's.
        record.joules();
        for cycle in 0.. {
            let trained = self.train(cycle, record, observer)?;
            if self.replicas.is_empty() {
                return Ok(Outcome::Diverged);
            }
            let accuracies = trained.as_ref().map(|_| self.accuracies()).transpose()?;
            if let Some(clip) = cycle.checked_sub(1) {
                let widths = &self.network.shape().hidden;
                let accuracies = accuracies.as_deref();
                record.after_training((clip, widths), &self.replicas, accuracies, observer)?;
            }
            let (Some(trained), Some(accuracies)) = (trained, accuracies) else {
                record.unfinished(&self.replicas, self.network);
                return Ok(Outcome::Interrupted);
            };
            if cycle == 0 {
                record.before(&self.replicas, &accuracies);
            }
            if self.layers_to_clip().is_empty() {
                record.finished(&self.replicas, self.network, &accuracies);
                return Ok(Outcome::Finished);
            }
            self.compress(cycle, (&trained, &accuracies), record, observer)?;
            if self.replicas.is_empty() {
                return Ok(Outcome::Diverged);
            }
        }
        unreachable!("every clip shrinks a layer")
    }

    /// Trains a cycle; nothing if it was interrupted, or no replica is left.
    pub(crate) fn train(
        &mut self,
        cycle: usize,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<TrainedCycle>, TrainerError> {
        let training = &self.config.training;
        let trained = train(
            self.network.clone(),
            &mut self.optimizer,
            &self.splits.train,
            &mut self.order,
            (cycle, training),
            &mut record.watching(observer),
        )?;
        record.spent(trained.seconds, 0.0);
        self.network = trained.network;
        let finite = self.network.finite()?;
        let reason = |place: usize| match trained.losses.get(place) {
            Some(loss) if !loss.is_finite() => Some(format!("the training loss is {loss}")),
            _ if !finite[place] => Some("a weight is not finite".to_owned()),
            _ => None,
        };
        let reasons: Vec<_> = (0..self.replicas.len()).map(reason).collect();
        let alive = self.freeze(cycle, reasons, record, observer);
        if trained.interrupted || self.replicas.is_empty() {
            return Ok(None);
        }
        let losses = alive.into_iter().map(|place| trained.losses[place]).collect();
        Ok(Some(TrainedCycle { losses, seconds: trained.seconds }))
    }

    /// Takes the replicas with a reason out of the chunk; the places of those that are left.
    ///
    /// Replicas share nothing but the tensors they lie in: the others go on as they would without.
    fn freeze(
        &mut self,
        cycle: usize,
        reasons: Vec<Option<String>>,
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Vec<usize> {
        let alive: Vec<usize> =
            (0..reasons.len()).filter(|place| reasons[*place].is_none()).collect();
        if alive.len() == reasons.len() {
            return alive;
        }
        for (replica, reason) in self.replicas.iter().zip(reasons) {
            if let Some(reason) = reason {
                record.diverged(*replica, cycle, reason, observer);
            }
        }
        self.replicas = alive.iter().map(|place| self.replicas[*place]).collect();
        self.lineage = alive.iter().map(|place| self.lineage[*place].clone()).collect();
        if !alive.is_empty() {
            self.network = self.network.keep_replicas(&alive);
            self.optimizer.keep_replicas(&alive);
            self.order.keep_replicas(&alive);
        }
        alive
    }

    /// Scores, clips and rebuilds all layers that are too wide, and measures what is left.
    fn compress(
        &mut self,
        cycle: usize,
        (trained, before_clip): (&TrainedCycle, &[Accuracy]),
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainerError> {
        let began = Instant::now();
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
        let alive = self.freeze(cycle, reasons, record, observer);
        if self.replicas.is_empty() {
            return Ok(());
        }
        scored.keep_replicas(&alive);
        self.clip_and_rebuild(cycle, &scored.scores)?;
        self.sync()?;
        let compress_seconds = began.elapsed().as_secs_f64();
        record.spent(0.0, compress_seconds);
        record.kept(cycle, self.kept())?;

        let after_clip = self.accuracies()?;
        let joules = record.joules();
        let shape = self.network.shape();
        let (mut rows, mut rays) = (Vec::new(), Vec::new());
        for (place, was) in alive.into_iter().enumerate() {
            for layer in clipped_layers(&before.hidden, &shape.hidden) {
                let solve = scored.solves.get_mut(&layer).and_then(|solves| solves[place].take());
                let row = CycleRow {
                    width_before: before.hidden[layer],
                    accuracy_before_clip: Some(before_clip[was].test),
                    train_loss: trained.losses[was],
                    train_seconds: trained.seconds,
                    compress_seconds,
                    at_once: before.replicas,
                    joules,
                    ..self.row((cycle, layer), place, after_clip[place])
                };
                rows.push(match &solve {
                    None => row,
                    Some(solve) => CycleRow {
                        solver: solve.algorithm,
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
        record.clip(rows)
    }

    /// What is known of the replica at `place` after clip `cycle`, without the numbers of its training.
    pub(crate) fn row(
        &self,
        (cycle, layer): (usize, usize),
        place: usize,
        after_clip: Accuracy,
    ) -> CycleRow {
        let (shape, replica) = (self.network.shape(), self.replicas[place]);
        let first = self.config.network.hidden[layer] as f64;
        CycleRow {
            replica: replica.number,
            method: replica.method.to_string(),
            seed: replica.seed,
            cycle,
            layer,
            width_after: shape.hidden[layer],
            sparsity: 1.0 - shape.hidden[layer] as f64 / first,
            accuracy_after_clip: after_clip.test,
            validation_after_clip: after_clip.validation,
            parameters: shape.parameters(),
            ..CycleRow::default()
        }
    }

    /// Keeps the best neurons of every scored layer, in the network, the moments and the lineage.
    fn clip_and_rebuild(
        &mut self,
        cycle: usize,
        scores: &BTreeMap<usize, Vec<Vec<f64>>>,
    ) -> Result<(), TrainerError> {
        let compression = &self.config.compression;
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

    fn kept(&self) -> Vec<Kept> {
        let kept = |(replica, layers): (&Replica, &Vec<Vec<usize>>)| Kept {
            replica: replica.number,
            method: replica.method,
            seed: replica.seed,
            layers: layers.clone(),
        };
        self.replicas.iter().zip(&self.lineage).map(kept).collect()
    }

    fn layers_to_clip(&self) -> Vec<usize> {
        let widths = self.network.shape().hidden;
        let min_width = self.config.compression.min_width;
        (0..widths.len()).filter(|layer| widths[*layer] > min_width).collect()
    }

    pub(crate) fn accuracies(&self) -> Result<Vec<Accuracy>, TrainerError> {
        accuracies(&self.network, self.splits, self.config)
    }

    fn sync(&self) -> Result<(), TrainerError> {
        let device = self.network.layers[0].weight.val().device();
        device.sync().map_err(|error| TrainerError::Device {
            doing: "rebuilding the layers",
            reason: error.to_string(),
        })
    }
}
