//! Several runs in one folder, each done once; for `sweep` and `reproduce`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use rayclip_data::{Dataset, Dir, LoadOptions, Source};
use rayclip_run_folder::config::{DeviceChoice, Normalization};
use rayclip_run_folder::presets::Setting;
use rayclip_run_folder::write::Damage;
use rayclip_run_folder::{Outcome, RunConfig};
use rayclip_trainer::{
    Backend, FinishedRun, FolderLock, Found, KeepNetworks, RunDir, RunOptions, Taken, TrainerError,
};
use toml::Value;

use super::configure::flag;
use super::folders::{check_data, check_out};
use super::train::tell_restored;
use crate::device::{self, Chosen};
use crate::progress::{Mode, Progress};
use crate::{interrupt, output, panic};

/// The device of the cells, and the data that were loaded so far.
pub(crate) struct Cells {
    chosen: Chosen,
    options: RunOptions,
    /// The most bytes of images of a data set in memory.
    memory: usize,
    mode: Mode,
    /// The data and their digests, by source.
    datasets: BTreeMap<String, (Dataset, String)>,
}

/// How a cell ended.
pub(crate) enum End {
    /// It finished.
    Done,
    /// The user ended it.
    Interrupted,
    /// It failed, with this message.
    Failed(String),
}

impl Cells {
    /// Initializes the device.
    pub(crate) fn new(
        choice: DeviceChoice,
        mut options: RunOptions,
        mode: Mode,
    ) -> anyhow::Result<Self> {
        let chosen = device::choose_fast(choice)?;
        device::check_autotune(&chosen, options.deterministic)?;
        if mode != Mode::Quiet {
            output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        }
        // There are many runs, so each keeps fewer networks by default.
        options.keep_networks.get_or_insert(KeepNetworks::Halvings);
        options.interrupter = interrupt::listen()?;
        let memory = options.host_image_memory();
        Ok(Self { chosen, options, memory, mode, datasets: BTreeMap::new() })
    }

    /// Returns the setting that records the device in the configuration of a cell.
    ///
    /// # Errors
    /// The device has no name.
    pub(crate) fn device(&self, choice: DeviceChoice) -> anyhow::Result<Setting> {
        Ok(flag("device", "device", Value::try_from(self.chosen.resolved(choice))?))
    }

    /// Whether `folder` has the finished run of `config`.
    ///
    /// # Errors
    /// It has another run, or this one with other data, or a file of it is damaged.
    pub(crate) fn is_finished(&mut self, config: &RunConfig, folder: &Dir) -> anyhow::Result<bool> {
        let path = folder.path();
        // The run itself will report the error of the network.
        let Ok(config) = self.resolved(config, path) else { return Ok(false) };
        let config = &config;
        if Found::of(path, config)? != Found::Finished {
            return Ok(false);
        }
        // The run itself will report the error of the data.
        let Ok((_, digest)) = self.load(config) else { return Ok(false) };
        match RunDir::take(folder, config)? {
            Taken::Open(_) => Ok(false),
            Taken::Finished(run) => {
                run.check_data(digest)?;
                whole(&run)?;
                Ok(true)
            }
        }
    }

    /// Runs `config` in `folder`, or resumes it there.
    ///
    /// # Errors
    /// The folder has another run, or another process works in it.
    pub(crate) fn run(&mut self, config: &RunConfig, folder: &Dir) -> anyhow::Result<End> {
        if self.options.interrupter.is_interrupted() {
            return Ok(End::Interrupted);
        }
        let loaded = self.resolved(config, folder.path());
        let loaded = loaded.and_then(|config| Ok((self.load(&config)?.0.clone(), config)));
        let (dataset, config) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return Ok(End::Failed(output::chain(&error))),
        };
        let config = &config;
        let folder = match RunDir::take(folder, config)? {
            Taken::Open(folder) => folder,
            // Another process has finished it in the meantime.
            Taken::Finished(_) => return Ok(End::Done),
        };
        panic::knows_folder(folder.path());
        let mut progress = self.progress(config);
        let Chosen { device, name, .. } = &self.chosen;
        let backend = Backend { device, name };
        match rayclip_trainer::run(config, dataset, backend, &self.options, &folder, &mut progress)
        {
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

    /// Returns the configuration of a cell, with what depends on its data.
    ///
    /// # Errors
    /// There is no such network, or no such data.
    fn resolved(&mut self, config: &RunConfig, folder: &Path) -> anyhow::Result<RunConfig> {
        let mut config = config.clone();
        let depends =
            config.compression.has_own_widths() || config.data.normalization == Normalization::Auto;
        if depends || !config.network.is_mlp() {
            let device = self.chosen.device.clone();
            let (dataset, _) = self.load(&config)?;
            rayclip_trainer::resolve(&mut config, dataset, Some(folder), &mut || {
                Ok(device.clone())
            })?;
            config.validate()?;
        }
        Ok(config)
    }

    /// Returns the data of a cell and their digest. Each source is read once.
    fn load(&mut self, config: &RunConfig) -> anyhow::Result<&(Dataset, String)> {
        let (name, memory) = (&config.data.source, self.memory);
        let options = LoadOptions { memory, ..config.data.load_options() };
        let key = format!("{name} {options:?}");
        if !self.datasets.contains_key(&key) {
            check_data(name)?;
            let source = Source::from_name(name);
            let load = |report: &rayclip_data::Progress<'_>| source.load(&options, report);
            let dataset = self.progress(config).while_loading(load)?;
            let digest = dataset.digest()?;
            self.datasets.insert(key.clone(), (dataset, digest));
        }
        Ok(&self.datasets[&key])
    }

    fn progress(&self, config: &RunConfig) -> Progress {
        let mode = if self.mode == Mode::Lines { Mode::Bars } else { Mode::Quiet };
        Progress::new(mode, config.clone()).on(&self.chosen.name)
    }
}

/// Refuses a finished run with a damaged file.
fn whole(run: &FinishedRun) -> anyhow::Result<()> {
    tell_restored(run);
    match run.damaged().into_iter().next() {
        Some(Damage { path, reason }) => Err(TrainerError::Damaged { path, reason }.into()),
        None => Ok(run.tidy()?),
    }
}

/// Makes a folder if there is none, and locks it: two processes in it would overwrite each other's files.
///
/// # Errors
/// Another process has the lock, or the folder cannot be made.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<FolderLock> {
    check_out(folder)?;
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(FolderLock::take(folder)?)
}
