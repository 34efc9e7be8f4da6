//! A run: trains all replicas of all methods, chunk after chunk, and writes one folder.
//!
//! `plan.rs` decides what trains when. A chunk (`chunk/`) computes. The session (`session.rs`) records what the
//! chunk returns in the ledger (`ledger/`), writes files (`files.rs`, `networks.rs`), measures the cost
//! (`meter.rs`), takes checkpoints, and notifies the observer (`events.rs`). `cycle.rs` is the loop between chunk
//! and session.

mod beginning;
mod checkpoint_size;
mod chunk;
mod chunk_size;
mod cycle;
mod events;
mod files;
mod finals;
mod inputs;
mod ledger;
mod meter;
mod network;
mod networks;
mod one_shot;
mod options;
mod original;
mod plan;
mod position;
mod rungs;
mod session;
mod state;
mod timed;
mod widths;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayclip_data::Dataset;
use rayclip_run_folder::{Outcome, RunConfig, Summary, paths};
use tracing::info_span;

pub use beginning::check_checkpoint;
pub use events::{Chunks, Event, Observer, PlannedChunk, PlannedCycle};
pub use network::{Resolved, input_shape, named, resolve};
pub use networks::{KeepNetworks, KeptNetwork, export_final};
pub use one_shot::{
    CHANNELS_KEY, Clipped, ClippedGroup, CutTensor, ModelSize, OneShot, Role, WeightSource,
    channel_map, clip_model, clip_network, clip_once,
};
pub use options::{Backend, Interrupter, OnDivergence, RunOptions};
pub use timed::{BatchTimes, ClipTimes, Repeats, batch_times, clip_times};
pub use widths::{Reached, Resizable, Size};

use self::beginning::{Beginning, Environment};
use self::chunk::Chunk;
use self::cycle::ChunkEnd;
use self::inputs::{Inputs, Uploaded};
use self::plan::Plan;
use self::position::{Position, TrainingSchedule};
use self::session::{About, Session};
use crate::device::{among_workers, is_host};
use crate::error::TrainerError;
use crate::error::chain;
use crate::folder::RunDir;
use crate::folder::checkpoint::Checkpoints;
use crate::measure::{TimedRung, latencies};
use crate::train::{BATCHES, repeats};

/// Runs `config` on `backend` and writes everything into `folder`. Resumes from the last checkpoint if the folder
/// has one.
///
/// Methods and seeds train in parallel as replicas of one batched network. On the CPU backends, each replica gives
/// the same bits as if it trained alone, and a resumed run gives the same bits as an uninterrupted one. A replica
/// that diverges is frozen and reported, and takes no further part.
///
/// # Errors
/// No replica is left, a file cannot be written, or the device fails. The folder keeps what was finished before,
/// with a summary that names the error.
pub fn run(
    config: &RunConfig,
    dataset: Dataset,
    backend: Backend<'_>,
    options: &RunOptions,
    folder: &RunDir,
    observer: &mut dyn Observer,
) -> Result<Summary, TrainerError> {
    let (folder, device) = (folder.folder(), backend.device);
    let memory = options.device_image_memory();
    let uploaded = info_span!("upload").in_scope(|| {
        no_panic(|| Uploaded::new(config, dataset, device, Some(folder.path()), memory))
    })?;
    let Uploaded { splits, labels, description, rungs, original, data } = &uploaded;
    let network = original.as_ref().map(|(network, _)| network);
    let inputs = Inputs { config, splits, rungs, original: network, device };
    let environment = Environment { folder, backend, options, data };
    let beginning = no_panic(|| Beginning::find(inputs, environment, observer))?;
    let Beginning { plan, keeping, ledger, files, finals, mut meter, unused, chunk } = beginning;
    if !is_host(device) {
        let train = || no_panic(|| repeats(|| train_again(&plan, inputs)));
        check_repeats(train, environment, observer)?;
    }
    meter.plan(plan.batches(config, rungs.after().len()));
    let about = About {
        config,
        folder,
        rungs,
        description,
        data,
        device: backend.name,
        keeping,
        on_divergence: options.on_divergence,
        interrupter: options.interrupter.clone(),
        chunks: plan.numbers(),
    };
    let checkpoints = Checkpoints::of(folder, options.checkpoints);
    let position = Position::default();
    let mut session =
        Session { about, ledger, files, finals, meter, checkpoints, observer, position };
    session.begin(&unused)?;
    folder.write_labels(labels)?;
    if !config.network.is_mlp() {
        folder.write(paths::GRAPH, &network::encode(&rungs.first().graph)?)?;
    }
    if let Some((_, bytes)) = original {
        folder.write(paths::ORIGINAL, bytes)?;
    }
    let outcome = no_panic(|| {
        let end = among_workers(device, || plan.run(inputs, chunk, &mut session));
        conclude(end, &session)
    });
    finish(session, inputs, outcome)
}

/// Trains fresh networks of the first chunk on a few batches.
fn train_again(plan: &Plan, inputs: Inputs<'_>) -> Result<rayclip_model::Population, TrainerError> {
    let replicas = plan.first().ok_or_else(|| TrainerError::fault("the run has no replica"))?;
    let mut chunk = Chunk::start(inputs, replicas, TrainingSchedule::Ladder)?;
    for _ in 0..BATCHES.min(inputs.rungs.cycles().batches(0)) {
        chunk.train_batch()?;
    }
    chunk.join_lanes()?;
    Ok(chunk.network()?.clone())
}

/// Checks that the device gives the same bits when it repeats a batch. If not, it is an error with
/// `--deterministic`; otherwise the observer is notified.
///
/// # Errors
/// The device does not repeat its bits and `--deterministic` was given, or the device fails.
fn check_repeats(
    repeats: impl FnOnce() -> Result<bool, TrainerError>,
    environment: Environment<'_>,
    observer: &mut dyn Observer,
) -> Result<(), TrainerError> {
    if repeats()? {
        return Ok(());
    }
    if environment.options.deterministic {
        return Err(TrainerError::NotDeterministic { device: environment.backend.name.to_owned() });
    }
    observer.notify(&Event::NotDeterministic);
    Ok(())
}

/// Writes the final networks and returns how the chunks of a run ended.
///
/// # Errors
/// The error that ended the chunks; or no replica is left, or the networks cannot be written.
fn conclude(
    end: Result<ChunkEnd, TrainerError>,
    session: &Session<'_>,
) -> Result<Outcome, TrainerError> {
    let diverged = session.ledger.all_diverged().map(|first| TrainerError::AllDiverged {
        replicas: session.ledger.replicas().len(),
        first: first.clone(),
        learning_rate: largest_rate(session.about.config),
    });
    let written = session.write_networks();
    match (diverged.map_or(end, Err)?, written) {
        (_, Err(error)) => Err(error),
        (ChunkEnd::Complete, Ok(())) => Ok(Outcome::Finished),
        (ChunkEnd::Interrupted, Ok(())) => Ok(Outcome::Interrupted),
    }
}

/// Returns the largest learning rate of all methods.
fn largest_rate(config: &RunConfig) -> f64 {
    let rates = config.compression.methods.iter().map(|method| config.training.rate_of(*method));
    rates.filter_map(Result::ok).fold(0.0, f64::max)
}

/// Writes how a run ended.
///
/// # Errors
/// The error that ended the run, or a file of a finished run cannot be written.
fn finish(
    mut session: Session<'_>,
    inputs: Inputs<'_>,
    outcome: Result<Outcome, TrainerError>,
) -> Result<Summary, TrainerError> {
    let folder = session.about.folder;
    let how = *outcome.as_ref().unwrap_or(&Outcome::Failed);
    session.ledger.end(how);
    let mut without = vec![];
    if how == Outcome::Finished {
        // A finished run is not lost because its networks could not be timed.
        if let Err(error) = retry(ATTEMPTS, || time(inputs, &session)) {
            let line = format!("latency.csv: {}", chain(&error));
            tracing::warn!("the run is finished, but lacks {line}");
            without.push(line);
        }
    }
    let error = outcome.as_ref().err().map(ToString::to_string);
    let summary = Summary { outcome: how, error, without, ..session.summary() };
    let written = write_end(&session, &summary);
    outcome?;
    written?;
    if how == Outcome::Finished {
        folder.finish()?;
    }
    Ok(summary)
}

/// Writes that the run has ended, after all other results; only the manifest is written later.
///
/// # Errors
/// The file system refuses.
fn write_end(session: &Session<'_>, summary: &Summary) -> Result<(), TrainerError> {
    for name in session.files.restore()? {
        tracing::warn!("{name} was changed while the run was writing it, and was written again");
    }
    let folder = session.about.folder;
    folder.sync_all()?;
    folder.write_progress(&summary.progress)?;
    Ok(folder.write_summary(summary)?)
}

/// Times the networks of the ladder at the halvings of the width.
fn time(inputs: Inputs<'_>, session: &Session<'_>) -> Result<(), TrainerError> {
    let Inputs { config, splits, rungs, device, .. } = inputs;
    let clips = std::iter::once(None).chain(config.halvings().into_iter().map(Some));
    // With a global ranking, the networks of the first replica that is finished.
    let finished = session.ledger.replicas().iter().find(|r| r.outcome == Outcome::Finished);
    let own = finished.filter(|_| rungs.global().is_some());
    let own = own.map(|replica| rungs.of_network(&session.ledger.widths_of(replica.replica)));
    let rungs = own.as_ref().unwrap_or(rungs);
    let timed = |clip| TimedRung { clip, graph: rungs.at(clip).graph.clone() };
    let timed: Vec<TimedRung> = clips.map(timed).collect();
    let sizes = [1, config.compression.latency_images, config.training.batch_size];
    let sizes = sizes.map(|size| size.min(splits.test.len())).into();
    let rows = info_span!("latency")
        .in_scope(|| no_panic(|| latencies(&timed, device, &splits.test, &sizes)))?;
    Ok(session.about.folder.write_latency(&rows)?)
}

/// A failure may be temporary, so the timing is tried this many times.
const ATTEMPTS: usize = 3;

/// Calls `work` up to `attempts` times, until it succeeds. Returns the result or the last error.
fn retry<T, E>(attempts: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..attempts {
        if let Ok(done) = work() {
            return Ok(done);
        }
    }
    work()
}

/// Calls `work` and turns a panic into an error. Backends panic if the device is lost or out of memory.
fn no_panic<T>(work: impl FnOnce() -> Result<T, TrainerError>) -> Result<T, TrainerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(TrainerError::Panic { reason: text.unwrap_or_else(|| "the reason is unknown".into()) })
    })
}
