//! Runs side by side in one folder, each done once: what `sweep` and `reproduce` are made of.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use rayclip_data::{Dataset, Dir, Source};
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::presets::Setting;
use rayclip_trainer::{
    Backend, Conduct, Damage, FolderLock, Found, KeepNetworks, Outcome, RunConfig, RunDir,
    TrainerError,
};
use toml::Value;

use super::configure::flag;
use super::folders::{check_data, check_out};
use super::train::tell_restored;
use crate::device::{self, Chosen};
use crate::interrupt::Interrupt;
use crate::progress::{Mode, Progress};
use crate::{output, panic};

/// Where cells compute, and what they were given so far.
pub(crate) struct Cells {
    chosen: Chosen,
    conduct: Conduct,
    interrupt: Interrupt,
    mode: Mode,
    /// With their digests, by source.
    datasets: BTreeMap<String, (Dataset, String)>,
}

/// How a cell ended.
pub(crate) enum End {
    /// It ran to its end.
    Done,
    /// The person at the terminal ended it.
    Interrupted,
    /// It could not be run; the message.
    Failed(String),
}

impl Cells {
    /// Brings the device up.
    pub(crate) fn new(choice: DeviceChoice, conduct: Conduct, mode: Mode) -> anyhow::Result<Self> {
        let chosen = device::choose_fast(choice)?;
        device::check_autotune(&chosen, conduct.deterministic)?;
        if mode != Mode::Quiet {
            output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        }
        let interrupt = Interrupt::listen()?;
        // Many runs lie side by side.
        let keep_networks = conduct.keep_networks.or(Some(KeepNetworks::Halvings));
        let conduct = Conduct { keep_networks, ..conduct };
        Ok(Self { chosen, conduct, interrupt, mode, datasets: BTreeMap::new() })
    }

    /// The setting that makes a cell's configuration say where it runs.
    ///
    /// # Errors
    /// The device has no name.
    pub(crate) fn device(&self, choice: DeviceChoice) -> anyhow::Result<Setting> {
        Ok(flag("device", "device", Value::try_from(self.chosen.resolved(choice))?))
    }

    /// Whether `folder` holds `config`, run to its end.
    ///
    /// # Errors
    /// It holds another run, or this one with other data, or a file of it is damaged.
    pub(crate) fn is_finished(&mut self, config: &RunConfig, folder: &Dir) -> anyhow::Result<bool> {
        let path = folder.path();
        if RunDir::find(path, config)? != Found::Finished {
            return Ok(false);
        }
        match self.load(config) {
            Ok((_, digest)) if RunDir::data_digest(path).as_ref() != Some(digest) => {
                Err(TrainerError::OtherData { path: path.to_path_buf() }.into())
            }
            Ok(_) => {
                let run = RunDir::open(folder, config)?;
                tell_restored(&run);
                if let Some(Damage { path, reason }) = run.damaged().into_iter().next() {
                    return Err(TrainerError::Damaged { path, reason }.into());
                }
                run.tidy()?;
                Ok(true)
            }
            // Running it will say what is wrong with the data.
            Err(_) => Ok(false),
        }
    }

    /// Runs `config` into `folder`, or goes on with it there.
    ///
    /// # Errors
    /// The folder holds another run, or another process works in it.
    pub(crate) fn run(&mut self, config: &RunConfig, folder: &Dir) -> anyhow::Result<End> {
        if self.interrupt.asked() {
            return Ok(End::Interrupted);
        }
        let dataset = match self.load(config) {
            Ok((dataset, _)) => dataset.clone(),
            Err(error) => return Ok(End::Failed(output::chain(&error))),
        };
        let folder = if folder.path().exists() {
            RunDir::open(folder, config)?
        } else {
            RunDir::create(folder, config)?
        };
        if folder.found() == Found::Finished {
            // Another process did, since this one looked.
            return Ok(End::Done);
        }
        panic::knows_folder(folder.path());
        let mut progress = self.progress(config);
        let Chosen { device, name, .. } = &self.chosen;
        let (backend, conduct) = (Backend { device, name }, self.conduct);
        match rayclip_trainer::run(config, dataset, backend, conduct, &folder, &mut progress) {
            Ok(summary) => {
                progress.finish(&summary, folder.path());
                Ok(match summary.outcome {
                    Outcome::Interrupted => End::Interrupted,
                    _ => End::Done,
                })
            }
            Err(error) => Ok(End::Failed(output::chain(&error.into()))),
        }
    }

    /// The data of a cell and their digest, read once a source.
    fn load(&mut self, config: &RunConfig) -> anyhow::Result<&(Dataset, String)> {
        let name = &config.data.source;
        if !self.datasets.contains_key(name) {
            check_data(name)?;
            let source = Source::from_name(name);
            let dataset = self.progress(config).while_loading(|report| source.load(report))?;
            let digest = dataset.digest();
            self.datasets.insert(name.clone(), (dataset, digest));
        }
        Ok(&self.datasets[name])
    }

    fn progress(&self, config: &RunConfig) -> Progress {
        let mode = if self.mode == Mode::Lines { Mode::Bars } else { Mode::Quiet };
        Progress::new(mode, self.interrupt.clone(), config.clone()).on(&self.chosen.name)
    }
}

/// Makes a folder, where there is none, and takes it for this process: another that is at work in it would
/// lose what it writes.
///
/// # Errors
/// Another process has it, or it cannot be made.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<FolderLock> {
    check_out(folder)?;
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(FolderLock::take(folder)?)
}
