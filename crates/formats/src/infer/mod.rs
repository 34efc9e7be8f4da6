//! Infers what a network computes from the names and the extents of its tensors.

mod chain;
mod known;

use rayclip_model::{Graph, Shape};

use crate::error::FormatError;
use crate::state_dict::StateDict;

pub(crate) use chain::chain;

/// Returns the graph of a state dict, and says in its notes what is an assumption. `input` is the shape of the images,
/// if the user says it.
///
/// # Errors
/// What the network computes cannot be inferred.
pub(crate) fn infer(state: &mut StateDict, input: Option<Shape>) -> Result<Graph, FormatError> {
    state.strip_wrappers(|_| false);
    if let Some(graph) = known::known(state, input) {
        return Ok(graph);
    }
    match chain(state) {
        Ok((graph, note)) => {
            state.notes.push(note);
            Ok(graph)
        }
        Err(reason) => Err(FormatError::Topology { path: state.path.clone(), reason }),
    }
}
