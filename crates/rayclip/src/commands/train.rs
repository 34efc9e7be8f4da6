//! What `run`, `compare` and `resume` share: data, device, folder, training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_data::{Source, plain};
use rayclip_report::{EVENTS, Run};
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::{Backend, Conduct, Damage, Found, Outcome, RunConfig, RunDir, TrainerError};

use super::folders::check_data;
use crate::args::{OutArgs, ShowArgs};
use crate::device::{self, Chosen};
use crate::interrupt::{self, Interrupt};
use crate::output;
use crate::panic;
use crate::progress::{Mode, Progress};

/// Where runs go that are not given a folder.
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

/// Trains what `config` asks for into `out`, or into a folder named by the data and `what`; or goes on
/// with that run, where the folder holds it unfinished.
pub(crate) fn train(
    config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    conduct: Conduct,
    out: (&OutArgs, &str),
) -> anyhow::Result<Trained> {
    check_data(&config.data.source)?;
    let source = Source::from_name(&config.data.source);
    train_on(&source, config, choose, conduct, out)
}

/// As [`train`], on images from `source`, wherever the configuration says that they are.
pub(crate) fn train_on(
    source: &Source,
    mut config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    conduct: Conduct,
    (out, what): (&OutArgs, &str),
) -> anyhow::Result<Trained> {
    let mode = out.show.mode();
    let progress = Progress::new(mode, Interrupt::listen()?, config.clone());
    let dataset = progress.while_loading(|report| source.load(report))?;
    // What is done is shown on any machine, whatever it was done on.
    if let Some(path) = &out.out
        && matches!(RunDir::find(path, &config), Ok(Found::Finished))
    {
        let folder = RunDir::open(path, &config)?;
        if folder.found() == Found::Finished {
            return finished(&folder, &dataset.digest(), mode);
        }
    }
    let chosen = choose(config.device)?;
    device::check_autotune(&chosen, conduct.deterministic)?;
    let progress = progress.on(&chosen.name);
    // What the folder holds repeats the run on the same backend.
    config.device = chosen.resolved(config.device);
    let config = &config;
    if mode != Mode::Quiet {
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        output::note(&format!(
            "data: {}, {} + {} images of {:?}, {} classes",
            plain(&dataset.name),
            dataset.train.len(),
            dataset.test.len(),
            dataset.image_shape,
            dataset.classes
        ));
    }
    let folder = match &out.out {
        None => {
            let stem = format!("{}-{what}", dataset.name);
            RunDir::numbered(Path::new(RUNS), &stem, config, out.fresh)?
        }
        Some(path) if !path.exists() => RunDir::create(path, config)?,
        Some(path) => {
            let folder = RunDir::open(path, config)?;
            if folder.found() == Found::Finished {
                return finished(&folder, &dataset.digest(), mode);
            }
            folder
        }
    };
    panic::knows_folder(folder.path());
    let events = out.tensorboard || folder.path().join(EVENTS).exists();
    let mut progress = if events { progress.with_events(folder.path()) } else { progress };
    let backend = Backend { device: &chosen.device, name: &chosen.name };
    let summary = rayclip_trainer::run(config, dataset, backend, conduct, &folder, &mut progress)?;
    progress.finish(&summary, folder.path());
    let incomplete = summary.replicas.iter().any(|replica| replica.outcome == Outcome::Diverged);
    let folder = folder.path().to_path_buf();
    if summary.outcome == Outcome::Interrupted && mode == Mode::Lines {
        output::note(&format!("`rayclip resume {}` goes on with it", output::path(&folder)));
    }
    Ok(Trained { folder, outcome: summary.outcome, incomplete })
}

/// Of a run that is at its end nothing is run again, whatever became of its files.
///
/// # Errors
/// It was made with other data than those of the `digest`, or a file without which nothing can be shown is damaged.
fn finished(folder: &RunDir, digest: &str, mode: Mode) -> anyhow::Result<Trained> {
    tell_restored(folder);
    let path = folder.path();
    let damaged = folder.damaged();
    let run = match (Run::read(path), damaged.first()) {
        (Ok(run), _) => run,
        // Better known by what became of it than by what cannot be read in it.
        (Err(_), Some(Damage { path, reason })) => {
            let (path, reason) = (path.clone(), reason.clone());
            return Err(TrainerError::Damaged { path, reason }.into());
        }
        (Err(error), None) => return Err(error.into()),
    };
    if RunDir::data_digest(path).as_deref() != Some(digest) {
        return Err(TrainerError::OtherData { path: path.to_path_buf() }.into());
    }
    for Damage { path, reason } in &damaged {
        output::note(&format!("damaged: {}: {reason}; restore it from a copy", path.display()));
    }
    if damaged.is_empty() {
        folder.tidy()?;
    }
    if mode != Mode::Quiet {
        output::note(&format!("{} holds this run, finished: nothing was run", output::path(path)));
    }
    let incomplete = !run.missing.is_empty() || !damaged.is_empty();
    Ok(Trained { folder: path.to_path_buf(), outcome: Outcome::Finished, incomplete })
}

/// Says which files were damaged and are whole again.
pub(crate) fn tell_restored(folder: &RunDir) {
    for name in folder.restored() {
        let path = output::path(&folder.path().join(name));
        output::note(&format!("restored: {path} was damaged or missing"));
    }
}

impl Trained {
    /// 0 when all is done, 1 when a replica diverged or a file is damaged, 130 when it was interrupted.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.outcome {
            Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
            _ if self.incomplete => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        }
    }
}

/// The last line of a run.
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
