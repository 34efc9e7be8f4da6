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
use rayclip_data::Dataset;
use rayclip_model::{Description, Mlp, MlpShape};

use crate::batches::BatchOrder;
use crate::clip::{keep, kept_count};
use crate::config::{Moments, Normalization};
use crate::criteria::{Context, LayerWeights, SolveInfo, criterion};
use crate::evaluate::accuracy;
use crate::events::{CycleRow, Event, Observer, Outcome, Summary};
use crate::images::{DeviceImages, PixelScale};
use crate::optimizer::Optimizer;
use crate::streams::{Purpose, stream};
use crate::train::train;
use crate::{RunConfig, RunDir, TrainerError};

/// Runs `config` on `device` and writes everything into `folder`; `device_name` is for the summary.
///
/// # Errors
/// A loss or score is not finite, a file cannot be written, or the device fails. What was finished
/// before is in the folder, with a summary that names the error.
pub fn run(
    config: &RunConfig,
    dataset: Dataset,
    (device, device_name): (&Device, &str),
    folder: &RunDir,
    observer: &mut dyn Observer,
) -> Result<Summary, TrainerError> {
    let mut run = Run::start(config, dataset, device, folder, observer)?;
    let began = Instant::now();
    let result = run.cycle_until_small();
    let network = run.write_network();
    let mut summary = run.summary(device_name);
    summary.seconds = began.elapsed().as_secs_f64();
    match result {
        Ok(outcome) => {
            summary.outcome = outcome;
            folder.write_summary(&summary)?;
            network.map(|()| summary)
        }
        Err(error) => {
            summary.error = Some(error.to_string());
            folder.write_summary(&summary)?;
            Err(error)
        }
    }
}

struct Run<'a> {
    config: &'a RunConfig,
    seeds: Vec<u64>,
    folder: &'a RunDir,
    observer: &'a mut dyn Observer,
    train_images: DeviceImages,
    test_images: DeviceImages,
    order: BatchOrder,
    /// Image shape and pixel scale of the network's description; its shape is the first one.
    description: Description,
    network: Mlp,
    optimizer: Optimizer,
    /// First numbers of the live neurons, `[layer][replica][neuron]`.
    lineage: Vec<Vec<Vec<usize>>>,
    /// All rows; those of the last clip lack the accuracy after the next training.
    rows: Vec<CycleRow>,
    rows_complete: usize,
    clips: usize,
    accuracy_before: Vec<f64>,
    accuracy_after: Vec<f64>,
    train_seconds: f64,
    compress_seconds: f64,
}

/// What training a cycle showed.
struct Measured {
    losses: Vec<f64>,
    accuracies: Vec<f64>,
    train_seconds: f64,
}

impl<'a> Run<'a> {
    fn start(
        config: &'a RunConfig,
        dataset: Dataset,
        device: &Device,
        folder: &'a RunDir,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, TrainerError> {
        let seeds = config.seeds();
        let (mean, deviation) = match config.data.normalization {
            Normalization::Fixed => (config.data.mean, config.data.deviation),
            Normalization::TrainingPixels => dataset.pixel_statistics(),
        };
        let pixels = dataset.pixels();
        let shape = MlpShape {
            replicas: seeds.len(),
            inputs: pixels,
            hidden: config.network.hidden.clone(),
            outputs: dataset.classes,
            bias: config.network.bias,
        };
        let network = Mlp::init(&shape, device, |replica, layer| {
            stream(seeds[replica], Purpose::Weights, [layer, 0])
        })?;
        let scale = PixelScale { mean, deviation };
        let order = BatchOrder::new(
            config.training.order,
            &seeds,
            dataset.train.len(),
            config.training.batch_size,
        );
        let lineage = shape.hidden.iter().map(|m| vec![(0..*m).collect(); seeds.len()]).collect();
        Ok(Self {
            train_images: DeviceImages::upload(dataset.train, pixels, scale, device),
            test_images: DeviceImages::upload(dataset.test, pixels, scale, device),
            optimizer: Optimizer::new(config.training.learning_rate, network.layers.len()),
            description: Description { shape, image_shape: dataset.image_shape, mean, deviation },
            config,
            seeds,
            folder,
            observer,
            order,
            network,
            lineage,
            rows: vec![],
            rows_complete: 0,
            clips: 0,
            accuracy_before: vec![],
            accuracy_after: vec![],
            train_seconds: 0.0,
            compress_seconds: 0.0,
        })
    }

    fn cycle_until_small(&mut self) -> Result<Outcome, TrainerError> {
        let clips = clips_needed(&self.config.network.hidden, self.config);
        let batches_per_cycle = self.config.training.batches_per_cycle;
        let widths = &self.config.network.hidden;
        self.observer.notify(&Event::Started { clips, batches_per_cycle, widths });
        for cycle in 0.. {
            let Some(measured) = self.train(cycle)? else {
                self.complete_rows(None)?;
                return Ok(Outcome::Interrupted);
            };
            self.complete_rows(Some(&measured.accuracies))?;
            if self.layers_to_clip().is_empty() {
                break;
            }
            self.compress(cycle, &measured)?;
        }
        Ok(Outcome::Finished)
    }

    /// Trains a cycle and measures it; nothing if it was interrupted.
    fn train(&mut self, cycle: usize) -> Result<Option<Measured>, TrainerError> {
        let trained = train(
            self.network.clone(),
            &mut self.optimizer,
            &self.train_images,
            &mut self.order,
            (cycle, &self.config.training),
            self.observer,
        )?;
        self.train_seconds += trained.seconds;
        if let Some(replica) = trained.losses.iter().position(|loss| !loss.is_finite()) {
            return Err(TrainerError::NonFiniteLoss {
                replica,
                seed: self.seeds[replica],
                cycle,
                loss: trained.losses[replica],
                learning_rate: self.config.training.learning_rate,
            });
        }
        self.network = trained.network;
        if trained.interrupted {
            // What the accuracy was measured of is not the network any more.
            self.accuracy_after.clear();
            return Ok(None);
        }
        let accuracies = self.accuracy()?;
        if self.accuracy_before.is_empty() {
            self.accuracy_before.clone_from(&accuracies);
        }
        self.accuracy_after.clone_from(&accuracies);
        let (losses, train_seconds) = (trained.losses, trained.seconds);
        Ok(Some(Measured { losses, accuracies, train_seconds }))
    }

    /// Scores, clips and rebuilds all layers that are too wide, and measures what is left.
    fn compress(&mut self, cycle: usize, measured: &Measured) -> Result<(), TrainerError> {
        let began = Instant::now();
        let before = self.network.shape().hidden;
        let solves = self.clip_and_rebuild(cycle)?;
        self.sync()?;
        let compress_seconds = began.elapsed().as_secs_f64();
        self.compress_seconds += compress_seconds;
        self.clips += 1;
        self.folder.write_kept(cycle, &self.lineage)?;

        let accuracies = self.accuracy()?;
        let shape = self.network.shape();
        for (replica, seed) in self.seeds.iter().enumerate() {
            for (&layer, solve) in &solves {
                let first = self.config.network.hidden[layer] as f64;
                self.rows.push(CycleRow {
                    replica,
                    method: self.config.compression.method.name(),
                    seed: *seed,
                    cycle,
                    layer,
                    width_before: before[layer],
                    width_after: shape.hidden[layer],
                    sparsity: 1.0 - shape.hidden[layer] as f64 / first,
                    accuracy_before_clip: measured.accuracies[replica],
                    accuracy_after_clip: accuracies[replica],
                    accuracy_after_training: None,
                    train_loss: measured.losses[replica],
                    parameters: shape.parameters(),
                    train_seconds: measured.train_seconds,
                    compress_seconds,
                    solver: solve.map_or("", |solve| solve.algorithm),
                    solver_iterations: solve.map(|solve| solve.iterations),
                    solver_status: solve.map(|solve| solve.status),
                });
            }
        }
        self.accuracy_after = accuracies;
        self.folder.write_cycles(&self.rows)
    }

    /// Clips every layer that is too wide, all by the weights before the clip; returns them with how
    /// their rays were reconstructed.
    fn clip_and_rebuild(
        &mut self,
        cycle: usize,
    ) -> Result<BTreeMap<usize, Option<SolveInfo>>, TrainerError> {
        let compression = &self.config.compression;
        let layers = self.layers_to_clip();
        let total = layers.len() * self.seeds.len();
        let mut by_width: BTreeMap<usize, Vec<LayerWeights>> = BTreeMap::new();
        for layer in layers {
            let [incoming, outgoing] =
                [layer, layer + 1].map(|index| self.network.layers[index].weight.val());
            let [_, _, m] = incoming.dims();
            by_width.entry(m).or_default().push(LayerWeights { layer, incoming, outgoing });
        }
        let (mut done, mut solves) = (0, BTreeMap::new());
        for (m, group) in by_width {
            self.observer.notify(&Event::Scoring { cycle, done, total });
            let context = Context { config: self.config, seeds: &self.seeds, cycle };
            let scores = criterion(compression.method).score(&group, &context)?;
            let count = kept_count(m, compression.keep);
            for (LayerWeights { layer, .. }, scores_of_layer) in group.iter().zip(&scores.layers) {
                let kept = self.choose(cycle, *layer, scores_of_layer, count)?;
                self.rebuild(*layer, &kept);
                solves.insert(*layer, scores.solve);
            }
            done += group.len() * self.seeds.len();
        }
        self.observer.notify(&Event::Scoring { cycle, done, total });
        if self.config.training.moments == Moments::Reset {
            self.optimizer.reset();
        }
        Ok(solves)
    }

    /// The neurons that every replica keeps of one layer.
    fn choose(
        &self,
        cycle: usize,
        layer: usize,
        scores: &[Vec<f64>],
        count: usize,
    ) -> Result<Vec<Vec<usize>>, TrainerError> {
        if let Some(replica) = scores.iter().position(|s| s.iter().any(|v| !v.is_finite())) {
            return Err(TrainerError::NonFiniteScore { layer, replica, cycle });
        }
        let side = self.config.compression.clip;
        Ok(scores
            .iter()
            .zip(&self.seeds)
            .map(|(scores, seed)| {
                keep(scores, count, side, &mut stream(*seed, Purpose::Ties, [cycle, layer]))
            })
            .collect())
    }

    /// Cuts the network, the optimizer's moments and the lineage.
    fn rebuild(&mut self, layer: usize, kept: &[Vec<usize>]) {
        self.network = self.network.clone().keep_neurons(layer, kept);
        self.optimizer.keep_neurons(layer, kept);
        for (ids, kept) in self.lineage[layer].iter_mut().zip(kept) {
            *ids = kept.iter().map(|&position| ids[position]).collect();
        }
    }

    /// Adds what the training after a clip gave to the clip's rows, and hands them out.
    fn complete_rows(&mut self, accuracies: Option<&[f64]>) -> Result<(), TrainerError> {
        let new = &mut self.rows[self.rows_complete..];
        if new.is_empty() {
            return Ok(());
        }
        for row in &mut *new {
            row.accuracy_after_training = accuracies.map(|accuracies| accuracies[row.replica]);
        }
        let widths = &self.network.shape().hidden;
        self.observer.notify(&Event::Cycle { rows: new, widths });
        self.rows_complete = self.rows.len();
        self.folder.write_cycles(&self.rows)
    }

    fn layers_to_clip(&self) -> Vec<usize> {
        let widths = self.network.shape().hidden;
        (0..widths.len())
            .filter(|layer| widths[*layer] > self.config.compression.min_width)
            .collect()
    }

    fn accuracy(&self) -> Result<Vec<f64>, TrainerError> {
        let kind = self.config.evaluation.accuracy;
        accuracy(&self.network, &self.test_images, &self.config.training, kind)
    }

    fn sync(&self) -> Result<(), TrainerError> {
        let device = self.network.layers[0].weight.val().device();
        device.sync().map_err(|error| TrainerError::Device {
            doing: "rebuilding the layers",
            reason: error.to_string(),
        })
    }

    fn write_network(&self) -> Result<(), TrainerError> {
        let shape = self.network.shape();
        let description = Description { shape, ..self.description.clone() };
        self.folder.write_network(&self.network, &description)
    }

    fn summary(&self, device: &str) -> Summary {
        let shape = self.network.shape();
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Failed,
            error: None,
            device: device.to_owned(),
            clips: self.clips,
            widths_before: self.description.shape.hidden.clone(),
            parameters_before: self.description.shape.parameters(),
            parameters_after: shape.parameters(),
            widths: shape.hidden,
            accuracy_before: self.accuracy_before.clone(),
            accuracy_after: self.accuracy_after.clone(),
            train_seconds: self.train_seconds,
            compress_seconds: self.compress_seconds,
            seconds: 0.0,
        }
    }
}

/// Clips until every layer has at most `min_width` neurons.
fn clips_needed(hidden: &[usize], config: &RunConfig) -> usize {
    let compression = &config.compression;
    let clips_of = |m: usize| {
        std::iter::successors(Some(m), |m| Some(kept_count(*m, compression.keep)))
            .take_while(|m| *m > compression.min_width)
            .count()
    };
    hidden.iter().map(|m| clips_of(*m)).max().unwrap_or(0)
}
