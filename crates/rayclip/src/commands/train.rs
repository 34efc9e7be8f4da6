//! The steps that `run`, `compare` and `resume` share: data, device, folder, training.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_data::{Dataset, LoadOptions, Source, plain};
use rayclip_report::Run;
use rayclip_run_folder::config::{DeviceChoice, Normalization};
use rayclip_run_folder::write::Damage;
use rayclip_run_folder::{Outcome, RunConfig, paths};
use rayclip_trainer::{
    Backend, FinishedRun, Found, Reached, RunDir, RunOptions, Taken, TrainerError,
};

use super::folders::check_data;
use crate::args::{OutArgs, ShowArgs};
use crate::device::{self, Chosen};
use crate::progress::{Mode, Progress};
use crate::{interrupt, output, panic};

/// Damaged images that are named.
const SHOWN: usize = 5;

/// The folder of runs without `--out`.
const RUNS: &str = "runs";

impl ShowArgs {
    pub(crate) fn mode(&self) -> Mode {
        match (self.json, self.quiet) {
            (true, _) => Mode::Json,
            (_, true) => Mode::Quiet,
            _ => Mode::Lines,
        }
    }
}

/// A run's folder, and how it ended.
pub(crate) struct Trained {
    pub(crate) folder: PathBuf,
    outcome: Outcome,
    /// Whether a replica diverged, or a file of the finished run is damaged.
    incomplete: bool,
}

/// The arguments of a run besides its configuration.
pub(crate) struct TrainArgs<'a> {
    pub(crate) options: RunOptions,
    pub(crate) out: &'a OutArgs,
    /// The part of the folder's name after the data, if no folder is given.
    pub(crate) stem: &'a str,
}

/// Trains as `config` says, into a folder. If the folder has this run unfinished, the run is resumed.
pub(crate) fn train(
    config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    args: TrainArgs<'_>,
) -> anyhow::Result<Trained> {
    check_data(&config.data.source)?;
    let source = Source::from_name(&config.data.source);
    train_on(&source, config, choose, args)
}

/// As [`train`], on images from `source` instead of those that the configuration names.
pub(crate) fn train_on(
    source: &Source,
    mut config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    TrainArgs { options, out, stem }: TrainArgs<'_>,
) -> anyhow::Result<Trained> {
    let mode = out.show.mode();
    let options = RunOptions { interrupter: interrupt::listen()?, ..options };
    let progress = Progress::new(mode, config.clone());
    let memory = options.host_image_memory();
    let load_options = LoadOptions { memory, ..config.data.load_options() };
    let dataset = progress.while_loading(|report| source.load(&load_options, report))?;
    let (choice, mut chosen) = (config.device, None);
    let resolved =
        rayclip_trainer::resolve(&mut config, &dataset, out.out.as_deref(), &mut || {
            let ready = match chosen.take() {
                Some(ready) => ready,
                None => choose(choice).map_err(|error| not_chosen(&error))?,
            };
            Ok(chosen.insert(ready).device.clone())
        })?;
    config.validate()?;
    let progress = progress.resolved(config.clone());
    // A finished run is shown on any machine, even without the device that it ran on.
    if let Some(path) = &out.out
        && matches!(Found::of(path, &config), Ok(Found::Finished))
        && let Taken::Finished(run) = RunDir::take(path, &config)?
    {
        return finished(&run, &dataset.digest()?, mode);
    }
    let chosen = chosen.map_or_else(|| choose(choice), Ok)?;
    device::check_autotune(&chosen, options.deterministic)?;
    let progress = progress.on(&chosen.name);
    // The `config.toml` of the folder names the backend, so that it repeats the run on the same one.
    config.device = chosen.resolved(config.device);
    if mode != Mode::Quiet {
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        note_data(&dataset, config.data.normalization);
        for note in &resolved.notes {
            output::note(&format!("note: {note}"));
        }
        note_target(resolved.reached, config.compression.latency_images);
    }
    let taken = match &out.out {
        None => {
            let stem = format!("{}-{stem}", dataset.name);
            Taken::Open(RunDir::numbered(Path::new(RUNS), &stem, &config, out.fresh)?)
        }
        Some(path) => RunDir::take(path, &config)?,
    };
    let folder = match taken {
        Taken::Finished(run) => return finished(&run, &dataset.digest()?, mode),
        Taken::Open(folder) => folder,
    };
    panic::knows_folder(folder.path());
    let events = out.tensorboard || folder.path().join(paths::EVENTS).exists();
    let mut progress = if events { progress.with_events(folder.path()) } else { progress };
    let backend = Backend { device: &chosen.device, name: &chosen.name };
    let summary =
        rayclip_trainer::run(&config, dataset, backend, &options, &folder, &mut progress)?;
    progress.finish(&summary, folder.path());
    let incomplete = summary.replicas.iter().any(|replica| replica.outcome == Outcome::Diverged);
    let folder = folder.path().to_path_buf();
    if summary.outcome == Outcome::Interrupted && mode == Mode::Lines {
        output::note(&format!("`rayclip resume {}` resumes it", output::path(&folder)));
    }
    Ok(Trained { folder, outcome: summary.outcome, incomplete })
}

fn not_chosen(error: &anyhow::Error) -> TrainerError {
    TrainerError::Device { doing: "choosing it", reason: format!("{error:#}") }
}

/// Prints what a target comes to.
fn note_target(reached: Option<Reached>, images: usize) {
    let Some(Reached { first, last }) = reached else { return };
    let mut note = format!(
        "target: {} of {} multiply-accumulates ({:.4}), {} of {} parameters ({:.4})",
        last.macs,
        first.macs,
        last.macs as f64 / first.macs as f64,
        last.parameters,
        first.parameters,
        last.parameters as f64 / first.parameters as f64
    );
    if let (Some(first), Some(last)) = (first.milliseconds, last.milliseconds) {
        let images = if images == 1 { "one image".into() } else { format!("{images} images") };
        write!(note, "; {last:.3} of {first:.3} ms for {images}, medians").unwrap_or_default();
    }
    output::note(&note);
}

fn note_data(dataset: &Dataset, normalization: Normalization) {
    let what = match dataset.image_shape[..] {
        [columns] => format!("rows of {columns} numbers"),
        _ => format!("images of {:?}", dataset.image_shape),
    };
    let each = if normalization == Normalization::Channels && !dataset.has_positions() {
        "; every column is normalised by itself"
    } else {
        ""
    };
    output::note(&format!(
        "data: {}, {} + {} {what}, {} classes{each}",
        plain(&dataset.name),
        dataset.train.len(),
        dataset.test.len(),
        dataset.classes
    ));
    if !dataset.unused.is_empty() {
        output::note(&format!("not used: {}", plain(&dataset.unused.join(", "))));
    }
    if let [first, ..] = &dataset.bad_images[..] {
        let count = dataset.bad_images.len();
        let names: Vec<String> = dataset
            .bad_images
            .iter()
            .take(SHOWN)
            .map(|bad| bad.path.display().to_string())
            .collect();
        let more = if count > names.len() { ", …" } else { "" };
        output::note(&format!(
            "left out: {count} damaged images ({}{more}); the first: {}",
            plain(&names.join(", ")),
            plain(&first.reason)
        ));
    }
}

/// Shows a finished run. Nothing is run again, even if files are damaged.
///
/// # Errors
/// The run used other data than those with the `digest`, or a file is damaged without which nothing can be shown.
fn finished(finished: &FinishedRun, digest: &str, mode: Mode) -> anyhow::Result<Trained> {
    tell_restored(finished);
    let path = finished.path();
    let damaged = finished.damaged();
    let run = match (Run::read(path), damaged.first()) {
        (Ok(run), _) => run,
        // The damage says more than the error of reading the file.
        (Err(_), Some(Damage { path, reason })) => {
            let (path, reason) = (path.clone(), reason.clone());
            return Err(TrainerError::Damaged { path, reason }.into());
        }
        (Err(error), None) => return Err(error.into()),
    };
    finished.check_data(digest)?;
    for Damage { path, reason } in &damaged {
        output::note(&format!("damaged: {}: {reason}; restore it from a copy", path.display()));
    }
    if damaged.is_empty() {
        finished.tidy()?;
    }
    if mode != Mode::Quiet {
        output::note(&format!("{} has this run, finished: nothing was run", output::path(path)));
    }
    let incomplete = !run.missing.is_empty() || !damaged.is_empty();
    Ok(Trained { folder: path.to_path_buf(), outcome: Outcome::Finished, incomplete })
}

/// Prints which damaged files were restored.
pub(crate) fn tell_restored(run: &FinishedRun) {
    for path in run.restored() {
        output::note(&format!("restored: {} was damaged or missing", output::path(&path)));
    }
}

impl Trained {
    pub(crate) fn is_interrupted(&self) -> bool {
        self.outcome == Outcome::Interrupted
    }

    /// Returns 0 if the run is finished, 1 if a replica diverged or a file is damaged, 130 if it was interrupted.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.outcome {
            Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
            _ if self.incomplete => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        }
    }
}

/// Prints the last line of a run.
pub(crate) fn closing_line(run: &Run, folder: &Path, mode: Mode) {
    let folder = output::path(folder);
    match (mode, &run.progress) {
        (Mode::Json | Mode::Bars, _) => {}
        (Mode::Lines, Some(progress)) => output::result(&format!(
            "training {:.1} s, compressing {:.2} s; run folder: {folder}",
            progress.train_seconds, progress.compress_seconds,
        )),
        _ => output::result(&folder),
    }
}
