//! What trains together in a cycle, and from what it learns; and the replicas that take no further part.

use rayclip_run_folder::Replica;
use rayclip_run_folder::config::seeds;

use super::teacher::Teacher;
use super::trainees::{Trainees, entries};
use super::{Chunk, Cycle, Network, fresh};
use crate::data::BatchOrder;
use crate::error::TrainerError;
use crate::run::inputs::Inputs;

impl Chunk<'_> {
    /// Sets what trains from now on, on which batches, and from what it learns.
    pub(super) fn set_trainees(&mut self, trainees: Trainees) {
        self.order = BatchOrder::new(self.rungs.epochs().clone(), seeds(trainees.replicas()));
        self.lesson = self.teacher.as_ref().map(|t| t.lesson(&trainees, &self.replicas));
        self.trainees = trainees;
    }

    /// Sets what the networks learn from, from now on.
    ///
    /// # Errors
    /// The training images cannot be read.
    pub(super) fn set_teacher(&mut self, teacher: Teacher) -> Result<(), TrainerError> {
        let Inputs { config, splits, .. } = self.inputs;
        let remembers = self.rungs.remembers_teacher();
        let batch_size = config.training.batch_size;
        let teacher =
            if remembers { teacher.remember(&splits.train, batch_size)? } else { teacher };
        self.lesson = Some(teacher.lesson(&self.trainees, &self.replicas));
        self.teacher = Some(teacher);
        Ok(())
    }

    /// Gives each replica a network of its own.
    pub(super) fn unite(&mut self) {
        if self.trainees.are_own() {
            return;
        }
        let trainees = &self.trainees;
        if let Network::Here(network) = &mut self.network {
            *network = trainees.unite(network);
        }
        self.optimizer.change(|store| trainees.unite_store(&store));
        self.cycle.loss_sums =
            self.cycle.loss_sums.take().map(|sums| trainees.unite_entries(&sums));
        self.set_trainees(Trainees::own(&self.replicas));
    }

    fn trainees_of(&self, cycle: usize) -> Trainees {
        Trainees::of(self.schedule, cycle, &self.replicas, self.inputs.config)
    }

    /// Returns the number of networks that trained at the same time in this cycle. The copies of a replica are one.
    pub(super) fn at_once(&self) -> usize {
        self.trainees_of(self.cycle.number).len().min(self.replicas.len())
    }

    /// Replaces the trained networks by fresh ones with the widths after the clip of the schedule, which learn from them.
    ///
    /// # Errors
    /// The networks are larger than memory can address.
    pub(super) fn begin_from_teacher(&mut self, clip: usize) -> Result<(), TrainerError> {
        let rung = self.rungs.at(Some(clip));
        let network = fresh(rung, &self.replicas, self.inputs.device)?;
        let neurons = rung.widths.iter().map(|m| (0..*m).collect()).collect();
        self.lineage = vec![neurons; self.replicas.len()];
        self.set_teacher(Teacher::by_seed(self.network()?, &self.replicas))?;
        self.network = Network::Here(network);
        self.optimizer.reset();
        self.cycle.loss_sums = None;
        Ok(())
    }

    pub(super) fn next_cycle(&mut self) {
        self.cycle = Cycle { number: self.cycle.number + 1, ..Cycle::default() };
        let trainees = self.trainees_of(self.cycle.number);
        if trainees == self.trainees {
            return;
        }
        let owners = trainees.owners();
        if let Network::Here(network) = &mut self.network {
            *network = network.keep_replicas(&owners);
        }
        self.optimizer.keep_replicas(&owners);
        self.set_trainees(trainees);
    }

    /// Removes the replicas whose losses or weights are not finite. Returns them with the reasons.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn freeze_diverged(&mut self) -> Result<Vec<(Replica, String)>, TrainerError> {
        self.join_lanes()?;
        self.unite();
        let finite = self.network()?.finite()?;
        let losses = self.losses()?.unwrap_or_default();
        let reason = |index: usize| match losses.get(index) {
            Some(loss) if !loss.is_finite() => Some(format!("the training loss is {loss}")),
            _ if !finite[index] => Some("a weight is not finite".to_owned()),
            _ => None,
        };
        let reasons = (0..self.replicas.len()).map(reason).collect();
        Ok(self.freeze(reasons))
    }

    /// Removes the replicas that have a reason, and returns them.
    pub(super) fn freeze(&mut self, reasons: Vec<Option<String>>) -> Vec<(Replica, String)> {
        let alive: Vec<usize> =
            (0..reasons.len()).filter(|index| reasons[*index].is_none()).collect();
        let diverged = self.replicas.iter().zip(reasons);
        let diverged = diverged.filter_map(|(replica, reason)| Some((*replica, reason?)));
        let diverged = diverged.collect();
        self.keep_replicas(&alive);
        diverged
    }

    /// Removes all replicas from all tensors, except those with the indices `alive`.
    ///
    /// Replicas share nothing but the tensors that hold them. So the others continue as if they had trained without
    /// the removed ones.
    pub(crate) fn keep_replicas(&mut self, alive: &[usize]) {
        if alive.len() == self.replicas.len() {
            return;
        }
        self.replicas = alive.iter().map(|index| self.replicas[*index]).collect();
        self.lineage = alive.iter().map(|index| self.lineage[*index].clone()).collect();
        self.phase.keep_replicas(alive);
        if alive.is_empty() {
            return;
        }
        if let Network::Here(network) = &mut self.network {
            *network = network.keep_replicas(alive);
        }
        self.teacher = self.teacher.take().map(|teacher| teacher.keep_seeds_of(&self.replicas));
        self.optimizer.keep_replicas(alive);
        self.cycle.loss_sums = self.cycle.loss_sums.take().map(|sums| entries(&sums, alive));
        self.set_trainees(Trainees::own(&self.replicas));
    }
}
