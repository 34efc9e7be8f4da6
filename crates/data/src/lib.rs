//! Labelled images and tables: folders of images, CIFAR-10 and CIFAR-100, any four IDX files, NumPy's arrays, CSV
//! files, MNIST by name, and built-in digits that are drawn at run time. This crate uses no tensor library. Images are
//! bytes or f32 ([`Values`]), and are normalised later.
//!
//! It also reads files from outside, completely and within limits ([`read_whole`]), and arrays of numbers from
//! safetensors and .npy files ([`arrays`], [`npy`]). It writes into folders without following links ([`Dir`]), and
//! detects later damage ([`Manifest`]).

pub mod arrays;
mod bad_image;
pub mod cifar;
mod dataset;
mod digest;
pub mod digits;
mod dir;
mod error;
pub mod folder;
mod held_out;
pub mod idx;
pub mod images;
mod labelled;
mod load_options;
mod manifest;
pub mod mnist;
pub mod npy;
pub mod numpy;
mod per_channel;
mod progress;
mod source;
mod statistics;
mod stored;
mod stream;
pub mod table;
mod text;
mod values;
mod whole;

pub use bad_image::{BadImage, OnBadImage};
pub use dataset::{Dataset, Split};
pub use digest::{hexadecimal, sha256, sha256_file, sha256_of};
pub use dir::{Dir, Kind, PARTIAL, is_partial};
pub use error::DataError;
pub use labelled::LabelledImage;
pub use load_options::LoadOptions;
pub use manifest::{MANIFEST, Manifest};
pub use per_channel::PerChannel;
pub use progress::Progress;
pub use source::Source;
pub use statistics::Statistics;
pub use stored::Stored;
pub use text::{is_obeyed, plain, plain_within};
pub use values::{ValueType, Values};
pub use whole::{read_whole, write_whole};
