//! Reads an ONNX model into a graph that can be computed and trained here.
//!
//! First, every node that contributes to the output is matched with an operation of ours, from the last one to the
//! first ([`plan`]): some operations are several nodes of the file, such as a GELU written with Erf. Then the graph is
//! built in order ([`build`]). What is not matched is an obstacle; all of them are told, not only the first.
//!
//! A value of the file is `[image, channel, height, width]`, `[image, height, width, channel]` or
//! `[image, number]`; ours has channels last, which is a matter of the weights' layout alone.

mod activations;
mod affine;
mod build;
mod constants;
mod plan;
mod products;
mod shaping;
mod windows;

use rayclip_model::{Exported, Graph};
use rayclip_onnx::Analysis;
use rayclip_onnx::proto::Model;

pub use affine::Affine;

/// A network from an ONNX file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What it computes.
    pub graph: Graph,
    /// Its parameters and state.
    pub tensors: Exported,
    /// What the file does with the pixels first, if it does: it is not part of the graph.
    pub preprocessing: Option<Affine>,
    /// What differs from the file.
    pub notes: Vec<String>,
}

/// Reads a model.
///
/// # Errors
/// What cannot be computed here, one reason for every node.
pub fn import(model: &Model, analysis: &Analysis) -> Result<Imported, Vec<String>> {
    let plan = plan::plan(model, analysis)?;
    build::build(&plan)
}
