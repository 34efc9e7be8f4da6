//! The order of training: replicas in chunks, each down the ladder, then those from scratch.

use burn::tensor::Device;
use rayclip_model::Graph;
use rayclip_run_folder::config::{Method, Ranking, by_method};
use rayclip_run_folder::{Replica, RunConfig, ladder, scratch_clips};

use super::chunk::{Chunk, Trainees};
use super::chunk_size::{ChunkSize, Training, chunk_size, split};
use super::cycle::{ChunkEnd, drive};
use super::events::{Chunks, Event, Observer, PlannedChunk, PlannedCycle};
use super::inputs::Inputs;
use super::position::{Position, TrainingSchedule};
use super::session::Session;
use super::state::ChunkNumbers;
use crate::error::TrainerError;

/// The chunks of a run, and the clips at which `scratch` trains.
pub(crate) struct Plan {
    /// Clipped chunks.
    clipped: Vec<Vec<Replica>>,
    /// Chunks that train from scratch at every clip of `scratch_clips`. The replicas of each have the same method.
    scratch: Vec<Vec<Replica>>,
    scratch_clips: Vec<usize>,
    /// Why not more replicas train at the same time.
    reason: String,
}

/// A part of a plan: a chunk and its schedule.
struct Leg<'a> {
    position: Position,
    replicas: &'a [Replica],
    schedule: TrainingSchedule,
    /// Whether its replicas are done after it.
    is_last: bool,
}

impl Plan {
    /// Chooses chunks that fit into memory, and on a CPU no larger than train fast. If `at_once` is given, it
    /// decides, within what the device can bind.
    ///
    /// # Errors
    /// One replica does not fit the device or the machine.
    pub(crate) fn of(
        config: &RunConfig,
        graph: &Graph,
        device: &Device,
        images: usize,
        at_once: Option<usize>,
    ) -> Result<Self, TrainerError> {
        let batch_size = config.training.batch_size.min(images);
        let learns_from_original = config.training.distillation > 0.0;
        let copies = config.training.soup;
        let training = Training { batch_size, learns_from_original, copies };
        let ChunkSize { replicas: size, reason } = chunk_size(graph, training, device, at_once)?;
        let (scratch, clipped): (Vec<Replica>, Vec<Replica>) =
            config.all_replicas().into_iter().partition(|r| r.method.is_from_scratch());
        let scratch = scratch.chunk_by(|a, b| a.method == b.method).map(<[Replica]>::to_vec);
        let (scratch, clipped) = (scratch.collect::<Vec<_>>(), by_rate(config, clipped));
        let (of_clipped, reason) = match config.compression.ranking {
            Ranking::Group => (size, reason),
            Ranking::Global => {
                (1, "with a global ranking, every network has its own widths".into())
            }
        };
        let fits = |together: &[Vec<Replica>], size| together.iter().all(|all| all.len() <= size);
        let reason = if fits(&clipped, of_clipped) && fits(&scratch, size) {
            "methods with other learning rates, and those from scratch, train apart".into()
        } else {
            reason
        };
        let split = |together: Vec<Vec<Replica>>, size| {
            together.into_iter().flat_map(|all| chunks(all, size)).collect()
        };
        Ok(Self::with(config, split(clipped, of_clipped), split(scratch, size), reason))
    }

    /// Restores the chunks of a resumed run, from the numbers of their replicas.
    pub(crate) fn again(config: &RunConfig, numbers: &ChunkNumbers) -> Self {
        let all = config.all_replicas();
        let chunks = |numbers: &[Vec<usize>]| {
            let chunk = |numbers: &Vec<usize>| numbers.iter().map(|n| all[*n]).collect();
            numbers.iter().map(chunk).collect()
        };
        let (clipped, scratch) = (chunks(&numbers.clipped), chunks(&numbers.scratch));
        Self::with(config, clipped, scratch, "as at the start of the run".into())
    }

    fn with(
        config: &RunConfig,
        clipped: Vec<Vec<Replica>>,
        scratch: Vec<Vec<Replica>>,
        reason: String,
    ) -> Self {
        // If `scratch` is not among the methods, its clips may not fit the ladder.
        let at = if scratch.is_empty() { Ok(vec![]) } else { scratch_clips(config) };
        Self { clipped, scratch, scratch_clips: at.unwrap_or_default(), reason }
    }

    /// Returns the replica numbers of all chunks.
    pub(crate) fn numbers(&self) -> ChunkNumbers {
        let numbers = |chunks: &[Vec<Replica>]| {
            let of_chunk = |chunk: &Vec<Replica>| chunk.iter().map(|r| r.number).collect();
            chunks.iter().map(of_chunk).collect()
        };
        ChunkNumbers { clipped: numbers(&self.clipped), scratch: numbers(&self.scratch) }
    }

    /// Returns the number of batches of the whole run, each of one chunk.
    pub(crate) fn batches(&self, config: &RunConfig, clips: usize) -> usize {
        let of_leg = |leg: Leg<'_>| {
            let cycles = leg.schedule.batches_of_cycles(config);
            cycles.batches_before(leg.schedule.cycles(clips)).unwrap_or(usize::MAX)
        };
        self.legs(config).map(of_leg).fold(0, usize::saturating_add)
    }

    /// Returns the replicas of the first chunk.
    pub(crate) fn first(&self) -> Option<&[Replica]> {
        self.clipped.iter().chain(&self.scratch).next().map(Vec::as_slice)
    }

    /// Returns what trains in every chunk.
    fn chunks(&self, config: &RunConfig) -> Chunks {
        let ladder = ladder(config);
        let neurons = |clip: Option<usize>| {
            let widths = clip.map_or(config.network.first_widths(), |clip| &ladder[clip]);
            widths.iter().sum()
        };
        let of_leg = |leg: Leg<'_>| {
            let batches = leg.schedule.batches_of_cycles(config);
            let cycles = 0..leg.schedule.cycles(ladder.len());
            let cycle = |cycle| PlannedCycle {
                batches: batches.batches(cycle),
                networks: Trainees::of(leg.schedule, cycle, leg.replicas, config).len(),
                neurons: neurons(leg.schedule.rung(cycle)),
            };
            PlannedChunk { replicas: leg.replicas.len(), cycles: cycles.map(cycle).collect() }
        };
        let (scratch, clipped): (Vec<_>, Vec<_>) =
            self.legs(config).partition(|leg| leg.position.scratch);
        let scratch: Vec<PlannedChunk> = scratch.into_iter().map(of_leg).collect();
        Chunks {
            clipped: clipped.into_iter().map(of_leg).collect(),
            scratch: scratch.chunks(self.scratch_clips.len().max(1)).map(<[_]>::to_vec).collect(),
            scratch_clips: self.scratch_clips.clone(),
        }
    }

    /// Notifies the observer of the start and the chunks.
    pub(crate) fn announce(&self, config: &RunConfig, clips: usize, observer: &mut dyn Observer) {
        observer.notify(&Event::Started {
            clips,
            batches: self.batches(config, clips),
            widths: config.network.first_widths(),
            chunks: &self.chunks(config),
        });
        if self.clipped.len() > 1 || self.scratch.len() > 1 {
            observer.notify(&Event::Chunked {
                replicas: config.all_replicas().len(),
                at_once: self.clipped.iter().chain(&self.scratch).map(Vec::len).max().unwrap_or(0),
                reason: &self.reason,
            });
        }
    }

    /// Returns all legs, in order.
    fn legs<'a>(&'a self, config: &'a RunConfig) -> impl Iterator<Item = Leg<'a>> {
        let clipped = self.clipped.iter().enumerate().map(|(chunk, replicas)| Leg {
            position: Position::of_chunk(chunk),
            replicas,
            schedule: TrainingSchedule::Ladder,
            is_last: false,
        });
        let scratch = self.scratch.iter().enumerate().flat_map(move |(chunk, replicas)| {
            let last = self.scratch_clips.len() - 1;
            let method = replicas.first().map_or(Method::Scratch, |replica| replica.method);
            self.scratch_clips.iter().enumerate().map(move |(rung, &clip)| Leg {
                position: Position::of_scratch(chunk, rung),
                replicas,
                schedule: TrainingSchedule::scratch(config, method, clip),
                is_last: rung == last,
            })
        });
        clipped.chain(scratch)
    }

    /// Runs all chunks through their schedules, one after the other, until the run is interrupted. If the run is
    /// `resumed`, starts at its position, with the chunk that trains there.
    ///
    /// # Errors
    /// A file cannot be written, a replica diverges and that ends the run, or the device fails.
    pub(crate) fn run<'a>(
        &self,
        inputs: Inputs<'a>,
        resumed: Option<(Position, Chunk<'a>)>,
        session: &mut Session<'_>,
    ) -> Result<ChunkEnd, TrainerError> {
        let (first, mut resumed) =
            resumed.map_or((Position::default(), None), |(p, c)| (p, Some(c)));
        for Leg { position, replicas, schedule, is_last } in self.legs(inputs.config) {
            if position.is_before(&first) {
                continue;
            }
            let alive: Vec<Replica> =
                replicas.iter().filter(|r| !session.ledger.has_left(**r)).copied().collect();
            if !alive.is_empty() {
                session.position = position;
                let chunk = if let Some(chunk) = resumed.take() {
                    chunk
                } else {
                    let mut chunk = Chunk::start(inputs, &alive, schedule)?;
                    session.begin_chunk(&mut chunk)?;
                    chunk
                };
                let rung = position.scratch.then_some(position.rung);
                let number = position.chunk;
                session.tell(&Event::Chunk { number, rung, replicas: &alive });
                if drive(chunk, session)? == ChunkEnd::Interrupted {
                    return Ok(ChunkEnd::Interrupted);
                }
            }
            if is_last {
                session.ledger.finish(replicas);
            }
        }
        Ok(ChunkEnd::Complete)
    }
}

/// Groups replicas by the learning rate of their methods: those of a chunk have the same.
fn by_rate(config: &RunConfig, replicas: Vec<Replica>) -> Vec<Vec<Replica>> {
    let mut groups: Vec<(f64, Vec<Replica>)> = vec![];
    for replica in replicas {
        let rate = config.training.rate_of(replica.method).unwrap_or(config.training.learning_rate);
        match groups.iter_mut().find(|(other, _)| *other == rate) {
            Some((_, group)) => group.push(replica),
            None => groups.push((rate, vec![replica])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Makes chunks of at most `size` replicas, seed by seed. If a chunk has room for all methods, an interrupted run
/// has all methods (except `scratch`, which comes last) for each of its seeds.
fn chunks(mut replicas: Vec<Replica>, size: usize) -> Vec<Vec<Replica>> {
    let methods = by_method(&replicas).len().max(1);
    replicas.sort_by_key(|replica| (replica.seed_index, replica.number));
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
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

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
