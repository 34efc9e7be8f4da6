//! What `run`, `compare` and `resume` share: data, device, folder, training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_data::Source;
use rayclip_report::{EVENTS, Run};
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::{Backend, Conduct, Found, Outcome, RunConfig, RunDir, TrainerError};

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
    /// Whether a replica diverged.
    diverged: bool,
}

/// Trains what `config` asks for into `out`, or into a folder named by the data and `what`; or goes on
/// with that run, where the folder holds it unfinished.
pub(crate) fn train(
    mut config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    conduct: Conduct,
    (out, what): (&OutArgs, &str),
) -> anyhow::Result<Trained> {
    let mode = out.show.mode();
    let progress = Progress::new(mode, Interrupt::listen()?, config.clone());
    check_data(&config.data.source)?;
    let source = Source::from_name(&config.data.source);
    let dataset = progress.while_loading(|report| source.load(report))?;
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
            dataset.name,
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
    let diverged = summary.replicas.iter().any(|replica| replica.outcome == Outcome::Diverged);
    let folder = folder.path().to_path_buf();
    if summary.outcome == Outcome::Interrupted && mode == Mode::Lines {
        output::note(&format!("`rayclip resume {}` goes on with it", folder.display()));
    }
    Ok(Trained { folder, outcome: summary.outcome, diverged })
}

/// Of a run that is at its end nothing is run again.
///
/// # Errors
/// It was made with other data than those of the `digest`, or cannot be read.
fn finished(folder: &RunDir, digest: &str, mode: Mode) -> anyhow::Result<Trained> {
    if RunDir::data_digest(folder.path()).as_deref() != Some(digest) {
        return Err(TrainerError::OtherData { path: folder.path().to_path_buf() }.into());
    }
    let run = Run::read(folder.path())?;
    folder.tidy()?;
    if mode != Mode::Quiet {
        let path = folder.path().display();
        output::note(&format!("{path} holds this run, finished: nothing was run"));
    }
    let folder = folder.path().to_path_buf();
    Ok(Trained { folder, outcome: Outcome::Finished, diverged: !run.missing.is_empty() })
}

impl Trained {
    /// 0 when all is done, 1 when a replica diverged, 130 when it was interrupted.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.outcome {
            Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
            _ if self.diverged => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        }
    }
}

/// The last line of a run.
pub(crate) fn closing_line(run: &Run, folder: &Path, mode: Mode) {
    let folder = folder.display();
    match (mode, &run.progress) {
        (Mode::Json | Mode::Bars, _) => {}
        (Mode::Lines, Some(progress)) => output::result(&format!(
            "training {:.1} s, compressing {:.2} s; run folder: {folder}",
            progress.train_seconds, progress.compress_seconds,
        )),
        _ => output::result(&folder.to_string()),
    }
}
