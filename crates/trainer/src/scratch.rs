//! `scratch`: fresh networks of the widths that clips lead to, trained with the budget spent so far.
//!
//! At clip `c` the other methods have trained on `c + 1` cycles of batches: so has the fresh network when
//! it is measured first, and on one more when it is measured again.

use crate::TrainerError;
use crate::chunk::Chunk;
use crate::events::{CycleRow, Observer, Outcome, TimingRow};
use crate::ladder::clipped_layers;
use crate::record::Record;
use crate::replica::Replica;

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
    // One that is gone on with may be beyond the budget already.
    while chunk.cycle.number <= rung.clip {
        let Some(losses) = chunk.train(record, observer)? else { return Ok(ended(&chunk)) };
        if chunk.cycle.number == rung.clip {
            measure(&chunk, rung, &losses, record)?;
        }
        chunk.next_cycle(chunk.cycle.seconds);
    }
    let losses = chunk.train(record, observer)?;
    if chunk.replicas.is_empty() {
        return Ok(Outcome::Diverged);
    }
    let tested = losses.map(|_| chunk.tested()).transpose()?;
    let at = (rung.clip, rung.after);
    let accuracies = tested.as_ref().map(|tested| tested.accuracies.as_slice());
    record.after_training(at, &chunk.replicas, accuracies, observer)?;
    let Some(tested) = tested else { return Ok(ended(&chunk)) };
    record.keep(Some(rung.clip), &chunk.replicas, &chunk.network, &tested)?;
    let alive = record.stop_fallen(Some(rung.clip), &chunk.replicas, observer);
    chunk.keep_replicas(&alive);
    if rung.last && !alive.is_empty() {
        let accuracies: Vec<_> = alive.iter().map(|place| tested.accuracies[*place]).collect();
        record.finished(&chunk.replicas, chunk.network, &accuracies);
    }
    Ok(Outcome::Finished)
}

/// The rows of networks that have trained with the budget.
fn measure(
    chunk: &Chunk<'_>,
    rung: &Rung<'_>,
    losses: &[f64],
    record: &mut Record<'_>,
) -> Result<(), TrainerError> {
    let joules = record.joules();
    let timing = |replica: &Replica| TimingRow {
        replica: replica.number,
        cycle: rung.clip,
        train_seconds: chunk.cycle.seconds,
        joules,
        ..TimingRow::default()
    };
    let timings = chunk.replicas.iter().map(timing).collect();
    let mut rows = Vec::new();
    for (place, accuracy) in chunk.accuracies()?.into_iter().enumerate() {
        for layer in clipped_layers(&chunk.config.network.hidden, rung.after) {
            rows.push(CycleRow {
                width_before: rung.before[layer],
                train_loss: losses[place],
                at_once: chunk.replicas.len(),
                ..chunk.row(layer, place, accuracy)
            });
        }
    }
    record.clip(rows, timings)
}
