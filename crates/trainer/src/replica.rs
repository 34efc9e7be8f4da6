//! Replicas: the networks of a run.

use std::ops::Range;

use crate::RunConfig;
use crate::method::Method;

/// One of the networks of a run; everything that it draws depends on its seed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// Its number in the run.
    pub number: usize,
    /// Its place among the replicas of its method.
    pub place: usize,
    /// What its neurons are ranked by.
    pub method: Method,
    /// Its seed.
    pub seed: u64,
}

impl RunConfig {
    /// All replicas: those of the first method, of the second, …
    pub fn all_replicas(&self) -> Vec<Replica> {
        let methods = self.compression.methods.iter();
        methods
            .flat_map(|method| (0..self.replicas).map(move |place| (*method, place)))
            .enumerate()
            .map(|(number, (method, place))| Replica {
                number,
                place,
                method,
                seed: self.seed.wrapping_add(place as u64),
            })
            .collect()
    }
}

/// The seeds of some replicas.
pub(crate) fn seeds(replicas: &[Replica]) -> Vec<u64> {
    replicas.iter().map(|replica| replica.seed).collect()
}

/// Positions of the replicas of every method, which stand side by side.
pub(crate) fn by_method(replicas: &[Replica]) -> Vec<(Method, Range<usize>)> {
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
