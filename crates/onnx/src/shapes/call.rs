//! A node and what is known of its inputs.

use super::scopes::Scopes;
use super::{Dim, Integers, Value};
use crate::proto::Node;
use crate::tensor::ElementType;

/// The most outputs of a node that are looked at.
pub(super) const MOST_OUTPUTS: usize = 4096;

/// A node and what is known of its inputs.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    values: &'a Scopes<'a>,
}

/// A list of integers that a node can have, as an attribute or as an input.
pub(super) enum Listed {
    /// The node does not have it.
    Absent,
    /// It is computed when the model runs.
    Unknown,
    /// It has these numbers.
    These(Vec<i64>),
}

impl<'a> Call<'a> {
    pub(super) fn new(node: &'a Node, values: &'a Scopes<'a>) -> Self {
        Self { node, values }
    }

    /// Returns what is known of an input.
    pub(super) fn value(&self, input: usize) -> Option<&'a Value> {
        self.values.get(self.node.input(input)?)
    }

    /// Returns whether the node has an input.
    pub(super) fn has(&self, input: usize) -> bool {
        self.node.input(input).is_some()
    }

    /// Returns the number of its inputs, with those left out between others.
    pub(super) fn inputs(&self) -> usize {
        self.node.input.len()
    }

    /// Returns the number of its outputs.
    pub(super) fn outputs(&self) -> usize {
        self.node.output.len().min(MOST_OUTPUTS)
    }

    /// Returns the extents of an input.
    pub(super) fn dims(&self, input: usize) -> Option<&'a [Dim]> {
        self.value(input)?.dims.as_deref()
    }

    /// Returns the integers of an input with at most one axis.
    pub(super) fn integers(&self, input: usize) -> Option<&'a Integers> {
        self.value(input)?.list()
    }

    /// Returns the floats of an input.
    pub(super) fn floats(&self, input: usize) -> Option<&'a [Option<f32>]> {
        self.value(input)?.floats.as_ref().map(|floats| floats.values.as_slice())
    }

    /// Returns the type of the elements of an input.
    pub(super) fn element(&self, input: usize) -> Option<ElementType> {
        self.value(input)?.element
    }

    /// Returns an attribute, or what it is without.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.node.int(name).unwrap_or(default)
    }

    /// Returns the attribute `axis` as the place of an axis among `rank`.
    pub(super) fn axis(&self, default: i64, rank: usize) -> Option<usize> {
        place(self.int("axis", default), rank)
    }

    /// Returns a list that is an attribute in older sets of operations, and an input in later ones.
    pub(super) fn list(&self, attribute: &str, input: usize) -> Listed {
        if let Some(list) = self.node.ints(attribute) {
            return Listed::These(list.to_vec());
        }
        if !self.has(input) {
            return Listed::Absent;
        }
        let numbers = self.integers(input).and_then(Integers::whole);
        numbers.map_or(Listed::Unknown, Listed::These)
    }
}

/// Returns the place of an axis among `rank`, which a negative number counts from the end.
pub(super) fn place(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    (0..rank).contains(&axis).then_some(axis as usize)
}

/// Returns for every axis among `rank` whether it is listed; `None` if one is not there or listed twice.
pub(super) fn places(axes: &[i64], rank: usize) -> Option<Vec<bool>> {
    let mut listed = vec![false; rank];
    for axis in axes {
        let is_listed = listed.get_mut(place(*axis, rank)?)?;
        if std::mem::replace(is_listed, true) {
            return None;
        }
    }
    Some(listed)
}
