//! The state in a checkpoint: everything but the numbers, and the check whether it is possible.

use std::collections::BTreeSet;

use rayclip_run_folder::config::{Named, Ranking, Settings, differences, settings, with_defaults};
use rayclip_run_folder::{Outcome, Replica, RunConfig, ladder, scratch_clips};
use serde::{Deserialize, Serialize};

use super::KeepNetworks;
use super::chunk::ChunkState;
use super::files::Written;
use super::ledger::LedgerState;
use super::meter::MeterState;
use super::position::{Position, TrainingSchedule};
use crate::folder::checkpoint::Refusal;

/// Everything in a checkpoint that is not an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The rayclip version that wrote it.
    pub(crate) engine: String,
    /// Backend and adapter.
    pub(crate) device: String,
    /// SHA-256 of the data.
    pub(crate) data: String,
    /// Every key of the configuration that results depend on, with its value.
    pub(crate) settings: Settings,
    /// Replica numbers of every chunk.
    pub(crate) chunks: ChunkNumbers,
    pub(crate) position: Position,
    pub(crate) chunk: ChunkState,
    pub(crate) ledger: LedgerState,
    /// The extent of the ledger's files.
    pub(crate) written: Written,
    /// Replicas that reached the end of their ladder, in the order of their networks.
    pub(crate) finished: Vec<Vec<usize>>,
    /// Which networks the run keeps.
    pub(crate) keep_networks: KeepNetworks,
    pub(crate) meter: MeterState,
}

/// Replica numbers of every chunk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkNumbers {
    /// The clipped chunks.
    pub(crate) clipped: Vec<Vec<usize>>,
    /// The chunks that train from scratch.
    pub(crate) scratch: Vec<Vec<usize>>,
}

/// No count of a run is as large: batches, or the number of resumes.
const MOST: usize = 1 << 40;

impl State {
    /// Refuses a state of another configuration, and a state that a run of `config` cannot be in.
    ///
    /// # Errors
    /// The keys that differ, or what is impossible.
    pub(crate) fn check(&self, config: &RunConfig) -> Result<(), Refusal> {
        let own = settings(config).map_err(|error| error.to_string())?;
        let own = Named { name: "config.toml", settings: &own };
        let theirs = with_defaults(self.settings.clone());
        let stored = Named { name: "the checkpoint", settings: &theirs };
        let differences = differences(own, stored);
        if !differences.is_empty() {
            return Err(Refusal::OtherConfiguration(differences));
        }
        let all = config.all_replicas();
        ensure(
            self.ledger.replicas.len() == all.len(),
            "it has another number of replicas than the run",
        )?;
        self.chunks.check(config, &all)?;
        self.check_chunk(config)?;
        let meter = &self.meter;
        let counted = meter.batches_done < MOST && meter.resumed < MOST;
        ensure(counted, "a count is too large for any run")?;
        let finished: Vec<usize> = self.finished.concat();
        let distinct: BTreeSet<&usize> = finished.iter().collect();
        let known = distinct.len() == finished.len() && finished.iter().all(|n| *n < all.len());
        ensure(known, "the run does not have its finished replicas")?;
        let filled = self.finished.iter().all(|chunk| !chunk.is_empty());
        Ok(ensure(filled, "a finished chunk is empty")?)
    }

    /// Returns the schedule of the chunk that trains.
    ///
    /// # Errors
    /// The run has no such position.
    pub(crate) fn schedule(&self, config: &RunConfig) -> Result<TrainingSchedule, String> {
        let Position { scratch, chunk, rung, cycle, .. } = self.position;
        if !scratch {
            let known = cycle <= ladder(config).len();
            ensure(known, &format!("the run has no cycle {cycle}"))?;
            return Ok(TrainingSchedule::Ladder);
        }
        let clip = *scratch_clips(config)?.get(rung).ok_or("the run has no such rung")?;
        ensure(cycle <= clip + 1, &format!("cycle {cycle} exceeds the budget"))?;
        let number = self.chunks.scratch.get(chunk).and_then(|replicas| replicas.first());
        let replica = number.and_then(|number| config.all_replicas().get(*number).copied());
        let method = replica.ok_or("the run has no such chunk")?.method;
        Ok(TrainingSchedule::scratch(config, method, clip))
    }

    fn check_chunk(&self, config: &RunConfig) -> Result<(), String> {
        let position = self.position;
        let schedule = self.schedule(config)?;
        let cycles = schedule.batches_of_cycles(config);
        ensure(
            position.done <= cycles.batches(position.cycle),
            "more batches are done than a cycle has",
        )?;
        let chunks = if position.scratch { &self.chunks.scratch } else { &self.chunks.clipped };
        let chunk = chunks.get(position.chunk).ok_or("the run has no such chunk")?;
        let ChunkState { replicas, lineage, steps } = &self.chunk;
        let mut rest = chunk.iter();
        let in_order = replicas.iter().all(|replica| rest.any(|other| other == replica));
        ensure(!replicas.is_empty() && in_order, "its replicas are not those of the chunk")?;
        ensure(lineage.len() == replicas.len(), "the kept neurons belong to other replicas")?;
        let has_left = |number: &usize| {
            let outcome = self.ledger.replicas.get(*number).map(|replica| replica.outcome);
            matches!(outcome, None | Some(Outcome::Diverged | Outcome::Stopped))
        };
        ensure(
            !replicas.iter().any(has_left),
            "a replica that has diverged or stopped is training",
        )?;
        let most = cycles.batches_before(position.cycle + 1);
        ensure(
            steps.is_none_or(|steps| most.is_none_or(|most| steps <= most)),
            "the optimizer has made more steps than the batches allow",
        )?;
        let ladder = ladder(config);
        let widths = |rung: Option<usize>| match rung {
            None => Some(config.network.first_widths()),
            Some(clip) => ladder.get(clip).map(Vec::as_slice),
        };
        let now = widths(schedule.rung(position.cycle)).ok_or("the run has no such clip")?;
        let is_own = config.compression.ranking == Ranking::Global && !position.scratch;
        let first = widths(schedule.first_rung()).ok_or("the run has no such clip")?;
        lineage.iter().try_for_each(|groups| {
            // The widths of a global ranking are compared with the rows when the chunk is restored.
            let own: Vec<usize> = groups.iter().map(Vec::len).collect();
            check_lineage(groups, if is_own { &own } else { now }, first)
        })
    }
}

impl ChunkNumbers {
    /// Checks that every replica is in exactly one chunk, and in one of its kind: replicas of a chunk have the same
    /// learning rate, and those of a chunk that trains from scratch the same method.
    fn check(&self, config: &RunConfig, all: &[Replica]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let alike = |a: &usize, b: &usize, scratch: bool| {
            let (Some(a), Some(b)) = (all.get(*a), all.get(*b)) else { return false };
            let rate = |replica: &Replica| config.training.rate_of(replica.method).ok();
            rate(a) == rate(b) && (!scratch || a.method == b.method)
        };
        for (chunks, scratch) in [(&self.clipped, false), (&self.scratch, true)] {
            let are_alike = |chunk: &Vec<usize>| chunk.is_sorted_by(|a, b| alike(a, b, scratch));
            ensure(chunks.iter().all(are_alike), "a chunk has replicas that train differently")?;
        }
        for (chunks, scratch) in [(&self.clipped, false), (&self.scratch, true)] {
            for number in chunks.iter().flatten() {
                let replica = all.get(*number).ok_or("a chunk has an unknown replica")?;
                if replica.method.is_from_scratch() != scratch || !seen.insert(number) {
                    return Err(format!("replica {number} is in the wrong chunk, or in two"));
                }
            }
        }
        ensure(seen.len() == all.len(), "a replica is in no chunk")
    }
}

/// Checks that the neurons of every group are ascending, that there are as many as in `widths`, and that all are
/// below `first`.
fn check_lineage(groups: &[Vec<usize>], widths: &[usize], first: &[usize]) -> Result<(), String> {
    let sound = |((kept, width), first): ((&Vec<usize>, &usize), &usize)| {
        kept.len() == *width
            && kept.is_sorted_by(|a, b| a < b)
            && kept.last().is_none_or(|last| last < first)
    };
    let all = groups.iter().zip(widths).zip(first).all(sound);
    ensure(groups.len() == widths.len() && all, "the kept neurons do not fit the ladder")
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
