//! The replicas that train together: a state machine that is asked for one step after another.
//!
//! ```text
//! for cycle = 0, 1, …
//!     train on the batches of the cycle                                       Advance::Batch
//!     test the networks                                                       Advance::Trained
//!     if the ladder has no more clip: end                                     Advance::Done
//!     score the groups that it makes narrower, by every method                Advance::Scored
//!     keep the best neurons of each; rebuild the networks                     Advance::Clipped
//!     measure the smaller networks                                            Advance::Measured
//! ```
//!
//! A chunk only computes: it has no folder and no clock, and it prints nothing. The session records what it returns
//! (`session.rs`); `cycle.rs` asks for the steps.

mod clipping;
mod lanes;
mod rows;
mod saved;
mod teacher;
#[cfg(test)]
mod tests;
mod together;
mod trainees;
mod training;

use std::borrow::Cow;

use burn::tensor::{Device, Tensor};
use rayclip_model::{Graph, Population};
use rayclip_run_folder::{CycleRow, GroupRays, KeptRow, Replica};

use self::lanes::Lane;
use self::teacher::{Lesson, Teacher};
use super::inputs::Inputs;
use super::position::TrainingSchedule;
use super::rungs::{Rung, Rungs};
use crate::compress::{ByGroup, Scored, Scoring};
use crate::data::BatchOrder;
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};
use crate::train::{Accuracy, Optimizer, Tested, tested};

pub(crate) use saved::{ChunkState, SavedChunk};
pub(crate) use trainees::Trainees;

/// Replicas that train at the same time.
pub(crate) struct Chunk<'a> {
    inputs: Inputs<'a>,
    /// The networks of the ladder, with the cycles of this chunk; with a global ranking, those of this chunk after its
    /// clips.
    rungs: Cow<'a, Rungs>,
    schedule: TrainingSchedule,
    /// The replicas that have neither diverged nor stopped.
    replicas: Vec<Replica>,
    network: Network,
    /// What trains: its networks are those in `network`. Between the training of two cycles, each replica has its own.
    trainees: Trainees,
    teacher: Option<Teacher>,
    /// What the trainees learn from, if there is a teacher.
    lesson: Option<Lesson>,
    optimizer: Optimizer,
    /// The largest learning rate. The methods of its replicas have the same.
    rate: f64,
    order: BatchOrder,
    /// Original numbers of the live neurons, `[replica][group][neuron]`.
    lineage: Vec<Vec<Vec<usize>>>,
    cycle: Cycle,
    phase: Phase,
}

/// The networks of a chunk. A step takes them, so that it can work in their memory.
enum Network {
    Here(Population),
    /// Between two batches: with their moments and their losses.
    InLanes(Vec<Lane>),
    /// An error ended the step: the networks are lost.
    Lost,
}

/// The error of a chunk that is used again after an error.
const LOST: &str = "a chunk was used again after an error";
/// The error of a step between two batches.
const IN_LANES: &str = "the networks of a chunk were used between two batches";

/// How far the training of a cycle is.
#[derive(Default)]
struct Cycle {
    /// Its number.
    number: usize,
    /// Batches that are done.
    done: usize,
    /// Sums of the losses of these batches, `[replica]`.
    loss_sums: Option<Tensor<1>>,
}

/// The next step.
enum Phase {
    /// Train on a batch; after the last batch of the cycle, check for divergence and test or measure.
    Train,
    /// The networks are tested. The chunk is done, or a clip follows.
    Tested(BeforeClip),
    Scoring(BeforeClip, Scoring),
    Scored(BeforeClip, ByGroup),
    Clipped(BeforeClip, ByGroup),
    Done,
}

/// The state of the replicas before a clip.
struct BeforeClip {
    /// Mean losses of the training of this cycle; `None` if it had no batch.
    losses: Option<Vec<f64>>,
    accuracies: Vec<Accuracy>,
    at_once: usize,
}

/// A step of a chunk.
pub(crate) enum Advance {
    /// A batch was trained on.
    Batch,
    /// The training of a cycle is complete. The networks are not tested before the next cycle.
    NextCycle,
    /// The training of a cycle is complete, and the networks are tested.
    Trained(Trained),
    /// The replicas of a method are scored; `None` when the scoring starts.
    Scored(Option<Scored>),
    /// The networks are smaller. These are the live neurons of every replica.
    Clipped(Vec<KeptRow>),
    /// The smaller networks are measured.
    Measured(Measured),
    /// Replicas were removed, each with its reason. The others are as if they had trained without them.
    Diverged(Vec<(Replica, String)>),
    /// The chunk is done.
    Done,
}

/// The result of the training of a cycle.
pub(crate) struct Trained {
    /// The clip before this training; `None` before the first clip.
    pub(crate) clip: Option<usize>,
    /// One per replica of the chunk.
    pub(crate) tested: Tested,
}

/// The measurement after a clip, or after the training of a fresh network with the same widths.
pub(crate) struct Measured {
    pub(crate) clip: usize,
    pub(crate) rows: Vec<CycleRow>,
    pub(crate) rays: Vec<GroupRays>,
}

impl<'a> Chunk<'a> {
    /// Creates one network per replica: the original one of a ladder that has one, otherwise fresh ones.
    ///
    /// # Errors
    /// The networks are larger than memory can address.
    pub(crate) fn start(
        inputs: Inputs<'a>,
        replicas: &[Replica],
        schedule: TrainingSchedule,
    ) -> Result<Self, TrainerError> {
        let rung = inputs.rungs.at(schedule.first_rung());
        let trainees = Trainees::of(schedule, 0, replicas, inputs.config);
        let network = match (inputs.original, schedule) {
            (Some(original), TrainingSchedule::Ladder) => {
                original.keep_replicas(&vec![0; trainees.len()])
            }
            _ => fresh(rung, trainees.replicas(), inputs.device)?,
        };
        let neurons = rung.widths.iter().map(|m| (0..*m).collect()).collect();
        let lineage = vec![neurons; replicas.len()];
        Self::of(inputs, replicas.to_vec(), schedule, trainees, network, lineage)
    }

    /// Creates a chunk at the start of a cycle, from given networks.
    ///
    /// # Errors
    /// The images from which a teacher is to teach cannot be read.
    fn of(
        inputs: Inputs<'a>,
        replicas: Vec<Replica>,
        schedule: TrainingSchedule,
        trainees: Trainees,
        network: Population,
        lineage: Vec<Vec<Vec<usize>>>,
    ) -> Result<Self, TrainerError> {
        let config = inputs.config;
        let rungs = inputs.rungs.of_schedule(schedule, config);
        let original = inputs.original.filter(|_| schedule.learns_from_original(config));
        let mut chunk = Self {
            teacher: None,
            lesson: None,
            optimizer: Optimizer::new(&config.training),
            // A configuration whose rates cannot be read is refused before a run.
            rate: replicas
                .first()
                .and_then(|replica| config.training.rate_of(replica.method).ok())
                .unwrap_or(config.training.learning_rate),
            order: BatchOrder::new(rungs.epochs().clone(), vec![]),
            network: Network::Here(network),
            trainees: Trainees::own(&replicas),
            rungs,
            inputs,
            schedule,
            replicas,
            lineage,
            cycle: Cycle::default(),
            phase: Phase::Train,
        };
        chunk.set_trainees(trainees);
        if let Some(original) = original {
            chunk.set_teacher(Teacher::original(original))?;
        }
        Ok(chunk)
    }

    /// Returns the replicas that have neither diverged nor stopped.
    pub(crate) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// Returns the networks.
    ///
    /// # Errors
    /// An error ended an earlier step, or they are in lanes.
    pub(crate) fn network(&self) -> Result<&Population, TrainerError> {
        match &self.network {
            Network::Here(network) => Ok(network),
            Network::InLanes(_) => Err(TrainerError::fault(IN_LANES)),
            Network::Lost => Err(TrainerError::fault(LOST)),
        }
    }

    /// Returns the graph of the networks, also between two batches.
    ///
    /// # Errors
    /// An error ended an earlier step.
    pub(crate) fn graph(&self) -> Result<&Graph, TrainerError> {
        match &self.network {
            Network::InLanes(lanes) => Ok(lanes[0].graph()),
            _ => Ok(self.network()?.graph()),
        }
    }

    /// Returns the number of the cycle.
    pub(crate) fn cycle(&self) -> usize {
        self.cycle.number
    }

    /// Returns the clip before the training of this cycle; `None` before the first clip.
    pub(crate) fn clip_before(&self) -> Option<usize> {
        self.schedule.rung(self.cycle.number)
    }

    /// Returns the rung of its networks.
    pub(crate) fn rung(&self) -> &Rung {
        self.rungs.at(self.clip_before())
    }

    /// Returns whether its networks are those after the last clip.
    ///
    /// # Errors
    /// An error ended an earlier step.
    pub(crate) fn is_clipped(&self) -> Result<bool, TrainerError> {
        Ok(*self.network()?.graph() == self.rungs.last().graph)
    }

    /// Returns whether the next step is a batch.
    pub(crate) fn wants_batch(&self) -> bool {
        matches!(self.phase, Phase::Train)
            && self.cycle.done < self.rungs.cycles().batches(self.cycle.number)
    }

    /// Returns the number of groups times replicas scored so far, and in total; `None` outside of the scoring.
    pub(crate) fn scoring(&self) -> Option<(usize, usize)> {
        match &self.phase {
            Phase::Scoring(_, scoring) => Some(scoring.progress()),
            _ => None,
        }
    }

    /// Returns whether the chunk trains fresh networks from scratch. Then the seconds of training add up over
    /// cycles.
    pub(crate) fn is_from_scratch(&self) -> bool {
        matches!(self.schedule, TrainingSchedule::Scratch { .. })
    }

    /// Makes the next step.
    ///
    /// # Errors
    /// The solver refuses a problem, or the device fails.
    pub(crate) fn advance(&mut self) -> Result<Advance, TrainerError> {
        if self.replicas.is_empty() {
            return Ok(Advance::Done);
        }
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Train => self.train(),
            Phase::Tested(before) => self.begin_scoring(before),
            Phase::Scoring(before, scoring) => self.score(before, scoring),
            Phase::Scored(before, scores) => self.clip(before, scores),
            Phase::Clipped(before, scores) => self.measure(&before, scores),
            Phase::Done => Ok(Advance::Done),
        }
    }

    fn test(&mut self, clip: Option<usize>) -> Result<Advance, TrainerError> {
        let Inputs { config, splits, .. } = self.inputs;
        let tested = tested(self.network()?, splits, config)?;
        let losses = self.losses()?;
        let accuracies = tested.accuracies.clone();
        let at_once = self.at_once();
        self.phase = Phase::Tested(BeforeClip { losses, accuracies, at_once });
        Ok(Advance::Trained(Trained { clip, tested }))
    }
}

impl Phase {
    fn keep_replicas(&mut self, alive: &[usize]) {
        let (before, scores) = match self {
            Self::Train | Self::Done => return,
            Self::Tested(before) => (before, None),
            // The replicas of a method are scored together. None is removed before all are scored.
            Self::Scoring(before, scoring) => {
                scoring.keep_replicas(alive);
                (before, None)
            }
            Self::Scored(before, scores) | Self::Clipped(before, scores) => (before, Some(scores)),
        };
        if let Some(losses) = &mut before.losses {
            *losses = alive.iter().map(|index| losses[*index]).collect();
        }
        before.accuracies = alive.iter().map(|index| before.accuracies[*index]).collect();
        for of_group in scores.into_iter().flat_map(ByGroup::values_mut) {
            *of_group = alive.iter().map(|index| of_group[*index].clone()).collect();
        }
    }
}

/// Draws the first weights of networks.
///
/// # Errors
/// The networks are larger than memory can address.
fn fresh(rung: &Rung, replicas: &[Replica], device: &Device) -> Result<Population, TrainerError> {
    let weights = |index: usize, layer| stream(replicas[index].seed, Purpose::Weights, [layer, 0]);
    Ok(Population::init(&rung.graph, replicas.len(), device, weights)?)
}
