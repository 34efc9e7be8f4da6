//! Matrices by name, and how they are cut.

use std::collections::BTreeMap;
use std::hash::RandomState;

use burn::tensor::{Int, Tensor, TensorData};
use indexmap::IndexMap;

use crate::coupling::{Axis, Group, Span};

/// Matrices by name, `[replica, rows, columns]` each, in the order of insertion.
///
/// Parameters, moments and everything else with a number per weight are stores with the same names.
#[derive(Debug, Clone, Default)]
pub struct Store(IndexMap<String, Tensor<3>, RandomState>);

impl Store {
    /// Returns the matrix with a name.
    pub fn get(&self, name: &str) -> Option<&Tensor<3>> {
        self.0.get(name)
    }

    /// Returns the matrix with a name that must exist.
    pub(crate) fn of(&self, name: &str) -> Tensor<3> {
        self.0[name].clone()
    }

    /// Returns the matrix at an index.
    pub(crate) fn at(&self, number: usize) -> Tensor<3> {
        self.0[number].clone()
    }

    /// Inserts a matrix at the end, or replaces the one with the same name.
    pub fn insert(&mut self, name: String, matrix: Tensor<3>) {
        self.0.insert(name, matrix);
    }

    /// Returns the matrices, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<3>)> {
        self.0.iter().map(|(name, matrix)| (name.as_str(), matrix))
    }

    /// Returns the number of matrices.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no matrix.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces every matrix by the result of `change`, in order. A matrix is moved, so that a backend may work in
    /// its memory.
    #[must_use]
    pub fn map(self, mut change: impl FnMut(&str, Tensor<3>) -> Tensor<3>) -> Self {
        let changed = self.0.into_iter().map(|(name, matrix)| {
            let matrix = change(&name, matrix);
            (name, matrix)
        });
        Self(changed.collect())
    }

    /// Like [`map`](Self::map), for a `change` that can fail.
    ///
    /// # Errors
    /// The error of the first matrix whose change fails.
    pub fn try_map<E>(
        self,
        mut change: impl FnMut(&str, Tensor<3>) -> Result<Tensor<3>, E>,
    ) -> Result<Self, E> {
        let changed = self.0.into_iter().map(|(name, matrix)| {
            let matrix = change(&name, matrix)?;
            Ok((name, matrix))
        });
        Ok(Self(changed.collect::<Result<_, E>>()?))
    }

    /// Returns the matrices of some replicas.
    ///
    /// # Panics
    /// If there is no such replica.
    #[must_use]
    pub fn keep_replicas(&self, replicas: &[usize]) -> Self {
        self.iter().map(|(name, all)| (name.to_owned(), select_replicas(all, replicas))).collect()
    }

    /// Keeps, in replica `r`, the channels `kept[r]` of a group, in every matrix that has them. Other matrices are
    /// moved unchanged. A store may lack matrices of the group.
    ///
    /// # Panics
    /// If there is no such channel or replica, replicas keep different numbers of channels, or the group belongs to
    /// another graph.
    #[must_use]
    pub fn cut(self, group: &Group, kept: &[Vec<usize>]) -> Self {
        let there_are = |channels: &Vec<usize>| channels.iter().all(|id| *id < group.width);
        assert!(kept.iter().all(there_are), "{} has {} channels", group.name, group.width);
        let mut spans: BTreeMap<&str, [Vec<Span>; 2]> = BTreeMap::new();
        for tie in group.ties() {
            let [rows, columns] = spans.entry(&tie.parameter).or_default();
            match tie.axis {
                Axis::Rows => rows.push(tie.span),
                Axis::Columns => columns.push(tie.span),
            }
        }
        self.map(|name, matrix| {
            let Some([rows, columns]) = spans.get(name) else { return matrix };
            let ties = [(Axis::Rows, rows), (Axis::Columns, columns)].into_iter();
            let ties = ties.filter(|(_, spans)| !spans.is_empty());
            assert_eq!(matrix.dims()[0], kept.len(), "every replica of {name} keeps some");
            ties.fold(matrix, |matrix, (axis, spans)| {
                let dimension = axis.dimension();
                let extent = matrix.dims()[dimension];
                let left = |kept: &Vec<usize>| left(extent, group.width, spans, kept);
                select(&matrix, dimension, &kept.iter().map(left).collect::<Vec<_>>())
            })
        })
    }

    /// Concatenates the replicas of stores. Without stores, the result is empty.
    ///
    /// # Panics
    /// If they have different names or extents.
    #[must_use]
    pub fn cat(stores: &[&Self]) -> Self {
        let Some(first) = stores.first() else { return Self::default() };
        let same = |store: &&Self| first.0.keys().eq(store.0.keys());
        assert!(stores.iter().all(same), "all stores have the same names");
        let all = |name: &String| stores.iter().map(|store| store.of(name)).collect();
        first.0.keys().map(|name| (name.clone(), Tensor::cat(all(name), 0))).collect()
    }
}

impl FromIterator<(String, Tensor<3>)> for Store {
    fn from_iter<I: IntoIterator<Item = (String, Tensor<3>)>>(matrices: I) -> Self {
        Self(matrices.into_iter().collect())
    }
}

impl IntoIterator for Store {
    type Item = (String, Tensor<3>);
    type IntoIter = indexmap::map::IntoIter<String, Tensor<3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Returns the indices that remain of an axis with `extent` entries, if only the channels `kept` at the given spans
/// stay.
fn left(extent: usize, width: usize, spans: &[Span], kept: &[usize]) -> Vec<usize> {
    let mut starts: Vec<usize> = spans.iter().flat_map(|span| span.starts()).collect();
    starts.sort_unstable();
    let mut left = Vec::new();
    let mut end = 0;
    for start in starts {
        left.extend(end..start);
        left.extend(kept.iter().map(|channel| start + channel));
        end = start + width;
    }
    assert!(end <= extent, "channels up to {end} are not among {extent}");
    left.extend(end..extent);
    left
}

/// Keeps, in replica `r`, the entries `kept[r]` along `dimension`, on the device.
///
/// # Shapes
/// `[replica, a, b] → [replica, k, b]` (dimension 1) or `[replica, a, k]` (dimension 2), where every replica keeps
/// `k` entries.
pub fn select(tensor: &Tensor<3>, dimension: usize, kept: &[Vec<usize>]) -> Tensor<3> {
    let device = tensor.device();
    let replicas = kept.iter().enumerate().map(|(replica, ids)| {
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let count = ids.len();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &device);
        tensor.clone().narrow(0, replica, 1).select(dimension, ids)
    });
    Tensor::cat(replicas.collect(), 0)
}

/// Keeps some replicas of a tensor, on the device.
pub fn select_replicas(tensor: &Tensor<3>, replicas: &[usize]) -> Tensor<3> {
    let ids: Vec<i32> = replicas.iter().map(|&id| id as i32).collect();
    let ids = TensorData::new(ids, [replicas.len()]);
    tensor.clone().select(0, Tensor::<1, Int>::from_data(ids, &tensor.device()))
}

#[cfg(test)]
mod tests;
