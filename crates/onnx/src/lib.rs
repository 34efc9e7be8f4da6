//! ONNX files: read within limits, analysed, clipped, and written.
//!
//! A file keeps everything that it was read with: names, order, metadata, operations that this crate does not know.
//! Only what a clip changes is written anew.

mod attributes;
mod error;
mod external;
mod limits;
pub mod proto;
mod read;
#[cfg_attr(not(test), allow(dead_code, reason = "the analysis of channels asks it"))]
mod shapes;
mod tensor;
mod write;

pub use error::OnnxError;
pub use read::read;
pub use tensor::ElementType;
pub use write::write;
