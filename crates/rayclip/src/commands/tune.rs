//! `rayclip compare --tune`: chooses the learning rate of each method by held-out images, before the methods are
//! compared.
//!
//! There is a run for each rate, with seeds of its own. It holds training images out, and only the accuracy on these is
//! read. The comparison that follows trains on all images, and reads the test images once.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rayclip_report::Run;
use rayclip_run_folder::config::{CompressionConfig, Method};
use rayclip_run_folder::{CycleRow, RunConfig, ladder, scratch_clips};
use rayclip_trainer::TrainerError;

use super::train::{TrainArgs, train};
use crate::args::{CompareArgs, OutArgs, Seeds, ShowArgs};
use crate::progress::Mode;
use crate::{device, output};

/// The part of the training images that is held out.
const HELD_OUT: f64 = 0.1;

/// Seeds of the runs, if no others are asked for.
const SEEDS: usize = 3;

/// The result of a rate.
struct Tried {
    rate: f64,
    /// The mean accuracy on held-out images of each method after the last clip; `None` if a network has none.
    accuracies: Vec<Option<f64>>,
}

/// Chooses the learning rates of all methods, and sets them in `config`. Returns whether it was not interrupted.
///
/// # Errors
/// There is no folder, the seeds are those of the comparison, a run fails, or a method diverges at every rate.
pub(crate) fn tune(config: &mut RunConfig, args: &CompareArgs) -> anyhow::Result<bool> {
    let out = args.out.out.as_ref().context("--tune needs --out: its runs are kept beside it")?;
    let last = config.seed.saturating_add(config.replicas as u64);
    let seeds = args.tune_seeds.unwrap_or(Seeds { first: last, count: SEEDS });
    let is_apart = seeds.first >= last || seeds.first + seeds.count as u64 <= config.seed;
    ensure!(
        is_apart,
        "--tune-seeds: the seeds of the comparison are {}..{last}; choose others",
        config.seed
    );
    let CompressionConfig { until_accuracy, max_drop, .. } = config.compression;
    ensure!(
        until_accuracy == 0.0 && max_drop == 0.0,
        "--tune compares networks of one size: leave --until-accuracy and --max-drop out"
    );
    let mut rates = args.tune.clone();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let mut all = vec![];
    for rate in rates {
        let folder = out.with_file_name(format!("{}-tuning", name(out))).join(rate.to_string());
        let mut tuned = config.clone();
        tuned.training.learning_rate = rate;
        tuned.training.learning_rate_of = vec![];
        (tuned.seed, tuned.replicas) = (seeds.first, seeds.count);
        if tuned.data.validation == 0.0 {
            tuned.data.validation = HELD_OUT;
        }
        let show = ShowArgs { quiet: args.out.show.quiet, json: args.out.show.json };
        let out = OutArgs { out: Some(folder), fresh: false, tensorboard: false, show };
        if out.show.mode() != Mode::Quiet {
            output::note(&format!("tuning: learning rate {rate}, with held-out images"));
        }
        let options = args.options.options();
        let arguments = TrainArgs { options, out: &out, stem: "tuning" };
        let methods = config.compression.methods.iter();
        let accuracies = match train(tuned, device::choose_fast, arguments) {
            Ok(trained) if trained.is_interrupted() => return Ok(false),
            Ok(trained) => {
                let run = Run::read(&trained.folder)?;
                methods.map(|method| accuracy(&run, *method, seeds.count)).collect()
            }
            Err(error) if is_divergence(&error) => methods.map(|_| None).collect(),
            Err(error) => return Err(error),
        };
        all.push(Tried { rate, accuracies });
    }
    let chosen = choose(&config.compression.methods, &all)?;
    if args.out.show.mode() == Mode::Lines {
        show(&config.compression.methods, &all, &chosen);
    }
    let rate_of = |(method, rate): (&Method, &f64)| format!("{method}={rate}");
    config.training.learning_rate_of =
        config.compression.methods.iter().zip(&chosen).map(rate_of).collect();
    Ok(true)
}

fn name(out: &Path) -> String {
    out.file_name().map_or_else(|| "compare".into(), |name| name.to_string_lossy().into_owned())
}

/// Returns whether every network of a run diverged.
fn is_divergence(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainerError::AllDiverged { .. }))
}

/// Returns the mean accuracy of a method on held-out images, after the training that follows the last clip; `None` if not
/// all seeds have one.
fn accuracy(run: &Run, method: Method, seeds: usize) -> Option<f64> {
    let config = run.settings.as_ref()?;
    let last = if method.is_from_scratch() {
        *scratch_clips(config).ok()?.last()?
    } else {
        ladder(config).len().checked_sub(1)?
    };
    accuracy_at(last, &run.rows, method, seeds)
}

/// As [`accuracy`], after a clip.
fn accuracy_at(last: usize, rows: &[CycleRow], method: Method, seeds: usize) -> Option<f64> {
    let method = method.to_string();
    let of_method = || rows.iter().filter(|row| row.method == method);
    // The rows of the groups of a network have the same accuracy.
    let group = of_method().find(|row| row.cycle == last)?.group.clone();
    let of_last = of_method().filter(|row| row.cycle == last && row.group == group);
    let accuracies: Vec<f64> = of_last.filter_map(|row| row.validation_after_training).collect();
    (accuracies.len() == seeds).then(|| accuracies.iter().sum::<f64>() / seeds as f64)
}

/// Returns the best rate of every method.
fn choose(methods: &[Method], all: &[Tried]) -> anyhow::Result<Vec<f64>> {
    let best = |(index, method): (usize, &Method)| {
        let tried = all.iter().filter_map(|tried| Some((tried.rate, tried.accuracies[index]?)));
        // Of equal ones, the smaller.
        let best = tried.reduce(|best, next| if next.1 > best.1 { next } else { best });
        match best {
            Some((rate, _)) => Ok(rate),
            None => bail!("--tune: {method} diverged at every learning rate; try smaller ones"),
        }
    };
    methods.iter().enumerate().map(best).collect()
}

fn show(methods: &[Method], all: &[Tried], chosen: &[f64]) {
    output::result("accuracy on held-out images after the last clip, by learning rate");
    for (index, (method, rate)) in methods.iter().zip(chosen).enumerate() {
        let of_rate = |tried: &Tried| match tried.accuracies[index] {
            Some(accuracy) => format!("{} {accuracy:.4}", tried.rate),
            None => format!("{} diverged", tried.rate),
        };
        let tried: Vec<String> = all.iter().map(of_rate).collect();
        output::result(&format!("  {method}: {}; chosen {rate}", tried.join(", ")));
        let ends = [all.first(), all.last()].map(|end| end.map(|tried| tried.rate));
        if all.len() > 1 && ends.contains(&Some(*rate)) {
            output::note(&format!(
                "note: the best learning rate of {method} is at an end of the list; a rate beyond it may be better"
            ));
        }
    }
    output::result("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_gets_its_best_rate_and_what_diverged_is_not_chosen() {
        let methods = [Method::L2, Method::Scratch];
        let tried =
            |rate, accuracies: [Option<f64>; 2]| Tried { rate, accuracies: accuracies.into() };
        let all = [
            tried(0.001, [Some(0.8), Some(0.7)]),
            tried(0.002, [Some(0.9), Some(0.7)]),
            tried(0.1, [None, None]),
        ];
        assert_eq!(choose(&methods, &all).unwrap(), [0.002, 0.001]);
        let message = choose(&methods, &all[2..]).unwrap_err().to_string();
        assert!(message.contains("l2 diverged at every"), "{message}");
    }

    #[test]
    fn the_accuracy_is_that_after_the_last_clip_of_all_seeds() {
        let row = |cycle, group: &str, accuracy| CycleRow {
            method: "l2".into(),
            cycle,
            group: group.into(),
            validation_after_training: accuracy,
            ..CycleRow::default()
        };
        let rows = [
            row(0, "a", Some(0.1)),
            row(1, "a", Some(0.5)),
            row(1, "b", Some(0.5)),
            row(1, "a", Some(0.7)),
        ];
        assert_eq!(accuracy_at(1, &rows, Method::L2, 2), Some(0.6));
        assert_eq!(accuracy_at(1, &rows, Method::L2, 3), None);
        assert_eq!(accuracy_at(1, &rows, Method::L1, 1), None);
    }
}
