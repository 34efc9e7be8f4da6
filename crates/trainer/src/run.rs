//! A run: all replicas of all methods, chunk after chunk, into one folder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Device;
use rayclip_data::Dataset;
use rayclip_model::{Description, MlpShape};

use crate::checkpoint::{Checkpoint, Schedule};
use crate::chunk::Chunk;
use crate::config::Normalization;
use crate::device::is_host;
use crate::events::{DataSummary, Event, Observer, Outcome, Summary};
use crate::images::{DeviceImages, PixelScale, Splits};
use crate::ladder::ladder;
use crate::plan::Plan;
use crate::record::Record;
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
    // What says that the run is at its end comes after all that it left, and the manifest last.
    let written = folder
        .sync()
        .and_then(|()| folder.write_progress(&summary.progress))
        .and_then(|()| folder.write_summary(&summary));
    if outcome.is_ok() {
        written?;
    }
    if summary.outcome == Outcome::Finished {
        folder.seal()?;
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
