//! How a run starts: from the start, or from its last checkpoint.

use std::path::PathBuf;

use rayclip_data::plain;
use rayclip_run_folder::write::RunFolder;
use rayclip_run_folder::{DataSummary, Progress, RunConfig};

use super::checkpoint_size::most_bytes;
use super::chunk::{Chunk, SavedChunk};
use super::events::{Event, Observer};
use super::files::LedgerFiles;
use super::finals::FinalNetworks;
use super::inputs::Inputs;
use super::ledger::Ledger;
use super::meter::Meter;
use super::networks::Keeping;
use super::options::{Backend, RunOptions};
use super::plan::Plan;
use super::position::Position;
use super::state::State;
use crate::error::TrainerError;
use crate::folder::checkpoint::{Checkpoint, Checkpoints, Latest, Refusal};

/// The folder, device, options and data of a run.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub(crate) folder: &'a RunFolder,
    pub(crate) backend: Backend<'a>,
    pub(crate) options: &'a RunOptions,
    pub(crate) data: &'a DataSummary,
}

/// The initial state of a session.
pub(crate) struct Beginning<'a> {
    pub(crate) plan: Plan,
    pub(crate) keeping: Keeping,
    pub(crate) ledger: Ledger,
    pub(crate) files: LedgerFiles<'a>,
    pub(crate) finals: FinalNetworks,
    pub(crate) meter: Meter,
    /// Checkpoints after the one in use. They cannot be used once the run continues.
    pub(crate) unused: Vec<PathBuf>,
    /// The chunk that was training, if the run resumes.
    pub(crate) chunk: Option<(Position, Chunk<'a>)>,
}

/// A run restored from a checkpoint.
pub(crate) struct Resumed<'a> {
    pub(crate) state: State,
    ledger: Ledger,
    files: LedgerFiles<'a>,
    finals: FinalNetworks,
    chunk: Chunk<'a>,
}

impl<'a> Beginning<'a> {
    /// Resumes from the last checkpoint of the folder that can be used, or starts a new run. Notifies the observer.
    ///
    /// # Errors
    /// A checkpoint belongs to another configuration or to other data, or none can be used; one replica does not
    /// fit the device or the machine; or the file system refuses.
    pub(crate) fn find(
        inputs: Inputs<'a>,
        environment: Environment<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainerError> {
        let checkpoints = Checkpoints::of(environment.folder, environment.options.checkpoints);
        let restore = |checkpoint| Resumed::restore(checkpoint, inputs, environment);
        let most = most_bytes(inputs.config, inputs.rungs);
        let Latest { found, skipped } = checkpoints.latest(most, restore)?;
        for skipped in &skipped {
            let (path, reason) = (&skipped.path, &skipped.reason);
            observer.notify(&Event::CheckpointSkipped { path, reason });
        }
        let mut beginning = match found {
            Some(resumed) => Self::resumed(resumed, inputs, environment, observer),
            None => Self::from_the_start(inputs, environment, observer)?,
        };
        beginning.unused = skipped.into_iter().map(|skipped| skipped.path).collect();
        Ok(beginning)
    }

    fn from_the_start(
        inputs: Inputs<'a>,
        environment: Environment<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainerError> {
        let Inputs { config, splits, rungs, device, .. } = inputs;
        let (graph, images) = (&rungs.first().graph, splits.train.len());
        let plan = Plan::of(config, graph, device, images, environment.options.at_once)?;
        plan.announce(config, rungs.after().len(), observer);
        let (keeping, too_many) =
            Keeping::resolve(environment.options.keep_networks, config, rungs);
        if let Some(bytes) = too_many {
            observer.notify(&Event::FewerNetworks { bytes });
        }
        Ok(Self {
            plan,
            keeping,
            ledger: Ledger::new(config, rungs.group_names()),
            files: LedgerFiles::create(environment.folder)?,
            finals: FinalNetworks::default(),
            meter: Meter::start(device, progress(config, environment.data)),
            unused: vec![],
            chunk: None,
        })
    }

    fn resumed(
        resumed: Resumed<'a>,
        inputs: Inputs<'a>,
        environment: Environment<'a>,
        observer: &mut dyn Observer,
    ) -> Self {
        let Inputs { config, rungs, device, .. } = inputs;
        let Resumed { state, ledger, files, finals, chunk } = resumed;
        let plan = Plan::again(config, &state.chunks);
        plan.announce(config, rungs.after().len(), observer);
        let now = (environment.backend.name, env!("CARGO_PKG_VERSION"));
        let was = ((state.device.as_str(), state.engine.as_str()) != now)
            .then(|| format!("{} by rayclip {}", plain(&state.device), plain(&state.engine)));
        let (batches_done, was) = (state.meter.batches_done, was.as_deref());
        observer.notify(&Event::Resumed { batches_done, was });
        let mut meter = Meter::start(device, progress(config, environment.data));
        let widths = chunk.rung().widths.clone();
        meter.restore(&state.meter, state.position.cycle, widths);
        let keeping = Keeping::new(state.keep_networks, config);
        let chunk = Some((state.position, chunk));
        Self { plan, keeping, ledger, files, finals, meter, unused: vec![], chunk }
    }
}

impl<'a> Resumed<'a> {
    fn restore(
        checkpoint: Checkpoint<State>,
        inputs: Inputs<'a>,
        environment: Environment<'a>,
    ) -> Result<Self, Refusal> {
        let Checkpoint { state, tensors } = checkpoint;
        let Inputs { config, rungs, device, .. } = inputs;
        state.check(config)?;
        if state.data != environment.data.digest {
            return Err(Refusal::OtherData);
        }
        let mut ledger = Ledger::new(config, rungs.group_names());
        ledger.restore(&state.ledger, &tensors)?;
        let most = rungs.most_table_bytes(config.all_replicas().len());
        let files = LedgerFiles::resume(environment.folder, &state.written, most, &mut ledger)?;
        let own = |replica: &usize| match rungs.global() {
            Some(_) => ledger.widths_of(*replica),
            None => vec![],
        };
        let last = |replica: &usize| rungs.of_network(&own(replica)).last().graph.clone();
        let finals = FinalNetworks::restore(&state.finished, &tensors, last, device)?;
        let own = state.chunk.replicas.first().map_or(vec![], own);
        finals.tell(&mut ledger);
        let schedule = state.schedule(config)?;
        let saved = SavedChunk { state: &state.chunk, tensors: &tensors };
        let chunk = Chunk::restore(inputs, saved, schedule, state.position, &own)?;
        Ok(Self { state, ledger, files, finals, chunk })
    }
}

/// Returns the progress of a run that has not started.
fn progress(config: &RunConfig, data: &DataSummary) -> Progress {
    let widths = config.network.first_widths().to_vec();
    Progress { widths, data_folder: data.folder.clone(), ..Progress::default() }
}

/// Checks the bytes of a checkpoint of a run of `config`, but neither their SHA-256 nor the files beside them.
///
/// # Errors
/// What is wrong with the checkpoint, in words.
pub fn check_checkpoint(bytes: &[u8], config: &RunConfig) -> Result<(), String> {
    let checked = Checkpoint::<State>::decode(bytes).and_then(|c| c.state.check(config));
    checked.map_err(|refusal| refusal.to_string())
}
