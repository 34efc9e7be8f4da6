//! Writes a file.

use std::path::Path;

use prost::Message;
use rayclip_data::write_whole;

use crate::error::OnnxError;
use crate::limits::MOST_BYTES;
use crate::proto::Model;

/// Writes an ONNX file with all its weights, completely or not at all. The same model gives the same bytes.
///
/// # Errors
/// The model is larger than an ONNX file can be, or the file system refuses.
pub fn write(model: &Model, path: &Path) -> Result<(), OnnxError> {
    let length = model.encoded_len();
    if length as u64 > MOST_BYTES {
        let reason = format!("it would have {length} bytes; a file has at most {MOST_BYTES}");
        return Err(OnnxError::format(path, reason));
    }
    write_whole(path, &model.encode_to_vec()).map_err(|error| OnnxError::io("write", path, error))
}
