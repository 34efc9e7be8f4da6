//! Converts rows to CSV and back. Numbers keep every bit.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RunFolderError;

/// Encodes rows with a header; without rows, the result is empty.
///
/// # Errors
/// A row is not flat.
pub fn to_csv(rows: &[impl Serialize]) -> Result<Vec<u8>, RunFolderError> {
    encode(rows, true)
}

/// Encodes rows without a header.
///
/// # Errors
/// As [`to_csv`].
pub fn lines(rows: &[impl Serialize]) -> Result<Vec<u8>, RunFolderError> {
    encode(rows, false)
}

fn encode(rows: &[impl Serialize], has_header: bool) -> Result<Vec<u8>, RunFolderError> {
    const WHAT: &str = "a table";
    let mut writer = csv::WriterBuilder::new().has_headers(has_header).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(RunFolderError::encode(WHAT))?;
    }
    writer.into_inner().map_err(|error| RunFolderError::encode(WHAT)(error.into_error()))
}

/// Returns the header of a table with such rows.
///
/// # Errors
/// As [`to_csv`].
pub fn header<T: Serialize + Default>() -> Result<Vec<u8>, RunFolderError> {
    let mut bytes = to_csv(&[T::default()])?;
    bytes.truncate(bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    Ok(bytes)
}

/// Decodes the rows of a table with a header.
///
/// # Errors
/// A row is incomplete or malformed.
pub fn from_csv<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let rows = csv::Reader::from_reader(bytes).into_deserialize();
    rows.collect::<Result<_, csv::Error>>().map_err(|error| error.to_string())
}
