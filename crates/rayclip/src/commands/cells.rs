//! Runs side by side in one folder, each done once: what `sweep` and `reproduce` are made of.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_data::{Dataset, Source};
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::presets::Setting;
use rayclip_trainer::{Backend, Outcome, RunConfig, RunDir};
use toml::Value;

use super::configure::flag;
use crate::device::{self, Chosen};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::{Mode, Progress};

/// Where cells compute, and what they were given so far.
pub(crate) struct Cells {
    chosen: Chosen,
    at_once: Option<usize>,
    interrupt: Interrupt,
    mode: Mode,
    /// By source.
    datasets: BTreeMap<String, Dataset>,
}

/// How a cell ended.
pub(crate) enum End {
    /// It was there already.
    Kept,
    /// It ran to its end.
    Done,
    /// The person at the terminal ended it.
    Interrupted,
    /// It could not be run; the message.
    Failed(String),
}

impl Cells {
    /// Brings the device up.
    pub(crate) fn new(
        choice: DeviceChoice,
        at_once: Option<usize>,
        mode: Mode,
    ) -> anyhow::Result<Self> {
        let chosen = device::choose_fast(choice)?;
        if mode != Mode::Quiet {
            output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        }
        let interrupt = Interrupt::listen()?;
        Ok(Self { chosen, at_once, interrupt, mode, datasets: BTreeMap::new() })
    }

    /// The setting that makes a cell's configuration say where it runs.
    pub(crate) fn device(&self, choice: DeviceChoice) -> Setting {
        let taken = self.chosen.resolved(choice);
        flag("device", "device", Value::try_from(taken).expect("a device has a name"))
    }

    /// Runs `config` into `folder`, unless it is there.
    ///
    /// # Errors
    /// The folder holds another run, or the data cannot be had: no other cell would fare better.
    pub(crate) fn run(&mut self, config: &RunConfig, folder: &Path) -> anyhow::Result<End> {
        if RunDir::is_finished(folder, config)? {
            return Ok(End::Kept);
        }
        let methods = config.compression.methods.iter().map(ToString::to_string).collect();
        let mode = if self.mode == Mode::Lines { Mode::Bars } else { Mode::Quiet };
        let mut progress = Progress::new(mode, self.interrupt.clone(), methods);
        let name = &config.data.source;
        if !self.datasets.contains_key(name) {
            let source = Source::from_name(name);
            let dataset = progress.while_loading(|report| source.load(report))?;
            self.datasets.insert(name.clone(), dataset);
        }
        let dataset = self.datasets[name].clone();
        let Chosen { device, name, .. } = &self.chosen;
        let backend = Backend { device, name, at_once: self.at_once };
        let folder = RunDir::create_again(folder, config)?;
        match rayclip_trainer::run(config, dataset, backend, &folder, &mut progress) {
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
}
