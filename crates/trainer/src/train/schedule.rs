//! The learning rate of every batch.

use std::f64::consts::PI;

use rayclip_run_folder::config::{ScheduleKind, TrainingConfig};

/// The start and the end of a one-cycle schedule, as fractions of the largest rate, and the fraction of the
/// batches in which it rises.
///
/// # References
/// Smith, Topin, *Super-convergence* (2019), with the values of PyTorch.
const FIRST: f64 = 1.0 / 25.0;
const LAST: f64 = FIRST / 1e4;
const RISE: f64 = 0.3;

/// Returns the learning rate of batch `batch` (counted from 0) of a schedule over `batches` batches, whose largest rate
/// is `most`.
pub(crate) fn learning_rate(
    training: &TrainingConfig,
    most: f64,
    batch: usize,
    batches: usize,
) -> f64 {
    let warmup = training.warmup.min(batches);
    if batch < warmup {
        return warmed_up(most, batch, warmup);
    }
    // From 0 at the first batch after the warm-up to 1 after the last one.
    let passed = (batch - warmup) as f64 / (batches - warmup).max(1) as f64;
    match training.schedule {
        ScheduleKind::Constant => most,
        ScheduleKind::Cosine => most * between(1.0, 0.0, passed),
        ScheduleKind::OneCycle if passed < RISE => most * between(FIRST, 1.0, passed / RISE),
        ScheduleKind::OneCycle => most * between(1.0, LAST, (passed - RISE) / (1.0 - RISE)),
        ScheduleKind::Step => {
            let steps = training.step_at.iter().filter(|at| passed >= **at).count();
            most * training.step_factor.powi(steps as i32)
        }
    }
}

/// Returns the learning rate of batch `batch` of the training before the schedule begins: it does not change after the
/// warm-up.
pub(crate) fn before_schedule(training: &TrainingConfig, most: f64, batch: usize) -> f64 {
    if batch < training.warmup { warmed_up(most, batch, training.warmup) } else { most }
}

/// Returns the learning rate of a batch of the warm-up.
fn warmed_up(most: f64, batch: usize, warmup: usize) -> f64 {
    most * (batch + 1) as f64 / warmup as f64
}

/// Half a period of the cosine, from `first` to `last`.
fn between(first: f64, last: f64, passed: f64) -> f64 {
    last + (first - last) * (1.0 + (PI * passed).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    fn rates(settings: &[&str], at: &[usize]) -> Vec<f64> {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap().training;
        at.iter().map(|batch| learning_rate(&config, config.learning_rate, *batch, 100)).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn rates_are_those_of_their_schedules() {
        assert_eq!(rates(&[], &[0, 50, 99]), [1e-3; 3]);
        let cosine = ["training.schedule=cosine", "training.learning_rate=2"];
        assert_close(&rates(&cosine, &[0, 50, 100]), &[2.0, 1.0, 0.0]);
        let step = ["training.schedule=step", "training.step_at=[0.3, 0.6]"];
        assert_close(&rates(&step, &[29, 30, 59, 60]), &[1e-3, 1e-4, 1e-4, 1e-5]);
        let once = ["training.schedule=one-cycle", "training.learning_rate=1"];
        assert_close(&rates(&once, &[0, 15, 30, 100]), &[0.04, 0.52, 1.0, 4e-6]);
    }

    #[test]
    fn a_warm_up_comes_before_the_schedule() {
        let settings =
            ["training.warmup=20", "training.schedule=cosine", "training.learning_rate=1"];
        assert_close(&rates(&settings, &[0, 9, 19, 20, 60]), &[0.05, 0.5, 1.0, 1.0, 0.5]);
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap().training;
        let rates =
            [0, 9, 19, 20, 600].map(|batch| before_schedule(&config, config.learning_rate, batch));
        assert_close(&rates, &[0.05, 0.5, 1.0, 1.0, 1.0]);
    }
}
