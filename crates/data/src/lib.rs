//! Labelled images: folders of images, CIFAR-10 and CIFAR-100, any four IDX files, MNIST by name, and built-in digits
//! that are drawn at run time. This crate uses no tensor library. Images are bytes, and are normalised later on the device.
//!
//! It also reads files from outside, completely and within limits ([`read_whole`]), and arrays of numbers from
//! safetensors and .npy files ([`arrays`], [`npy`]). It writes into folders without following links ([`Dir`]), and
//! detects later damage ([`Manifest`]).

pub mod arrays;
pub mod cifar;
mod dataset;
mod digest;
pub mod digits;
mod dir;
mod error;
pub mod folder;
pub mod idx;
pub mod images;
mod labelled;
mod manifest;
pub mod mnist;
pub mod npy;
mod progress;
mod source;
mod stream;
mod text;
mod whole;

pub use dataset::{Dataset, Split};
pub use digest::{hexadecimal, sha256, sha256_file, sha256_of};
pub use dir::{Dir, Kind, PARTIAL, is_partial};
pub use error::DataError;
pub use images::{BadImage, ImageOptions, OnBadImage};
pub use labelled::LabelledImage;
pub use manifest::{MANIFEST, Manifest};
pub use progress::Progress;
pub use source::Source;
pub use text::{is_obeyed, plain, plain_within};
pub use whole::{read_whole, write_whole};
