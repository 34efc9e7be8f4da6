//! A run: all replicas of all methods, chunk after chunk, into one folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use rayclip_data::{Dataset, plain};
use rayclip_model::{Description, MlpShape};

use crate::checkpoint::{Checkpoint, Schedule, Wanted, most_bytes};
use crate::chunk::Chunk;
use crate::config::Normalization;
use crate::device::is_host;
use crate::error::chain;
use crate::events::{DataSummary, Event, Observer, Outcome, Summary};
use crate::images::{DeviceImages, PixelScale, Splits};
use crate::ladder::ladder;
use crate::networks::{KeepNetworks, Keeping};
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
    /// Which networks of the rungs are kept; all that take less than 1 GiB together, else those at the halvings
    /// of the width, where it is not given. A run that is resumed keeps to what it began with.
    pub keep_networks: Option<KeepNetworks>,
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
    let Images { splits, labels, description, summary: data } =
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
    let most_bytes = most_bytes(config, &description.shape);
    let wanted = Wanted { config, data: &data.digest, most_bytes };
    let (found, skipped) = no_panic(|| checkpoints.latest(wanted, restore))?;
    for skipped in &skipped {
        observer.notify(&Event::CheckpointSkipped { path: &skipped.path, reason: &skipped.reason });
    }
    let (mut record, plan, from) = if let Some((Checkpoint { state, .. }, (record, chunk))) = found
    {
        let plan = Plan::again(config, &state.clipped, &state.scratch);
        let now = (backend.name, env!("CARGO_PKG_VERSION"));
        let was = ((state.device.as_str(), state.engine.as_str()) != now)
            .then(|| format!("{} by rayclip {}", plain(&state.device), plain(&state.engine)));
        let was = was.as_deref();
        plan.announce(config, observer);
        observer.notify(&Event::Resumed { batches_done: state.batches_done, was });
        (record, plan, Some((state.place, chunk)))
    } else {
        let plan = Plan::of(config, on, splits.train.len(), conduct.at_once)?;
        plan.announce(config, observer);
        Keeping::announce(conduct.keep_networks, config, &description.shape, observer);
        (fresh(), plan, None)
    };
    if !is_host(backend.device) && !no_panic(|| plan.repeats(config, &splits, on))? {
        if conduct.deterministic {
            return Err(TrainerError::NotDeterministic { device: backend.name.to_owned() });
        }
        observer.notify(&Event::NotDeterministic);
    }
    record.started(plan.batches(config), plan.numbers())?;
    folder.write_labels(&labels)?;

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
    let time = || folder.write_latency(&no_panic(|| plan.latencies(config, on, &splits))?);
    let without = match outcome {
        Ok(Outcome::Finished) => tried(ATTEMPTS, time).err(),
        _ => None,
    };
    // A network that is done is not lost because it could not be timed.
    let without = without.map(|error| format!("latency.csv: {}", chain(&error)));
    if let Some(line) = &without {
        tracing::warn!("the run is finished without {line}");
    }
    let summary = Summary {
        outcome: *outcome.as_ref().unwrap_or(&Outcome::Failed),
        error: outcome.as_ref().err().map(ToString::to_string),
        without: without.into_iter().collect(),
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

/// What fails once may be a moment's trouble.
const ATTEMPTS: usize = 3;

/// What `work` returns the first time that it does not fail; its last error, where it fails `attempts` times.
fn tried<T, E>(attempts: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..attempts {
        if let Ok(done) = work() {
            return Ok(done);
        }
    }
    work()
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
    /// Of the test images.
    labels: Vec<u8>,
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
        folder: dataset.folder.as_deref().and_then(Path::to_str).map(str::to_owned),
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
    let labels = dataset.test.labels.clone();
    let upload = |split| DeviceImages::upload(split, inputs, scale, device);
    let splits = Splits {
        train: upload(dataset.train),
        validation: validation.map(upload),
        test: upload(dataset.test),
    };
    let image_shape = dataset.image_shape;
    let description = Description { shape, image_shape, mean, deviation };
    Ok(Images { splits, labels, description, summary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_for_a_moment_is_tried_again() {
        let fails = |times: usize| {
            let mut calls = 0;
            let result = tried(3, || {
                calls += 1;
                if calls <= times { Err(calls) } else { Ok(calls) }
            });
            (result, calls)
        };
        assert_eq!(fails(0), (Ok(1), 1));
        assert_eq!(fails(2), (Ok(3), 3));
        assert_eq!(fails(3), (Err(3), 3));
    }
}
