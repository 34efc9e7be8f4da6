//! Replicas: the networks of a run.

use std::ops::Range;

use super::{Method, RunConfig};

/// One of the networks of a run. All its random numbers depend only on its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// Its number in the run.
    pub number: usize,
    /// Its index among the replicas of its method, which is also the index of its seed.
    pub seed_index: usize,
    /// The method that ranks its neurons.
    pub method: Method,
    /// Its seed.
    pub seed: u64,
}

impl RunConfig {
    /// Returns all replicas: those of the first method, then those of the second, …
    pub fn all_replicas(&self) -> Vec<Replica> {
        let methods = self.compression.methods.iter();
        methods
            .flat_map(|method| (0..self.replicas).map(move |index| (*method, index)))
            .enumerate()
            .map(|(number, (method, seed_index))| Replica {
                number,
                seed_index,
                method,
                seed: self.seed.wrapping_add(seed_index as u64),
            })
            .collect()
    }
}

/// Returns the seeds of replicas.
pub fn seeds(replicas: &[Replica]) -> Vec<u64> {
    replicas.iter().map(|replica| replica.seed).collect()
}

/// Returns the range of indices of each method. Replicas of the same method must be adjacent.
pub fn by_method(replicas: &[Replica]) -> Vec<(Method, Range<usize>)> {
    let mut begin = 0;
    replicas
        .chunk_by(|a, b| a.method == b.method)
        .map(|group| {
            let range = begin..begin + group.len();
            begin = range.end;
            (group[0].method, range)
        })
        .collect()
}
