//! What `run` and `compare` share: data, device, folder, training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_data::Source;
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::{Backend, Outcome, RunConfig, RunDir, Summary};

use crate::args::{OutArgs, ShowArgs};
use crate::device::Chosen;
use crate::interrupt::{self, Interrupt};
use crate::output;
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

/// Trains what `config` asks for into `out`, or into a new folder named by the data and `what`; the
/// summary and the folder.
pub(crate) fn train(
    mut config: RunConfig,
    choose: impl Fn(DeviceChoice) -> anyhow::Result<Chosen>,
    at_once: Option<usize>,
    (out, what): (&OutArgs, &str),
) -> anyhow::Result<(Summary, PathBuf)> {
    let mode = out.show.mode();
    let methods = config.compression.methods.iter().map(ToString::to_string).collect();
    let progress = Progress::new(mode, Interrupt::listen()?, methods);
    let source = Source::from_name(&config.data.source);
    let dataset = progress.while_loading(|report| source.load(report))?;
    let chosen = choose(config.device)?;
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
    let folder = if let Some(path) = &out.out {
        RunDir::create(path, config)?
    } else {
        let stem = format!("{}-{what}", dataset.name);
        RunDir::create_numbered(Path::new(RUNS), &stem, config)?
    };
    let backend = Backend { device: &chosen.device, name: &chosen.name, at_once };
    let mut progress = if out.tensorboard { progress.with_events(folder.path()) } else { progress };
    let summary = rayclip_trainer::run(config, dataset, backend, &folder, &mut progress)?;
    progress.finish(&summary, folder.path());
    Ok((summary, folder.path().to_path_buf()))
}

/// 0 when all is done, 1 when a replica diverged, 130 when it was interrupted.
pub(crate) fn exit_code(summary: &Summary) -> ExitCode {
    let diverged = |outcome: Outcome| outcome == Outcome::Diverged;
    match summary.outcome {
        Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
        _ if summary.replicas.iter().any(|replica| diverged(replica.outcome)) => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}
