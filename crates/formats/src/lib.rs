//! Networks in files of all kinds, in and out.
//!
//! [`load`] reads a network with everything that its file says about it ([`Loaded`]): from the folder of a run, a file
//! of rayclip, a state dict of PyTorch or in safetensors, or an ONNX file. [`export()`] writes it in any [`Format`].
//!
//! A state dict has tensors only. What the network computes comes from a file with a graph, or is inferred where the
//! names and extents leave no doubt; [`Loaded::notes`] says then what is an assumption.
//!
//! Tensors have the names and the layout of PyTorch everywhere ([`rayclip_model::Exported`]).
//!
//! ```no_run
//! use burn::tensor::Device;
//! use rayclip_formats::{ExportOptions, Format, LoadOptions, export, load};
//!
//! let network = load("weights.pt".as_ref(), &LoadOptions::default())?;
//! for note in &network.notes {
//!     println!("{note}");
//! }
//! let population = network.population(&Device::flex())?; // to evaluate, train or clip it
//! export(&network, Format::Onnx, ExportOptions::default())?.write("small.onnx".as_ref(), false)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod burn_file;
mod choice;
mod compare;
mod content;
mod error;
mod export;
mod fit;
mod fold;
mod folder;
mod graph_file;
mod images;
mod infer;
mod load;
mod loaded;
mod metadata;
mod network_file;
pub mod onnx;
mod python;
mod pytorch;
mod ranks;
mod state_dict;
mod suits;

pub use choice::Choice;
pub use compare::largest_difference;
pub use content::is_onnx;
pub use error::FormatError;
pub use export::{Export, ExportOptions, Format, export};
pub use fold::fold_batch_norms;
pub use images::ImageDescription;
pub use load::{LoadOptions, load, read_graph};
pub use loaded::{Kind, Loaded, Source};
pub use metadata::{format, is_known, metadata};
pub use suits::{NO_NORMALISATION, check_classes, check_order, check_values};
