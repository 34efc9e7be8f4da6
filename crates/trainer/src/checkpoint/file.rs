//! A checkpoint as the bytes of a file.

use safetensors::SafeTensors;

use super::{HostTensors, State};
use crate::tables::{from_csv, to_csv};
use crate::{CycleRow, RunConfig, TimingRow, TrainerError};

/// Raised whenever an older rayclip would misread what is written.
const VERSION: u32 = 1;

// What is in the metadata: the version, the state and both tables.
const FORMAT: &str = "format";
const STATE: &str = "state";
const CYCLES: &str = "cycles";
const TIMINGS: &str = "timings";

/// All that a run needs to go on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) rows: Vec<CycleRow>,
    pub(crate) timings: Vec<TimingRow>,
    pub(crate) tensors: HostTensors,
}

impl Checkpoint {
    /// Bytes of the file.
    ///
    /// # Errors
    /// A format does not take what is to be written.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TrainerError> {
        let encode = |reason: String| TrainerError::Encode { what: "a checkpoint", reason };
        let state =
            serde_json::to_string(&self.state).map_err(|error| encode(error.to_string()))?;
        let text =
            |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| encode(error.to_string()));
        let metadata = [
            (FORMAT, VERSION.to_string()),
            (STATE, state),
            (CYCLES, text(to_csv(&self.rows)?)?),
            (TIMINGS, text(to_csv(&self.timings)?)?),
        ];
        self.tensors.encode(metadata.map(|(name, text)| (name.to_owned(), text)).into())
    }

    /// Reads what [`Checkpoint::encode`] wrote for a run of `config`.
    ///
    /// # Errors
    /// What is wrong with it: it is none, or of another format, or of a state that a run of `config` is
    /// never in.
    pub(crate) fn decode(bytes: &[u8], config: &RunConfig) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let part = |name: &str| metadata.get(name).ok_or(format!("it has no {name}"));
        let format = part(FORMAT)?;
        if *format != VERSION.to_string() {
            return Err(format!("it has format {format}; this rayclip reads format {VERSION}"));
        }
        let state: State = serde_json::from_str(part(STATE)?)
            .map_err(|error| format!("its state cannot be read: {error}"))?;
        state.check(config)?;
        let checkpoint = Self {
            rows: from_csv(part(CYCLES)?.as_bytes())?,
            timings: from_csv(part(TIMINGS)?.as_bytes())?,
            tensors: HostTensors::decode(bytes)?,
            state,
        };
        checkpoint.check_rows(config)?;
        Ok(checkpoint)
    }

    fn check_rows(&self, config: &RunConfig) -> Result<(), String> {
        let (replicas, layers) = (self.state.replicas.len(), config.network.hidden.len());
        let clips = crate::ladder(config).len();
        let known =
            |row: &CycleRow| row.replica < replicas && row.layer < layers && row.cycle < clips;
        if !self.rows.iter().all(known) {
            return Err("a row is of a clip that there is not".into());
        }
        let known = |row: &TimingRow| row.replica < replicas && row.cycle < clips;
        if self.timings.iter().all(known) { Ok(()) } else { Err("a timing is of no clip".into()) }
    }
}
