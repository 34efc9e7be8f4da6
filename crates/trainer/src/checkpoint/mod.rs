//! Checkpoints: all that a run needs to go on as if it had never ended.
//!
//! A checkpoint is taken after a batch, never within one. It holds the networks and moments of the chunk
//! that trains, the ids of the neurons that are left, the place in the schedule, and all that the run has
//! shown so far. Random streams and the order of the images are keyed by seed and place (`streams.rs`),
//! so the place is their position.
//!
//! A checkpoint is one file, `checkpoints/N.SHA256.safetensors`: the tensors, and as bytes `state` (JSON), `cycles`
//! and `timings` (CSV); `format` is in the metadata. `N` counts up. The name has the SHA-256 of the content: a
//! file that is damaged, or not whole, gives itself away; it is passed over, and the one before is used.
//! It is hashed in constant memory, and read only then, if it is no larger than a checkpoint of the run can be.
//! What passes is checked against the configuration all the same, as whatever comes from outside: the state
//! has every key that results depend on, and a checkpoint of other values is refused by naming them.

use crate::RunConfig;

#[cfg(test)]
mod belonging;
mod file;
mod size;
mod state;
pub(crate) mod store;
mod tensors;
#[cfg(test)]
mod tests;

pub(crate) use file::{Checkpoint, Refusal};
pub(crate) use size::most_bytes;
pub(crate) use state::{ChunkState, Place, ReplicaState, State};
pub(crate) use store::{Checkpoints, Wanted};
pub use store::{Every, Schedule};
pub(crate) use tensors::HostTensors;

/// Says what is wrong with the bytes of a checkpoint of a run of `config`; their SHA-256 is not looked at.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_checkpoint(bytes: &[u8], config: &RunConfig) -> Result<(), String> {
    Checkpoint::decode(bytes, config).map(drop).map_err(|refusal| refusal.to_string())
}
