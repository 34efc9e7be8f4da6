//! What trains when: replicas in chunks, each down the ladder, then those from scratch.

use burn::tensor::Device;
use rayclip_model::MlpShape;

use crate::checkpoint::Place;
use crate::chunk::Chunk;
use crate::chunk_size::{ChunkSize, chunk_size, split};
use crate::config::Method;
use crate::determinism::repeats;
use crate::events::{Chunks, Event, Observer, Outcome};
use crate::images::Splits;
use crate::ladder::{halvings, ladder, scratch_clips};
use crate::latency::{LatencyRow, latencies};
use crate::record::Record;
use crate::replica::{Replica, by_method};
use crate::scratch::{Rung, train_to_budget};
use crate::{RunConfig, TrainerError};

/// The chunks of a run, and the widths that they are led through.
pub(crate) struct Plan {
    /// Chunks of replicas that are clipped.
    clipped: Vec<Vec<Replica>>,
    /// Chunks of replicas that train from scratch at every clip of `scratch_clips`.
    scratch: Vec<Vec<Replica>>,
    scratch_clips: Vec<usize>,
    ladder: Vec<Vec<usize>>,
    /// Why not more train at once.
    reason: String,
}

impl Plan {
    /// With chunks that memory takes, or on a CPU are fast; of at most `at_once` replicas, where that is given.
    ///
    /// # Errors
    /// One replica does not fit the device or the machine.
    pub(crate) fn of(
        config: &RunConfig,
        (shape, device): (&MlpShape, &Device),
        images: usize,
        at_once: Option<usize>,
    ) -> Result<Self, TrainerError> {
        let batch_size = config.training.batch_size.min(images);
        let ChunkSize { replicas: size, reason } = chunk_size(shape, batch_size, device, at_once)?;
        let (scratch, clipped): (Vec<Replica>, Vec<Replica>) =
            config.all_replicas().into_iter().partition(|r| r.method == Method::Scratch);
        let chunks = |replicas: Vec<Replica>| chunks(replicas, size);
        Ok(Self::with(config, chunks(clipped), chunks(scratch), reason))
    }

    /// With the chunks that a run began with, by the numbers of their replicas.
    pub(crate) fn again(
        config: &RunConfig,
        clipped: &[Vec<usize>],
        scratch: &[Vec<usize>],
    ) -> Self {
        let all = config.all_replicas();
        let chunks = |numbers: &[Vec<usize>]| {
            let chunk = |numbers: &Vec<usize>| numbers.iter().map(|n| all[*n]).collect();
            numbers.iter().map(chunk).collect()
        };
        Self::with(config, chunks(clipped), chunks(scratch), "as the run began".into())
    }

    fn with(
        config: &RunConfig,
        clipped: Vec<Vec<Replica>>,
        scratch: Vec<Vec<Replica>>,
        reason: String,
    ) -> Self {
        // Refused by validate() where it matters.
        let scratch_clips = scratch_clips(config).unwrap_or_default();
        Self { clipped, scratch, scratch_clips, ladder: ladder(config), reason }
    }

    /// Numbers of the replicas of all chunks.
    pub(crate) fn numbers(&self) -> [Vec<Vec<usize>>; 2] {
        [&self.clipped, &self.scratch].map(|chunks| {
            let numbers = |chunk: &Vec<Replica>| chunk.iter().map(|r| r.number).collect();
            chunks.iter().map(numbers).collect()
        })
    }

    /// Batches of the whole run, each of a chunk.
    pub(crate) fn batches(&self, config: &RunConfig) -> usize {
        let of_scratch: usize = self.scratch_clips.iter().map(|clip| clip + 2).sum();
        let cycles = self.clipped.len() * (self.ladder.len() + 1) + self.scratch.len() * of_scratch;
        cycles.saturating_mul(config.training.batches_per_cycle)
    }

    /// How many replicas every chunk has.
    fn sizes(&self) -> Chunks {
        let sizes = |chunks: &[Vec<Replica>]| chunks.iter().map(Vec::len).collect();
        Chunks {
            clipped: sizes(&self.clipped),
            scratch: sizes(&self.scratch),
            scratch_clips: self.scratch_clips.clone(),
        }
    }

    /// Tells what is to come.
    pub(crate) fn announce(&self, config: &RunConfig, observer: &mut dyn Observer) {
        observer.notify(&Event::Started {
            clips: self.ladder.len(),
            batches: self.batches(config),
            widths: &config.network.hidden,
            chunks: &self.sizes(),
        });
        if self.clipped.len() > 1 || self.scratch.len() > 1 {
            observer.notify(&Event::Chunked {
                replicas: config.all_replicas().len(),
                at_once: self.clipped.iter().chain(&self.scratch).map(Vec::len).max().unwrap_or(0),
                reason: &self.reason,
            });
        }
    }

    /// All chunks, one after the other, until one is interrupted; `from` a place on, with the chunk that
    /// trains there.
    ///
    /// # Errors
    /// A file cannot be written, a replica diverges that may not, or the device fails.
    pub(crate) fn run<'a>(
        &self,
        from: Option<(Place, Chunk<'a>)>,
        config: &'a RunConfig,
        splits: &'a Splits,
        (shape, device): (&MlpShape, &Device),
        record: &mut Record<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, TrainerError> {
        let (first, mut from) = from.map_or((Place::default(), None), |(p, c)| (p, Some(c)));
        let mut next =
            |place: Place, replicas: &[Replica], shape: &MlpShape, record: &mut Record<'_>| {
                record.enter(place);
                if let Some(chunk) = from.take() {
                    return Ok(chunk);
                }
                // What the chunk before took is not this one's.
                record.joules();
                let chunk = Chunk::start(config, splits, replicas, (shape, device))?;
                // What trains at once is known from here on.
                chunk.checkpoint(record)?;
                Ok::<_, TrainerError>(chunk)
            };
        for (number, replicas) in self.clipped.iter().enumerate() {
            let place = Place { chunk: number, ..Place::default() };
            if place.is_before(&first) {
                continue;
            }
            let chunk = next(place, replicas, shape, record)?;
            observer.notify(&Event::Chunk { number, rung: None, replicas });
            if chunk.cycle_until_small(record, observer)? == Outcome::Interrupted {
                return Ok(Outcome::Interrupted);
            }
        }
        for (number, all) in self.scratch.iter().enumerate() {
            for (rung, &clip) in self.scratch_clips.iter().enumerate() {
                let place = Place { scratch: true, chunk: number, rung, ..Place::default() };
                let replicas: Vec<Replica> =
                    all.iter().filter(|replica| !record.is_frozen(**replica)).copied().collect();
                if place.is_before(&first) || replicas.is_empty() {
                    continue;
                }
                let position = Some(rung);
                let rung = self.rung(config, clip);
                let shape = MlpShape { hidden: rung.after.to_vec(), ..shape.clone() };
                let chunk = next(place, &replicas, &shape, record)?;
                observer.notify(&Event::Chunk { number, rung: position, replicas: &replicas });
                if train_to_budget(chunk, &rung, record, observer)? == Outcome::Interrupted {
                    return Ok(Outcome::Interrupted);
                }
            }
            record.done(all);
        }
        Ok(Outcome::Finished)
    }

    /// Whether the device gives the same bits for the first batches of the first chunk again.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn repeats(
        &self,
        config: &RunConfig,
        splits: &Splits,
        on: (&MlpShape, &Device),
    ) -> Result<bool, TrainerError> {
        let first = self.clipped.iter().chain(&self.scratch).next();
        first.map_or(Ok(true), |replicas| repeats(config, splits, replicas, on))
    }

    /// How long networks take at the halvings of the width.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn latencies(
        &self,
        config: &RunConfig,
        on: (&MlpShape, &Device),
        splits: &Splits,
    ) -> Result<Vec<LatencyRow>, TrainerError> {
        let halvings = halvings(config).into_iter().map(|c| (Some(c), self.ladder[c].clone()));
        let first = std::iter::once((None, config.network.hidden.clone()));
        let rungs: Vec<_> = first.chain(halvings).collect();
        latencies(&rungs, on, &splits.test, config.training.batch_size)
    }

    fn rung<'a>(&'a self, config: &'a RunConfig, clip: usize) -> Rung<'a> {
        let before = if clip == 0 { &config.network.hidden } else { &self.ladder[clip - 1] };
        Rung { clip, before, after: &self.ladder[clip], last: clip + 1 == self.ladder.len() }
    }
}

/// Chunks of at most `size` replicas, seed by seed: a run that is interrupted has all methods (but
/// `scratch`, which comes last) of the seeds that it has, where a chunk holds all methods.
fn chunks(mut replicas: Vec<Replica>, size: usize) -> Vec<Vec<Replica>> {
    let methods = by_method(&replicas).len().max(1);
    replicas.sort_by_key(|replica| (replica.place, replica.number));
    let together = if methods <= size { methods } else { 1 };
    let units: Vec<&[Replica]> = replicas.chunks(together).collect();
    let mut chunks: Vec<Vec<Replica>> =
        split(&units, size / together).map(<[&[Replica]]>::concat).collect();
    for chunk in &mut chunks {
        chunk.sort_by_key(|replica| replica.number);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, Setting, resolve};

    #[test]
    fn a_chunk_has_all_methods_of_its_seeds_where_it_can() {
        let settings = ["replicas=5", "seed=3", "compression.methods=['dtc', 'l2', 'random']"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let numbers = |size| -> Vec<Vec<usize>> {
            let chunks = chunks(config.all_replicas(), size).into_iter();
            chunks.map(|chunk| chunk.iter().map(|replica| replica.number).collect()).collect()
        };
        assert_eq!(
            numbers(7),
            [vec![0, 1, 5, 6, 10, 11], vec![2, 3, 7, 8, 12, 13], vec![4, 9, 14]]
        );
        assert_eq!(numbers(2).len(), 8);
        assert_eq!(numbers(100), [(0..15).collect::<Vec<_>>()]);
    }
}
