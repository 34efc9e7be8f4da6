//! `scratch`: fresh networks of the widths that clips lead to, trained with the budget spent so far.
//!
//! At clip `c` the other methods have trained on `c + 1` cycles of batches: so has the fresh network when
//! it is measured first, and on one more when it is measured again.

use crate::TrainerError;
use crate::cycle::Chunk;
use crate::events::{CycleRow, Observer, Outcome};
use crate::ladder::clipped_layers;
use crate::record::Record;

/// A clip, and the widths before and after it.
pub(crate) struct Rung<'a> {
    pub(crate) clip: usize,
    pub(crate) before: &'a [usize],
    /// Those of the chunk.
    pub(crate) after: &'a [usize],
    /// Whether no other follows.
    pub(crate) last: bool,
}

/// Trains a chunk of fresh networks to the budget of a rung, and a cycle more.
///
/// # Errors
/// A file cannot be written, or the device fails.
pub(crate) fn train_to_budget(
    mut chunk: Chunk<'_>,
    rung: &Rung<'_>,
    record: &mut Record<'_>,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainerError> {
    let ended = |chunk: &Chunk<'_>| {
        if chunk.replicas.is_empty() { Outcome::Diverged } else { Outcome::Interrupted }
    };
    record.joules();
    let (mut train_seconds, mut losses) = (0.0, vec![]);
    for cycle in 0..=rung.clip {
        let Some(trained) = chunk.train(cycle, record, observer)? else { return Ok(ended(&chunk)) };
        train_seconds += trained.seconds;
        losses = trained.losses;
    }
    let accuracies = chunk.accuracies()?;
    let joules = record.joules();
    let mut rows = Vec::new();
    for (place, accuracy) in accuracies.into_iter().enumerate() {
        for layer in clipped_layers(&chunk.config.network.hidden, rung.after) {
            rows.push(CycleRow {
                width_before: rung.before[layer],
                train_loss: losses[place],
                train_seconds,
                at_once: chunk.replicas.len(),
                joules,
                ..chunk.row((rung.clip, layer), place, accuracy)
            });
        }
    }
    record.clip(rows)?;
    let trained = chunk.train(rung.clip + 1, record, observer)?;
    if chunk.replicas.is_empty() {
        return Ok(Outcome::Diverged);
    }
    let accuracies = trained.map(|_| chunk.accuracies()).transpose()?;
    let at = (rung.clip, rung.after);
    record.after_training(at, &chunk.replicas, accuracies.as_deref(), observer)?;
    let Some(accuracies) = accuracies else { return Ok(ended(&chunk)) };
    if rung.last {
        record.finished(&chunk.replicas, chunk.network, &accuracies);
    }
    Ok(Outcome::Finished)
}
