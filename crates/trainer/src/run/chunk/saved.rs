//! Saves a chunk in a checkpoint, and restores it.

use std::borrow::Cow;

use burn::tensor::Tensor;
use rayclip_model::{Population, Store};
use rayclip_run_folder::Replica;
use serde::{Deserialize, Serialize};

use super::teacher::Teacher;
use super::trainees::Trainees;
use super::{Chunk, Cycle};
use crate::error::TrainerError;
use crate::folder::checkpoint::HostTensors;
use crate::run::inputs::Inputs;
use crate::run::position::{Position, TrainingSchedule};
use crate::train::{Moments, Optimizer};

// The names of the tensors in a checkpoint: `network.layer_0.weight`, …
const NETWORK: &str = "network";
const MOMENTS: [&str; 2] = ["moment_1", "moment_2"];
const TEACHER: &str = "teacher";
const LOSS_SUMS: &str = "loss_sums";

/// The current chunk, without its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkState {
    /// Numbers of the replicas that have neither diverged nor stopped.
    pub(crate) replicas: Vec<usize>,
    /// Original numbers of the live neurons, `[replica][group][neuron]`.
    pub(crate) lineage: Vec<Vec<Vec<usize>>>,
    /// Steps of the optimizer; `None` if it has no moments.
    pub(crate) steps: Option<usize>,
}

/// The output of [`Chunk::save`].
#[derive(Clone, Copy)]
pub(crate) struct SavedChunk<'a> {
    pub(crate) state: &'a ChunkState,
    pub(crate) tensors: &'a HostTensors,
}

impl<'a> Chunk<'a> {
    /// Returns the position: the start of the chunk, with the current cycle and the batches that are done.
    pub(crate) fn position(&self, beginning: Position) -> Position {
        Position { cycle: self.cycle.number, done: self.cycle.done, ..beginning }
    }

    /// Saves the chunk for [`Chunk::restore`]. Call it between a batch and the next step.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn save(&mut self, tensors: &mut HostTensors) -> Result<ChunkState, TrainerError> {
        self.join_lanes()?;
        tensors.insert_network(NETWORK, self.network()?)?;
        let moments = self.optimizer.moments();
        if let Some(Moments { stores, .. }) = moments {
            for (name, store) in MOMENTS.into_iter().zip(stores) {
                tensors.insert_store(name, store)?;
            }
        }
        if let Some(teacher) = self.teacher.as_ref().and_then(Teacher::to_save) {
            tensors.insert_network(TEACHER, teacher)?;
        }
        if let Some(sums) = &self.cycle.loss_sums {
            tensors.insert(LOSS_SUMS.to_owned(), sums.clone())?;
        }
        Ok(ChunkState {
            replicas: self.replicas.iter().map(|replica| replica.number).collect(),
            lineage: self.lineage.clone(),
            steps: moments.map(|moments| moments.steps),
        })
    }

    /// Restores the chunk of a checkpoint. Its state must have passed `State::check`. With a global ranking, `own`
    /// are the widths of its network after each clip.
    ///
    /// # Errors
    /// The arrays do not fit the networks.
    pub(crate) fn restore(
        inputs: Inputs<'a>,
        saved: SavedChunk<'_>,
        schedule: TrainingSchedule,
        Position { cycle: number, done, .. }: Position,
        own: &[Vec<usize>],
    ) -> Result<Self, String> {
        let SavedChunk { state, tensors } = saved;
        let all = inputs.config.all_replicas();
        let replicas = state.replicas.iter().map(|number| all.get(*number).copied());
        let replicas: Vec<Replica> =
            replicas.collect::<Option<_>>().ok_or("it has unknown replicas")?;
        let is_own = schedule == TrainingSchedule::Ladder && inputs.rungs.global().is_some();
        let own = is_own.then(|| inputs.rungs.of_network(own));
        let rungs = own.as_ref().unwrap_or(inputs.rungs);
        let graph = rungs.at(schedule.rung(number)).graph.clone();
        let named = |group: &str, name: &str, extents: [usize; 3]| {
            tensors.tensor(&format!("{group}.{name}"), extents, inputs.device)
        };
        let parameter = |name: &str, extents| named(NETWORK, name, extents);
        let trainees = Trainees::of(schedule, number, &replicas, inputs.config);
        let networks = trainees.len();
        let network = Population::from_tensors(&graph, networks, parameter)?;
        let store = |group: &str| -> Result<Store, String> {
            let of = |(name, tensor): (&str, &Tensor<3>)| {
                Ok((name.to_owned(), named(group, name, tensor.dims())?))
            };
            network.parameters().iter().map(of).collect()
        };
        let optimizer = Optimizer::new(&inputs.config.training);
        let moments = |steps| -> Result<Moments, String> {
            let names = MOMENTS.into_iter().take(optimizer.moments_per_parameter());
            Ok(Moments { steps, stores: names.map(store).collect::<Result<_, _>>()? })
        };
        let moments = state.steps.map(moments).transpose()?;
        let sums = || tensors.tensor(LOSS_SUMS, [networks], inputs.device);
        let loss_sums = (done > 0).then(sums).transpose()?;
        let lineage = state.lineage.iter().map(|groups| groups.iter().map(Vec::len));
        if lineage.into_iter().any(|widths| !widths.eq(graph.widths())) {
            return Err("the kept neurons are not those of its networks".into());
        }
        let lineage = state.lineage.clone();
        let chunk = Self::of(inputs, replicas, schedule, trainees, network, lineage);
        let mut chunk = chunk.map_err(|error| error.to_string())?;
        if schedule.learns_from_first_cycle(number, inputs.config) {
            let count = Trainees::by_seed(&chunk.replicas).len();
            let parameter = |name: &str, extents| named(TEACHER, name, extents);
            let networks = Population::from_tensors(&rungs.first().graph, count, parameter)?;
            let teacher = Teacher::of_seeds(networks, &chunk.replicas);
            chunk.set_teacher(teacher).map_err(|error| error.to_string())?;
        }
        chunk.rungs = own.map_or(chunk.rungs, Cow::Owned);
        chunk.optimizer.restore(moments);
        chunk.cycle = Cycle { number, done, loss_sums };
        Ok(chunk)
    }
}
