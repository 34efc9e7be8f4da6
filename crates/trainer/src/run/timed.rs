//! How long parts of a run take: a batch of training, and a clip. A chunk does them as in a run, again and again.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use rayclip_data::Dataset;
use rayclip_run_folder::{Replica, RunConfig};

use super::chunk::{Advance, Chunk};
use super::inputs::{Inputs, Uploaded};
use super::no_panic;
use super::plan::Plan;
use super::position::TrainingSchedule;
use crate::device::among_workers;
use crate::error::TrainerError;

/// How often a part is timed, after once that does not count: it compiles kernels and fills caches.
#[derive(Debug, Clone, Copy)]
pub struct Repeats {
    /// At least so often.
    pub least: usize,
    /// At most so often.
    pub most: usize,
    /// No more after this time.
    pub enough: Duration,
}

/// The times of batches of training.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchTimes {
    /// Networks that train at the same time.
    pub at_once: usize,
    /// Images of the batch of each network.
    pub images: usize,
    /// Seconds of a batch of all these networks, of each repetition.
    pub seconds: Vec<f64>,
    /// Floating-point operations of its products, of all these networks; `None` if there are too many to count.
    pub flops: Option<f64>,
}

/// The times of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTimes {
    /// Networks that are clipped at the same time.
    pub at_once: usize,
    /// Seconds of a whole clip of each repetition: the neurons are scored, the layers rebuilt and checked.
    pub seconds: Vec<f64>,
    /// Seconds of these in the solver; zero without one.
    pub solver_seconds: Vec<f64>,
}

/// Batches between two looks at the clock take this time at least. A GPU is waited for only then.
const BLOCK: Duration = Duration::from_millis(50);

/// Times batches of training of the networks of a configuration that train at the same time in a run.
///
/// # Errors
/// The configuration does not fit the images, its networks do not fit into memory, or the device fails.
pub fn batch_times(
    config: &RunConfig,
    dataset: Dataset,
    device: &Device,
    repeats: Repeats,
) -> Result<BatchTimes, TrainerError> {
    with_chunk_of(config, dataset, device, |inputs, replicas| {
        let mut chunk = Chunk::start(inputs, replicas, TrainingSchedule::Ladder)?;
        let mut batches = |count: usize| {
            let began = Instant::now();
            (0..count).try_for_each(|_| chunk.train_batch())?;
            chunk.sync()?;
            Ok::<_, TrainerError>(began.elapsed())
        };
        batches(1)?;
        let one = batches(1)?;
        let count = (BLOCK.as_secs_f64() / one.as_secs_f64().max(1e-9)).ceil().min(100.0) as usize;
        let seconds = repeat(repeats, || Ok(batches(count)?.as_secs_f64() / count as f64))?;
        let images = config.training.batch_size.min(inputs.splits.train.len());
        let all = (images * replicas.len()) as f64;
        let flops = inputs.rungs.first().training_flops.map(|of_image| of_image * all);
        Ok(BatchTimes { at_once: replicas.len(), images, seconds, flops })
    })
}

/// Times the first clip of the networks of a configuration that are clipped at the same time in a run.
///
/// # Errors
/// As [`batch_times`], or there is no clip, or the solver refuses a problem.
pub fn clip_times(
    config: &RunConfig,
    dataset: Dataset,
    device: &Device,
    repeats: Repeats,
) -> Result<ClipTimes, TrainerError> {
    with_chunk_of(config, dataset, device, |inputs, replicas| {
        let mut solver_seconds = vec![];
        let mut clip = || {
            let mut chunk = Chunk::start(inputs, replicas, TrainingSchedule::Ladder)?;
            while !matches!(chunk.advance()?, Advance::Trained(_)) {}
            chunk.sync()?;
            let began = Instant::now();
            let mut in_solver = 0.0;
            loop {
                match chunk.advance()? {
                    Advance::Scored(scored) => {
                        in_solver += scored.and_then(|scored| scored.solve_seconds).unwrap_or(0.0);
                    }
                    Advance::Clipped(_) => break,
                    _ => return Err(TrainerError::fault("a chunk that is timed has no clip")),
                }
            }
            solver_seconds.push(in_solver);
            Ok(began.elapsed().as_secs_f64())
        };
        clip()?;
        let seconds = repeat(repeats, clip)?;
        solver_seconds.remove(0);
        Ok(ClipTimes { at_once: replicas.len(), seconds, solver_seconds })
    })
}

/// Calls `work` with the first networks of a run that train at the same time.
fn with_chunk_of<T: Send>(
    config: &RunConfig,
    dataset: Dataset,
    device: &Device,
    work: impl FnOnce(Inputs<'_>, &[Replica]) -> Result<T, TrainerError> + Send,
) -> Result<T, TrainerError> {
    no_panic(|| {
        let uploaded = Uploaded::new(config, dataset, device, None, usize::MAX)?;
        let Uploaded { splits, rungs, original, .. } = &uploaded;
        let original = original.as_ref().map(|(network, _)| network);
        let inputs = Inputs { config, splits, rungs, original, device };
        let plan = Plan::of(config, &rungs.first().graph, device, splits.train.len(), None)?;
        let none = || TrainerError::fault("the run has no replica");
        let replicas = plan.first().ok_or_else(none)?;
        among_workers(device, || work(inputs, replicas))
    })
}

/// Returns the results of `time`, called as often as `repeats` says.
fn repeat(
    Repeats { least, most, enough }: Repeats,
    mut time: impl FnMut() -> Result<f64, TrainerError>,
) -> Result<Vec<f64>, TrainerError> {
    let began = Instant::now();
    let mut times = vec![];
    while times.len() < least || (times.len() < most && began.elapsed() < enough) {
        times.push(time()?);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, dataset};
    use super::*;

    const THRICE: Repeats = Repeats { least: 3, most: 3, enough: Duration::ZERO };

    #[test]
    fn batches_and_clips_of_all_networks_that_train_at_once_are_timed() {
        let config = config(&["replicas=2", "compression.methods=['dtc']"]);
        let device = Device::flex();
        let batch = batch_times(&config, dataset(), &device, THRICE).unwrap();
        assert_eq!((batch.at_once, batch.seconds.len()), (2, 3));
        assert!(batch.seconds.iter().all(|seconds| *seconds > 0.0));
        let clip = clip_times(&config, dataset(), &device, THRICE).unwrap();
        assert_eq!((clip.at_once, clip.seconds.len(), clip.solver_seconds.len()), (2, 3, 3));
        for (all, solver) in clip.seconds.iter().zip(&clip.solver_seconds) {
            assert!(all > solver && *solver > 0.0);
        }
    }
}
