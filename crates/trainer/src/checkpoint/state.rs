//! What a checkpoint says besides numbers: where the run is, and whether that can be.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::RunConfig;
use crate::config::Method;
use crate::events::{Divergence, Outcome};
use crate::ladder::{ladder, scratch_clips};
use crate::networks::KeepNetworks;
use crate::replica::Replica;
use crate::run_dir::Kept;
use crate::settings::Settings;

/// Where a run is: chunks of replicas that are clipped come first, then those that train from scratch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Whether the chunk trains from scratch.
    pub(crate) scratch: bool,
    /// Number of the chunk among those of its kind.
    pub(crate) chunk: usize,
    /// Of a chunk that trains from scratch, the number of the network among those of its ladder.
    pub(crate) rung: usize,
    /// The cycle.
    pub(crate) cycle: usize,
    /// Batches of the cycle that are done.
    pub(crate) done: usize,
}

impl Place {
    /// Whether it is left behind where the run is at another place.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let key = |place: &Self| (place.scratch, place.chunk, place.rung);
        key(self) < key(other)
    }
}

/// The chunk that trains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkState {
    /// Numbers of the replicas that have not diverged.
    pub(crate) replicas: Vec<usize>,
    /// First numbers of the live neurons, `[replica][layer][neuron]`.
    pub(crate) lineage: Vec<Vec<Vec<usize>>>,
    /// Steps that the optimizer's moments are of; none where there are no moments.
    pub(crate) steps: Option<usize>,
    /// Seconds of the cycle's training so far; from scratch, of the network's.
    pub(crate) seconds: f64,
    /// Joules since the last clip, where a counter tells.
    pub(crate) joules: Option<f64>,
}

/// What became of a replica so far; its accuracies are among the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplicaState {
    pub(crate) outcome: Outcome,
    pub(crate) divergence: Option<Divergence>,
}

/// All that is no array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Version of the engine that wrote it.
    pub(crate) engine: String,
    /// Backend and adapter.
    pub(crate) device: String,
    /// SHA-256 of the data.
    pub(crate) data: String,
    /// Every key of the configuration that results depend on.
    pub(crate) settings: Settings,
    /// Numbers of the replicas of every chunk: those that are clipped, and
    pub(crate) clipped: Vec<Vec<usize>>,
    /// those that train from scratch.
    pub(crate) scratch: Vec<Vec<usize>>,
    pub(crate) place: Place,
    pub(crate) chunk: ChunkState,
    /// By number.
    pub(crate) replicas: Vec<ReplicaState>,
    /// After every clip so far.
    pub(crate) kept: Vec<(usize, Kept)>,
    /// What the rays, one after the other, are of: cycle, replica, layer; and the lengths of a measurement and
    /// of a ray.
    pub(crate) rays: Vec<(usize, usize, usize, [usize; 2])>,
    /// Replicas that got to the end of their ladder, as their networks lie together.
    pub(crate) finished: Vec<Vec<usize>>,
    pub(crate) batches_done: usize,
    pub(crate) resumed: usize,
    /// Which networks the run keeps; none in checkpoints of before it kept any.
    #[serde(default)]
    pub(crate) keep_networks: Option<KeepNetworks>,
    pub(crate) train_seconds: f64,
    pub(crate) compress_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) joules: f64,
}

/// Nothing is counted as far: batches, or how often a run was resumed.
const MOST: usize = 1 << 40;

impl State {
    /// Hidden widths of the networks of the chunk that trains.
    ///
    /// # Errors
    /// There is no such place in the run.
    pub(crate) fn widths(&self, config: &RunConfig) -> Result<Vec<usize>, String> {
        let ladder = ladder(config);
        let Place { scratch, rung, cycle, .. } = self.place;
        let clip = if scratch {
            let clips = scratch_clips(config)?;
            let clip = *clips.get(rung).ok_or("there is no such rung")?;
            if cycle > clip + 1 {
                return Err(format!("cycle {cycle} is beyond the budget"));
            }
            Some(clip)
        } else {
            cycle.checked_sub(1)
        };
        match clip {
            None => Ok(config.network.hidden.clone()),
            Some(clip) => ladder.get(clip).cloned().ok_or(format!("there is no cycle {cycle}")),
        }
    }

    /// Says what cannot be in a run of `config`.
    pub(crate) fn check(&self, config: &RunConfig) -> Result<(), String> {
        let all = config.all_replicas();
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        let widths = self.widths(config)?;
        ensure(self.replicas.len() == all.len(), "the number of replicas is another")?;
        self.check_chunks(&all)?;

        let place = self.place;
        ensure(
            place.done <= config.training.batches_per_cycle,
            "there are more batches done than in a cycle",
        )?;
        let chunks = if place.scratch { &self.scratch } else { &self.clipped };
        let chunk = chunks.get(place.chunk).ok_or("there is no such chunk")?;
        let ChunkState { replicas, lineage, .. } = &self.chunk;
        let mut rest = chunk.iter();
        let in_order = replicas.iter().all(|replica| rest.any(|other| other == replica));
        ensure(!replicas.is_empty() && in_order, "the replicas are not those of the chunk")?;
        ensure(lineage.len() == replicas.len(), "the kept neurons are of other replicas")?;
        let has_left = |number: &usize| {
            matches!(self.replicas[*number].outcome, Outcome::Diverged | Outcome::Stopped)
        };
        ensure(!replicas.iter().any(has_left), "a replica trains that has diverged or stopped")?;
        let batches = (place.cycle + 1).saturating_mul(config.training.batches_per_cycle);
        ensure(
            self.chunk.steps.is_none_or(|steps| steps <= batches),
            "there were not so many steps",
        )?;
        ensure(self.batches_done < MOST && self.resumed < MOST, "a number is beyond any run's")?;
        let first = if place.scratch { &widths } else { &config.network.hidden };
        for layers in lineage {
            check_kept(layers, &widths, first)?;
        }
        self.check_shown(config, &all)
    }

    /// Every replica is in one chunk of its kind.
    fn check_chunks(&self, all: &[Replica]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (chunks, scratch) in [(&self.clipped, false), (&self.scratch, true)] {
            for number in chunks.iter().flatten() {
                let replica = all.get(*number).ok_or("a chunk has a replica that there is not")?;
                if (replica.method == Method::Scratch) != scratch || !seen.insert(number) {
                    return Err(format!("replica {number} is in a wrong chunk, or in two"));
                }
            }
        }
        if seen.len() == all.len() { Ok(()) } else { Err("a replica is in no chunk".into()) }
    }

    /// What was shown is of replicas, clips and layers that there are.
    fn check_shown(&self, config: &RunConfig, all: &[Replica]) -> Result<(), String> {
        let ladder = ladder(config);
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        for (cycle, kept) in &self.kept {
            let widths =
                ladder.get(*cycle).ok_or("neurons were kept in a clip that there is not")?;
            let own = all.get(kept.replica);
            let own = own.is_some_and(|r| (r.method, r.seed) == (kept.method, kept.seed));
            ensure(own, "neurons were kept of a replica that there is not")?;
            check_kept(&kept.layers, widths, &config.network.hidden)?;
        }
        let layers = config.network.hidden.len();
        let rays = self.rays.iter();
        let known = |&(cycle, replica, layer, _): &(usize, usize, usize, [usize; 2])| {
            cycle < ladder.len() && replica < all.len() && layer < layers
        };
        ensure(rays.clone().all(known), "there are rays of a clip that there is not")?;
        let finished: Vec<usize> = self.finished.concat();
        let distinct: BTreeSet<&usize> = finished.iter().collect();
        let known = distinct.len() == finished.len() && finished.iter().all(|n| *n < all.len());
        ensure(known, "the finished replicas are not the run's")?;
        ensure(self.finished.iter().all(|group| !group.is_empty()), "a finished group is empty")
    }
}

/// The neurons of every layer are ascending, as many as `widths` says, and among the first ones.
fn check_kept(layers: &[Vec<usize>], widths: &[usize], first: &[usize]) -> Result<(), String> {
    let sound = |((kept, width), first): ((&Vec<usize>, &usize), &usize)| {
        kept.len() == *width
            && kept.is_sorted_by(|a, b| a < b)
            && kept.last().is_none_or(|last| last < first)
    };
    if layers.len() == widths.len() && layers.iter().zip(widths).zip(first).all(sound) {
        Ok(())
    } else {
        Err("the kept neurons are not those of a clip".into())
    }
}
