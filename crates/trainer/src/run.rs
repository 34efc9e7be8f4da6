//! A run: all replicas of all methods, chunk after chunk, into one folder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Device;
use rayclip_data::Dataset;
use rayclip_model::{Description, MlpShape};

use crate::checkpoint::{Checkpoint, Place, Schedule};
use crate::chunk::Chunk;
use crate::chunk_size::{ChunkSize, chunk_size, split};
use crate::config::{Method, Normalization};
use crate::determinism::repeats;
use crate::device::is_host;
use crate::events::{DataSummary, Event, Observer, Outcome, Summary};
use crate::images::{DeviceImages, PixelScale, Splits};
use crate::ladder::{halvings, ladder, scratch_clips};
use crate::latency::{LatencyRow, latencies};
use crate::record::Record;
use crate::replica::{Replica, by_method};
use crate::scratch::{Rung, train_to_budget};
use crate::{RunConfig, RunDir, TrainerError};

/// Where a run computes.
#[derive(Debug, Clone, Copy)]
pub struct Backend<'a> {
    /// The device.
    pub device: &'a Device,
    /// Backend and adapter, for the record.
    pub name: &'a str,
}

/// How a run is conducted. On the CPU backends no result depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conduct {
    /// Replicas that train at once, at most; as many as memory takes (on a CPU, as are fast) where it is
    /// not given. A run that is gone on with keeps to the chunks that it began with.
    pub at_once: Option<usize>,
    /// When checkpoints are taken.
    pub checkpoints: Schedule,
    /// What a replica does that diverges.
    pub on_divergence: OnDivergence,
    /// Whether a GPU is refused that gives other bits for the same batch again; else it is told.
    pub deterministic: bool,
}

/// What a replica does whose loss, weights or scores are not finite any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDivergence {
    /// It is frozen, and the others go on.
    #[default]
    Freeze,
    /// It ends the run.
    Stop,
}

/// Runs `config` on `backend` and writes everything into `folder`; from the last checkpoint on, where the
/// folder holds one.
///
/// Methods and seeds train side by side as replicas of one batched network; on the CPU backends each
/// ends, to the bit, as it does alone, and a run that was gone on with as one that never ended. A replica
/// that diverges is frozen, reported and left behind.
///
/// # Errors
/// No replica is left, a file cannot be written, or the device fails. What was finished before is in
/// the folder, with a summary that names the error.
pub fn run(
    config: &RunConfig,
    dataset: Dataset,
    backend: Backend<'_>,
    conduct: Conduct,
    folder: &RunDir,
    observer: &mut dyn Observer,
) -> Result<Summary, TrainerError> {
    let Images { splits, description, summary: data } =
        no_panic(|| upload(config, dataset, backend.device))?;
    let on = (&description.shape, backend.device);
    let fresh = || Record::new(config, folder, description.clone(), backend, conduct, data.clone());
    let restore = |checkpoint: &Checkpoint| {
        let mut record = fresh();
        let last = ladder(config).pop().unwrap_or_else(|| config.network.hidden.clone());
        let last = MlpShape { hidden: last, ..description.shape.clone() };
        record.restore(checkpoint, (&last, backend.device))?;
        let chunk = Chunk::restore(config, &splits, on, checkpoint)?;
        Ok((record, chunk))
    };
    let checkpoints = folder.checkpoints(conduct.checkpoints);
    let (found, skipped) = no_panic(|| checkpoints.latest((config, &data.digest), restore))?;
    for skipped in &skipped {
        observer.notify(&Event::CheckpointSkipped { path: &skipped.path, reason: &skipped.reason });
    }
    let (mut record, plan, from) = if let Some((Checkpoint { state, .. }, (record, chunk))) = found
    {
        let plan = Plan::again(config, &state.clipped, &state.scratch);
        let now = (backend.name, env!("CARGO_PKG_VERSION"));
        let was = ((state.device.as_str(), state.engine.as_str()) != now)
            .then(|| format!("{} by rayclip {}", state.device, state.engine));
        let was = was.as_deref();
        plan.announce(config, observer);
        observer.notify(&Event::Resumed { batches_done: state.batches_done, was });
        (record, plan, Some((state.place, chunk)))
    } else {
        let plan = Plan::of(config, on, splits.train.len(), conduct.at_once)?;
        plan.announce(config, observer);
        (fresh(), plan, None)
    };
    if !is_host(backend.device) && !no_panic(|| plan.repeats(config, &splits, on))? {
        if conduct.deterministic {
            return Err(TrainerError::NotDeterministic { device: backend.name.to_owned() });
        }
        observer.notify(&Event::NotDeterministic);
    }
    record.started(plan.batches(config), plan.numbers())?;

    let outcome = no_panic(|| {
        let result = plan.run(from, config, &splits, on, &mut record, observer);
        let result = match record.all_diverged() {
            Some(first) => Err(TrainerError::AllDiverged {
                replicas: config.all_replicas().len(),
                first,
                learning_rate: config.training.learning_rate,
            }),
            None => result,
        };
        match (result, record.write_network()) {
            (Ok(outcome), written) => written.map(|()| outcome),
            (error, _) => error,
        }
    });
    record.ended(*outcome.as_ref().unwrap_or(&Outcome::Failed));
    if matches!(outcome, Ok(Outcome::Finished)) {
        // A network that is done is not lost because it could not be timed.
        let timed = no_panic(|| plan.latencies(config, on, &splits));
        if let Err(error) = timed.and_then(|rows| folder.write_latency(&rows)) {
            tracing::warn!("no latency.csv: {error}");
        }
    }
    let summary = Summary {
        outcome: *outcome.as_ref().unwrap_or(&Outcome::Failed),
        error: outcome.as_ref().err().map(ToString::to_string),
        ..record.summary()
    };
    // What says that the run is at its end comes after all that it left.
    let written = folder
        .sync()
        .and_then(|()| folder.write_progress(&summary.progress))
        .and_then(|()| folder.write_summary(&summary));
    if outcome.is_ok() {
        written?;
    }
    if summary.outcome == Outcome::Finished {
        folder.tidy()?;
    }
    outcome.map(|_| summary)
}

/// What `work` returns; an error where it panics, as backends do whose device is lost or full.
fn no_panic<T>(work: impl FnOnce() -> Result<T, TrainerError>) -> Result<T, TrainerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(TrainerError::Panic { reason: text.unwrap_or_else(|| "no reason is known".into()) })
    })
}

struct Images {
    splits: Splits,
    description: Description,
    summary: DataSummary,
}

/// Holds images out, uploads the splits, and describes the network that they ask for.
fn upload(
    config: &RunConfig,
    mut dataset: Dataset,
    device: &Device,
) -> Result<Images, TrainerError> {
    let digest = dataset.digest();
    let fraction = config.data.validation;
    let validation = (fraction > 0.0).then(|| dataset.hold_out(fraction)).transpose()?;
    let summary = DataSummary {
        name: dataset.name.clone(),
        digest,
        train: dataset.train.len(),
        validation: validation.as_ref().map_or(0, rayclip_data::Split::len),
        test: dataset.test.len(),
        image_shape: dataset.image_shape.clone(),
        classes: dataset.classes,
    };
    let (mean, deviation) = match config.data.normalization {
        Normalization::Fixed => (config.data.mean, config.data.deviation),
        Normalization::TrainingPixels => dataset.pixel_statistics(),
    };
    let inputs = dataset.pixels();
    let shape = MlpShape {
        replicas: 1,
        inputs,
        hidden: config.network.hidden.clone(),
        outputs: dataset.classes,
        bias: config.network.bias,
    };
    shape.validate()?;
    let scale = PixelScale { mean, deviation };
    let upload = |split| DeviceImages::upload(split, inputs, scale, device);
    let splits = Splits {
        train: upload(dataset.train),
        validation: validation.map(upload),
        test: upload(dataset.test),
    };
    let image_shape = dataset.image_shape;
    Ok(Images { splits, description: Description { shape, image_shape, mean, deviation }, summary })
}

/// What trains when.
struct Plan {
    /// Chunks of replicas that are clipped.
    clipped: Vec<Vec<Replica>>,
    /// Chunks of replicas that train from scratch at every clip of `scratch_clips`.
    scratch: Vec<Vec<Replica>>,
    scratch_clips: Vec<usize>,
    ladder: Vec<Vec<usize>>,
    /// Why not more train at once.
    reason: String,
}

impl Plan {
    fn of(
        config: &RunConfig,
        (shape, device): (&MlpShape, &Device),
        images: usize,
        at_once: Option<usize>,
    ) -> Result<Self, TrainerError> {
        let batch_size = config.training.batch_size.min(images);
        let ChunkSize { replicas: size, reason } = chunk_size(shape, batch_size, device, at_once)?;
        let (scratch, clipped): (Vec<Replica>, Vec<Replica>) =
            config.all_replicas().into_iter().partition(|r| r.method == Method::Scratch);
        let chunks = |replicas: Vec<Replica>| chunks(replicas, size);
        Ok(Self::with(config, chunks(clipped), chunks(scratch), reason))
    }

    /// With the chunks that a run began with, by the numbers of their replicas.
    fn again(config: &RunConfig, clipped: &[Vec<usize>], scratch: &[Vec<usize>]) -> Self {
        let all = config.all_replicas();
        let chunks = |numbers: &[Vec<usize>]| {
            let chunk = |numbers: &Vec<usize>| numbers.iter().map(|n| all[*n]).collect();
            numbers.iter().map(chunk).collect()
        };
        Self::with(config, chunks(clipped), chunks(scratch), "as the run began".into())
    }

    fn with(
        config: &RunConfig,
        clipped: Vec<Vec<Replica>>,
        scratch: Vec<Vec<Replica>>,
        reason: String,
    ) -> Self {
        // Refused by validate() where it matters.
        let scratch_clips = scratch_clips(config).unwrap_or_default();
        Self { clipped, scratch, scratch_clips, ladder: ladder(config), reason }
    }

    /// Numbers of the replicas of all chunks.
    fn numbers(&self) -> [Vec<Vec<usize>>; 2] {
        [&self.clipped, &self.scratch].map(|chunks| {
            let numbers = |chunk: &Vec<Replica>| chunk.iter().map(|r| r.number).collect();
            chunks.iter().map(numbers).collect()
        })
    }

    /// Batches of the whole run, each of a chunk.
    fn batches(&self, config: &RunConfig) -> usize {
        let of_scratch: usize = self.scratch_clips.iter().map(|clip| clip + 2).sum();
        let cycles = self.clipped.len() * (self.ladder.len() + 1) + self.scratch.len() * of_scratch;
        cycles.saturating_mul(config.training.batches_per_cycle)
    }

    fn announce(&self, config: &RunConfig, observer: &mut dyn Observer) {
        observer.notify(&Event::Started {
            clips: self.ladder.len(),
            batches: self.batches(config),
            widths: &config.network.hidden,
        });
        if self.clipped.len() > 1 || self.scratch.len() > 1 {
            observer.notify(&Event::Chunked {
                replicas: config.all_replicas().len(),
                at_once: self.clipped.iter().chain(&self.scratch).map(Vec::len).max().unwrap_or(0),
                reason: &self.reason,
            });
        }
    }

    /// All chunks, one after the other, until one is interrupted; `from` a place on, with the chunk that
    /// trains there.
    fn run<'a>(
        &self,
        from: Option<(Place, Chunk<'a>)>,
        config: &'a RunConfig,
        splits: &'a Splits,
        (shape, device): (&MlpShape, &Device),
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, TrainerError> {
        let (first, mut from) = from.map_or((Place::default(), None), |(p, c)| (p, Some(c)));
        let mut next =
            |place: Place, replicas: &[Replica], shape: &MlpShape, record: &mut Record<'_>| {
                record.enter(place);
                if let Some(chunk) = from.take() {
                    return Ok(chunk);
                }
                // What the chunk before took is not this one's.
                record.joules();
                let chunk = Chunk::start(config, splits, replicas, (shape, device))?;
                // What trains at once is known from here on.
                chunk.checkpoint(record)?;
                Ok::<_, TrainerError>(chunk)
            };
        for (number, replicas) in self.clipped.iter().enumerate() {
            let place = Place { chunk: number, ..Place::default() };
            if place.is_before(&first) {
                continue;
            }
            let chunk = next(place, replicas, shape, record)?;
            if chunk.cycle_until_small(record, observer)? == Outcome::Interrupted {
                return Ok(Outcome::Interrupted);
            }
        }
        for (number, all) in self.scratch.iter().enumerate() {
            for (rung, &clip) in self.scratch_clips.iter().enumerate() {
                let place = Place { scratch: true, chunk: number, rung, ..Place::default() };
                let replicas: Vec<Replica> =
                    all.iter().filter(|replica| !record.is_frozen(**replica)).copied().collect();
                if place.is_before(&first) || replicas.is_empty() {
                    continue;
                }
                let rung = self.rung(config, clip);
                let shape = MlpShape { hidden: rung.after.to_vec(), ..shape.clone() };
                let chunk = next(place, &replicas, &shape, record)?;
                if train_to_budget(chunk, &rung, record, observer)? == Outcome::Interrupted {
                    return Ok(Outcome::Interrupted);
                }
            }
            record.done(all);
        }
        Ok(Outcome::Finished)
    }

    /// Whether the device gives the same bits for the first batches of the first chunk again.
    fn repeats(
        &self,
        config: &RunConfig,
        splits: &Splits,
        on: (&MlpShape, &Device),
    ) -> Result<bool, TrainerError> {
        let first = self.clipped.iter().chain(&self.scratch).next();
        first.map_or(Ok(true), |replicas| repeats(config, splits, replicas, on))
    }

    /// How long networks take at the halvings of the width.
    fn latencies(
        &self,
        config: &RunConfig,
        on: (&MlpShape, &Device),
        splits: &Splits,
    ) -> Result<Vec<LatencyRow>, TrainerError> {
        let halvings = halvings(config).into_iter().map(|c| (Some(c), self.ladder[c].clone()));
        let first = std::iter::once((None, config.network.hidden.clone()));
        let rungs: Vec<_> = first.chain(halvings).collect();
        latencies(&rungs, on, &splits.test, config.training.batch_size)
    }

    fn rung<'a>(&'a self, config: &'a RunConfig, clip: usize) -> Rung<'a> {
        let before = if clip == 0 { &config.network.hidden } else { &self.ladder[clip - 1] };
        Rung { clip, before, after: &self.ladder[clip], last: clip + 1 == self.ladder.len() }
    }
}

/// Chunks of at most `size` replicas, seed by seed: a run that is interrupted has all methods (but
/// `scratch`, which comes last) of the seeds that it has, where a chunk holds all methods.
fn chunks(mut replicas: Vec<Replica>, size: usize) -> Vec<Vec<Replica>> {
    let methods = by_method(&replicas).len().max(1);
    replicas.sort_by_key(|replica| (replica.place, replica.number));
    let together = if methods <= size { methods } else { 1 };
    let units: Vec<&[Replica]> = replicas.chunks(together).collect();
    let mut chunks: Vec<Vec<Replica>> =
        split(&units, size / together).map(<[&[Replica]]>::concat).collect();
    for chunk in &mut chunks {
        chunk.sort_by_key(|replica| replica.number);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, Setting, resolve};

    #[test]
    fn a_chunk_has_all_methods_of_its_seeds_where_it_can() {
        let settings = ["replicas=5", "seed=3", "compression.methods=['dtc', 'l2', 'random']"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let numbers = |size| -> Vec<Vec<usize>> {
            let chunks = chunks(config.all_replicas(), size).into_iter();
            chunks.map(|chunk| chunk.iter().map(|replica| replica.number).collect()).collect()
        };
        assert_eq!(
            numbers(7),
            [vec![0, 1, 5, 6, 10, 11], vec![2, 3, 7, 8, 12, 13], vec![4, 9, 14]]
        );
        assert_eq!(numbers(2).len(), 8);
        assert_eq!(numbers(100), [(0..15).collect::<Vec<_>>()]);
    }
}
