//! The values of a graph and of the graphs around it, by name.

use std::collections::HashMap;

use super::{Dim, Value};
use crate::limits::MOST_DIMENSIONS;

/// The most numbers of a tensor that are followed.
pub(super) const MOST_INTEGERS: usize = 1024;

/// The most extents and numbers of all values together, 64 MiB.
const MOST_ENTRIES: usize = 4 << 20;

/// Values by name: those of the innermost graph are last.
pub(super) struct Scopes<'a> {
    scopes: Vec<HashMap<&'a str, Value>>,
    left: usize,
}

impl<'a> Scopes<'a> {
    pub(super) fn new() -> Self {
        Self { scopes: Vec::new(), left: MOST_ENTRIES }
    }

    /// Begins a graph.
    pub(super) fn enter(&mut self) {
        self.scopes.push(HashMap::new());
    }

    /// Ends a graph and returns its values.
    pub(super) fn leave(&mut self) -> HashMap<&'a str, Value> {
        self.scopes.pop().unwrap_or_default()
    }

    /// Returns whether there is no room for what is known of more values.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Returns a value that a node reads.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// Returns whether the innermost graph has a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.scopes.last().is_some_and(|scope| scope.contains_key(name))
    }

    /// Adds a value to the innermost graph. What it contradicts itself in, or is beyond a limit, is dropped.
    pub(super) fn insert(&mut self, name: &'a str, mut value: Value) {
        if value.dims.as_ref().is_some_and(|dims| dims.len() > MOST_DIMENSIONS) {
            value = Value { element: value.element, ..Value::default() };
        }
        check_numbers(&mut value);
        let entries = value.dims.as_ref().map_or(0, Vec::len) + numbers(&value);
        self.left = self.left.saturating_sub(entries);
        if self.is_full() {
            value = Value::default();
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, value);
        }
    }
}

/// Drops the numbers of a value if they are not as many as its extents say. A list of unknown length gets theirs.
fn check_numbers(value: &mut Value) {
    let count = numbers(value);
    if let (Some([dim @ Dim::Symbol(_)]), 1..) = (value.dims.as_deref_mut(), count) {
        *dim = Dim::Known(count);
    }
    if count > MOST_INTEGERS || value.entries() != Some(count) {
        (value.integers, value.floats) = (None, None);
    }
}

fn numbers(value: &Value) -> usize {
    let integers = value.integers.as_ref().map(|integers| integers.values.len());
    let floats = value.floats.as_ref().map(|floats| floats.values.len());
    integers.or(floats).unwrap_or(0)
}
