//! The final networks of a run: those that reached the end, or otherwise those of the interrupted chunk.

use std::collections::BTreeSet;

use burn::tensor::Device;
use rayclip_model::{Graph, Population};

use super::ledger::Ledger;
use crate::error::TrainerError;
use crate::folder::checkpoint::HostTensors;
use rayclip_run_folder::Replica;

/// Final networks, by chunk.
#[derive(Default)]
pub(crate) struct FinalNetworks {
    finished: Vec<Finished>,
    /// The networks of an interrupted chunk. They count only while no chunk is finished.
    unfinished: Option<Population>,
}

/// The networks of a finished chunk.
struct Finished {
    /// Their replica numbers.
    replicas: Vec<usize>,
    networks: Population,
}

impl FinalNetworks {
    /// Adds the networks of finished replicas.
    pub(crate) fn finish(
        &mut self,
        replicas: &[Replica],
        networks: Population,
        ledger: &mut Ledger,
    ) {
        let replicas = replicas.iter().map(|replica| replica.number).collect();
        self.finished.push(Finished { replicas, networks });
        self.number(ledger);
    }

    /// Adds the networks of interrupted replicas.
    pub(crate) fn interrupt(
        &mut self,
        replicas: &[Replica],
        networks: Population,
        ledger: &mut Ledger,
    ) {
        if self.finished.is_empty() {
            let numbers = |number| replicas.iter().position(|replica| replica.number == number);
            ledger.number_networks(numbers);
        }
        self.unfinished = Some(networks);
    }

    /// Numbers the networks in the ledger. In the file, they have the order of the replicas, regardless of their
    /// chunks.
    fn number(&self, ledger: &mut Ledger) {
        if !self.are_alike() {
            return ledger.number_networks(|_| None);
        }
        let order = self.finished.iter().flat_map(|finished| finished.replicas.iter().copied());
        let order: BTreeSet<usize> = order.collect();
        ledger.number_networks(|replica| order.iter().position(|number| *number == replica));
    }

    /// Returns the graph of the final networks, if there are any and they have the same one.
    pub(crate) fn graph(&self) -> Option<&Graph> {
        let finished = self.finished.first().map(|finished| &finished.networks);
        finished.or(self.unfinished.as_ref()).map(Population::graph).filter(|_| self.are_alike())
    }

    /// Returns whether all finished networks have the same graph. With a global ranking, they may not.
    pub(crate) fn are_alike(&self) -> bool {
        self.finished.windows(2).all(|two| two[0].networks.graph() == two[1].networks.graph())
    }

    /// Returns all final networks as they are written together; `None` if every replica diverged, or if the networks
    /// have different graphs.
    pub(crate) fn networks(&self) -> Option<Population> {
        if self.finished.is_empty() {
            return self.unfinished.clone();
        }
        let replicas: Vec<usize> =
            self.finished.iter().flat_map(|finished| finished.replicas.clone()).collect();
        let networks: Vec<Population> =
            self.finished.iter().map(|finished| finished.networks.clone()).collect();
        if !self.are_alike() {
            return None;
        }
        let mut order: Vec<usize> = (0..replicas.len()).collect();
        order.sort_by_key(|index| replicas[*index]);
        Some(Population::cat(&networks)?.keep_replicas(&order))
    }

    /// Adds the finished networks to the tensors. Returns the replica numbers of every finished chunk.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn save(&self, tensors: &mut HostTensors) -> Result<Vec<Vec<usize>>, TrainerError> {
        for (chunk, finished) in self.finished.iter().enumerate() {
            tensors.insert_network(&name(chunk), &finished.networks)?;
        }
        Ok(self.finished.iter().map(|finished| finished.replicas.clone()).collect())
    }

    /// Restores the finished networks of a checkpoint. `last` returns the graph of a replica after the last clip.
    ///
    /// # Errors
    /// A tensor is missing, or has another shape or type.
    pub(crate) fn restore(
        finished: &[Vec<usize>],
        tensors: &HostTensors,
        last: impl Fn(&usize) -> Graph,
        device: &Device,
    ) -> Result<Self, String> {
        let of_chunk = |(chunk, replicas): (usize, &Vec<usize>)| {
            let tensor = |parameter: &str, extents: [usize; 3]| {
                tensors.tensor(&format!("{}.{parameter}", name(chunk)), extents, device)
            };
            let first = replicas.first().ok_or("a finished chunk is empty")?;
            let networks = Population::from_tensors(&last(first), replicas.len(), tensor)?;
            Ok(Finished { replicas: replicas.clone(), networks })
        };
        let finished = finished.iter().enumerate().map(of_chunk).collect::<Result<_, String>>()?;
        Ok(Self { finished, unfinished: None })
    }

    /// Numbers the finished networks in the ledger, after [`FinalNetworks::restore`].
    pub(crate) fn tell(&self, ledger: &mut Ledger) {
        self.number(ledger);
    }
}

/// Returns the prefix of the tensors of a finished chunk in a checkpoint.
fn name(chunk: usize) -> String {
    format!("finished_{chunk}")
}
