//! Writes a file.

use std::path::Path;

use prost::Message;
use rayclip_data::write_whole;

use crate::error::OnnxError;
use crate::limits::MOST_BYTES;
use crate::proto::Model;

/// Encodes a model with all its weights. The same model gives the same bytes.
///
/// # Errors
/// The model is larger than an ONNX file can be.
pub fn encode(model: &Model) -> Result<Vec<u8>, String> {
    let length = model.encoded_len();
    if length as u64 > MOST_BYTES {
        return Err(format!("it would have {length} bytes; a file has at most {MOST_BYTES}"));
    }
    Ok(model.encode_to_vec())
}

/// Writes an ONNX file with all its weights, completely or not at all. The same model gives the same bytes.
///
/// # Errors
/// The model is larger than an ONNX file can be, or the file system refuses.
pub fn write(model: &Model, path: &Path) -> Result<(), OnnxError> {
    let bytes = encode(model).map_err(|reason| OnnxError::format(path, reason))?;
    write_whole(path, &bytes).map_err(|error| OnnxError::io("write", path, error))
}
