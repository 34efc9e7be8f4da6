//! Encodes a checkpoint into the bytes of a file, and decodes it.

use std::fmt;

use rayclip_data::plain;
use safetensors::SafeTensors;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::HostTensors;
use super::tensors::Text;
use crate::error::TrainerError;

/// The format version. Raise it when an older rayclip would misread what is written.
const VERSION: u32 = 3;

// The key of the version in the metadata, and the name of the state among the tensors.
const FORMAT: &str = "format";
const STATE: &str = "state";

/// Why a checkpoint is not used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// The bytes are not a checkpoint, have another format, or hold a state that is impossible for the run.
    Unusable(String),
    /// It belongs to another configuration; the keys that differ.
    OtherConfiguration(Vec<String>),
    /// It belongs to other data.
    OtherData,
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
                write!(formatter, "it belongs to another configuration: {}", keys.join(", "))
            }
            Self::OtherData => formatter.write_str("it belongs to other data"),
        }
    }
}

/// A state and the tensors that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint<S> {
    pub(crate) state: S,
    pub(crate) tensors: HostTensors,
}

impl<S: Serialize + DeserializeOwned> Checkpoint<S> {
    /// Returns the bytes of the file.
    ///
    /// # Errors
    /// The state or the tensors cannot be encoded.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TrainerError> {
        let state = serde_json::to_vec(&self.state).map_err(|error| TrainerError::Encode {
            what: "a checkpoint",
            reason: error.to_string(),
        })?;
        let state = Text { name: STATE, bytes: &state };
        self.tensors.encode(state, [(FORMAT.to_owned(), VERSION.to_string())].into())
    }

    /// Decodes what [`Checkpoint::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are not a checkpoint, or have another format.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        check_format(bytes)?;
        let mut tensors = HostTensors::decode(bytes)?;
        let state = serde_json::from_slice(&tensors.take_text(STATE)?)
            .map_err(|error| format!("its state cannot be read: {error}"))?;
        Ok(Self { state, tensors })
    }
}

/// Refuses every format but the current one.
fn check_format(bytes: &[u8]) -> Result<(), String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let format = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMAT));
    let format = format.ok_or("it has no format")?;
    let older = match format.parse::<u32>() {
        Ok(VERSION) if *format == VERSION.to_string() => return Ok(()),
        Ok(1 | 2) => " of an earlier rayclip: finish the run with the version that started it",
        _ => "",
    };
    let format = plain(format);
    Err(format!("it has format {format}{older}; this rayclip reads format {VERSION}"))
}
