//! The loop: ask a chunk for the next step, and hand the result to the session, until the chunk is done.

use std::time::Instant;

use super::chunk::{Advance, Chunk};
use super::session::Session;
use crate::error::TrainerError;

/// How a chunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkEnd {
    /// The chunk is done.
    Complete,
    /// The run was interrupted.
    Interrupted,
}

/// Runs a chunk through its schedule, or until the run is interrupted.
///
/// # Errors
/// The solver refuses a problem, a file cannot be written, the device fails, or a replica diverges and that ends
/// the run.
pub(crate) fn drive(
    mut chunk: Chunk<'_>,
    session: &mut Session<'_>,
) -> Result<ChunkEnd, TrainerError> {
    loop {
        if chunk.wants_batch() && session.is_interrupted() {
            session.interrupt(chunk)?;
            return Ok(ChunkEnd::Interrupted);
        }
        let began = Instant::now();
        let advance = chunk.advance()?;
        if matches!(advance, Advance::Done) {
            session.finish_chunk(&chunk)?;
            return Ok(ChunkEnd::Complete);
        }
        let alive = session.record(advance, began.elapsed(), &mut chunk)?;
        chunk.keep_replicas(&alive);
    }
}
