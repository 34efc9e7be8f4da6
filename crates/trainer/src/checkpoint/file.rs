//! A checkpoint as the bytes of a file.

use safetensors::SafeTensors;

use super::{HostTensors, State};
use crate::tables::{from_csv, to_csv};
use crate::{CycleRow, RunConfig, TimingRow, TrainerError};

/// Raised whenever an older rayclip would misread what is written.
const VERSION: u32 = 1;

// What the version is named in the metadata, and the state and both tables among the tensors, as bytes.
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
        let encode = |error: serde_json::Error| TrainerError::Encode {
            what: "a checkpoint",
            reason: error.to_string(),
        };
        let mut tensors = self.tensors.clone();
        tensors.insert_text(STATE, serde_json::to_vec(&self.state).map_err(encode)?);
        tensors.insert_text(CYCLES, to_csv(&self.rows)?);
        tensors.insert_text(TIMINGS, to_csv(&self.timings)?);
        tensors.encode([(FORMAT.to_owned(), VERSION.to_string())].into())
    }

    /// Reads what [`Checkpoint::encode`] wrote for a run of `config`.
    ///
    /// # Errors
    /// What is wrong with it: it is none, or of another format, or of a state that a run of `config` is
    /// never in.
    pub(crate) fn decode(bytes: &[u8], config: &RunConfig) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let format = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMAT));
        let format = format.ok_or("it has no format")?;
        if *format != VERSION.to_string() {
            return Err(format!("it has format {format}; this rayclip reads format {VERSION}"));
        }
        let mut tensors = HostTensors::decode(bytes)?;
        let state: State = serde_json::from_slice(&tensors.take_text(STATE)?)
            .map_err(|error| format!("its state cannot be read: {error}"))?;
        state.check(config)?;
        let checkpoint = Self {
            rows: from_csv(&tensors.take_text(CYCLES)?)?,
            timings: from_csv(&tensors.take_text(TIMINGS)?)?,
            tensors,
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
