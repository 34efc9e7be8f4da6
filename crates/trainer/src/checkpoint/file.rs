//! A checkpoint as the bytes of a file.

use std::fmt;

use rayclip_data::{is_obeyed, plain};
use safetensors::SafeTensors;

use super::{HostTensors, State};
use crate::settings::{differences, settings};
use crate::tables::{from_csv, to_csv};
use crate::{CycleRow, RunConfig, TimingRow, TrainerError};

/// Raised whenever an older rayclip would misread what is written.
const VERSION: u32 = 2;

// What the version is named in the metadata, and the state and both tables among the tensors, as bytes.
const FORMAT: &str = "format";
const STATE: &str = "state";
const CYCLES: &str = "cycles";
const TIMINGS: &str = "timings";

/// Bytes of the name of a method or of a solver.
const NAME: usize = 64;

/// Why a checkpoint is not used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// Its bytes are none of a checkpoint, or of another format, or of a state that no such run is in.
    Unusable(String),
    /// It is of another configuration; the keys that differ.
    OtherConfiguration(Vec<String>),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unusable(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(reason) => formatter.write_str(reason),
            Self::OtherConfiguration(keys) => {
                write!(formatter, "it is of another configuration: {}", keys.join(", "))
            }
        }
    }
}

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
    pub(crate) fn decode(bytes: &[u8], config: &RunConfig) -> Result<Self, Refusal> {
        check_format(bytes)?;
        let mut tensors = HostTensors::decode(bytes)?;
        let state: State = serde_json::from_slice(&tensors.take_text(STATE)?)
            .map_err(|error| format!("its state cannot be read: {error}"))?;
        let own = settings(config).map_err(|error| error.to_string())?;
        let differences = differences(("config.toml", &own), ("the checkpoint", &state.settings));
        if !differences.is_empty() {
            return Err(Refusal::OtherConfiguration(differences));
        }
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
        // They are shown.
        let is_name = |text: &String| text.len() <= NAME && !text.contains(is_obeyed);
        if !self.rows.iter().flat_map(|row| [&row.method, &row.solver]).all(is_name) {
            return Err("a row names no method or no solver".into());
        }
        let known = |row: &TimingRow| row.replica < replicas && row.cycle < clips;
        if self.timings.iter().all(known) { Ok(()) } else { Err("a timing is of no clip".into()) }
    }
}

/// Refuses all formats but the one that is written.
fn check_format(bytes: &[u8]) -> Result<(), String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let format = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMAT));
    let format = format.ok_or("it has no format")?;
    let older = match format.parse::<u32>() {
        Ok(VERSION) if *format == VERSION.to_string() => return Ok(()),
        Ok(1) => {
            ", which does not say what configuration it is of: finish the run with the rayclip that began it"
        }
        _ => "",
    };
    let format = plain(format);
    Err(format!("it has format {format}{older}; this rayclip reads format {VERSION}"))
}
