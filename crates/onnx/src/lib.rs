//! ONNX files: read within limits, analysed, clipped, and written.
//!
//! A file keeps everything that it was read with: names, order, metadata, operations that this crate does not know.
//! Only what a clip changes is written anew.

mod analysis;
mod attributes;
#[cfg(test)]
mod built;
mod clip;
mod coupling;
mod error;
mod external;
mod limits;
mod names;
pub mod proto;
mod read;
mod shapes;
mod sharing;
mod tensor;
mod weights;
mod write;

pub use analysis::{Analysis, Size};
pub use clip::Kept;
pub use coupling::{Group, Reason, Role, Span, Tie, name_of};
pub use error::OnnxError;
pub use read::{decode, read};
pub use sharing::{Copies, retie, untie};
pub use tensor::ElementType;
pub use weights::GroupWeights;
pub use write::{encode, write};
