//! Labelled images: any four IDX files, MNIST by name, and built-in digits that are drawn at run
//! time. No tensor library is involved; images are bytes, normalised later on the device.
//!
//! Also how files from outside are read at all: whole and within limits ([`read_whole`]), arrays of numbers
//! from safetensors and .npy ([`arrays`], [`npy`]). And how folders are written into: through no link ([`Dir`]), and
//! so that what is damaged later is known ([`Manifest`]).

pub mod arrays;
mod dataset;
mod digest;
pub mod digits;
mod dir;
mod error;
pub mod folder;
pub mod idx;
mod manifest;
pub mod mnist;
pub mod npy;
mod source;
mod stream;
mod text;
mod whole;

pub use dataset::{Dataset, Split};
pub use digest::{sha256, sha256_file, sha256_of};
pub use dir::{Dir, Kind, is_partial};
pub use error::DataError;
pub use manifest::{MANIFEST, Manifest};
pub use source::Source;
pub use text::{is_obeyed, plain, plain_within};
pub use whole::{PARTIAL, read_whole, write_whole};

/// Told how far loading has come: `(done, total)` in the unit of the source (images or files).
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;
