//! The networks that train in a cycle.
//!
//! Before the first clip, the replicas of a seed train one network together: no method has ranked its neurons yet.
//! After a clip, each replica trains its own network, or several copies of it (`training.soup`), each on batches of
//! its own. When the training of the cycle is complete, the copies of a replica are averaged.
//!
//! # References
//! Zimmer, Spiegel, Pokutta, *Sparse model soups: a recipe for improved pruning through model averaging* (ICLR 2024).

use burn::tensor::{Int, Tensor, TensorData};
use rand::Rng;
use rayclip_model::{Population, Store};
use rayclip_run_folder::{Replica, RunConfig};

use crate::run::position::TrainingSchedule;
use crate::streams::{Purpose, stream};

/// The networks that train in a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trainees {
    /// For each network, a replica whose streams draw its batches. Its seed is not that of a replica of the run if the
    /// network is a further copy.
    replicas: Vec<Replica>,
    /// The indices of each replica's networks. All replicas have the same number.
    of: Vec<Vec<usize>>,
}

impl Trainees {
    /// Returns the networks that train in a cycle.
    pub(crate) fn of(
        schedule: TrainingSchedule,
        cycle: usize,
        replicas: &[Replica],
        config: &RunConfig,
    ) -> Self {
        match (schedule, cycle) {
            (TrainingSchedule::Ladder, 0) => Self::by_seed(replicas),
            (TrainingSchedule::Ladder, _) => Self::copies(replicas, config.training.soup),
            (TrainingSchedule::Scratch { .. }, _) => Self::own(replicas),
        }
    }

    /// Returns one network per replica.
    pub(super) fn own(replicas: &[Replica]) -> Self {
        Self::copies(replicas, 1)
    }

    /// Returns one network per seed of the replicas.
    pub(super) fn by_seed(replicas: &[Replica]) -> Self {
        let mut networks: Vec<Replica> = vec![];
        let index = |replica: &Replica| {
            let known = networks.iter().position(|other| other.seed == replica.seed);
            vec![known.unwrap_or_else(|| {
                networks.push(*replica);
                networks.len() - 1
            })]
        };
        let of = replicas.iter().map(index).collect();
        Self { replicas: networks, of }
    }

    /// Returns several networks per replica.
    pub(super) fn copies(replicas: &[Replica], copies: usize) -> Self {
        let copy = |replica: &Replica, copy: usize| {
            if copy == 0 {
                return *replica;
            }
            let seed = stream(replica.seed, Purpose::Copies, [copy, 0]).next_u64();
            Replica { seed, ..*replica }
        };
        let of_replica = |index: usize| (index * copies..(index + 1) * copies).collect();
        Self {
            replicas: replicas.iter().flat_map(|r| (0..copies).map(move |c| copy(r, c))).collect(),
            of: (0..replicas.len()).map(of_replica).collect(),
        }
    }

    /// Returns, for each network, a replica whose streams draw its batches.
    pub(super) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// Returns the number of networks.
    pub(crate) fn len(&self) -> usize {
        self.replicas.len()
    }

    /// Returns the index of each replica's first network.
    pub(super) fn first(&self) -> Vec<usize> {
        self.nth(0)
    }

    /// Returns, for each network, the index of a replica that has it.
    pub(super) fn owners(&self) -> Vec<usize> {
        let owner = |network| self.of.iter().position(|of| of.contains(&network));
        (0..self.len()).filter_map(owner).collect()
    }

    /// Returns whether each replica has one network of its own.
    pub(super) fn are_own(&self) -> bool {
        self.replicas.len() == self.of.len() && self.of.iter().all(|networks| networks.len() == 1)
    }

    /// Returns one network per replica: the one that it shares, or the average of its copies.
    pub(super) fn unite(&self, network: &Population) -> Population {
        let networks = network.keep_replicas(&self.first());
        networks
            .with_parameters(self.unite_store(network.parameters()))
            .with_state(self.unite_store(network.state()))
    }

    /// Returns the matrices of one network per replica, as [`Self::unite`].
    pub(super) fn unite_store(&self, store: &Store) -> Store {
        let parts: Vec<Store> = self.parts(|networks| store.keep_replicas(networks));
        let sum = |name: &str, matrix: Tensor<3>| {
            let others = parts[1..].iter().filter_map(|part| part.get(name));
            others.fold(matrix, |sum, other| sum + other.clone())
        };
        let Some(first) = parts.first().cloned() else { return Store::default() };
        match parts.len() {
            1 => first,
            count => first.map(|name, matrix| sum(name, matrix) / count as f64),
        }
    }

    /// Returns the numbers of one network per replica, as [`Self::unite`].
    pub(super) fn unite_entries(&self, vector: &Tensor<1>) -> Tensor<1> {
        let parts = self.parts(|networks| entries(vector, networks));
        let count = parts.len();
        let sum = parts.into_iter().reduce(|sum, part| sum + part);
        let sum = sum.unwrap_or_else(|| vector.clone());
        if count > 1 { sum / count as f64 } else { sum }
    }

    /// Calls `select` with the first network of each replica, with the second, ….
    fn parts<T>(&self, select: impl Fn(&[usize]) -> T) -> Vec<T> {
        let copies = self.of.first().map_or(0, Vec::len);
        (0..copies).map(|copy| select(&self.nth(copy))).collect()
    }

    fn nth(&self, copy: usize) -> Vec<usize> {
        self.of.iter().map(|networks| networks[copy]).collect()
    }
}

/// Selects entries of a vector, on the device.
pub(super) fn entries(vector: &Tensor<1>, indices: &[usize]) -> Tensor<1> {
    let ids: Vec<i32> = indices.iter().map(|index| *index as i32).collect();
    let ids = TensorData::new(ids, [indices.len()]);
    let ids = Tensor::<1, Int>::from_data(ids, &vector.device());
    vector.clone().select(0, ids)
}
