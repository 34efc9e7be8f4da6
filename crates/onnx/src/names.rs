//! The names of all values of a graph, and new ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{Graph, Tensor, ValueInfo};

/// The names of all values.
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// The next number for new names like a name.
    next: BTreeMap<String, usize>,
}

impl Names {
    pub(crate) fn of(graph: &Graph) -> Self {
        let outputs = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
        let tensors = graph.initializer.iter().map(Tensor::name);
        let all = outputs.chain(tensors).chain(graph.input.iter().map(ValueInfo::name));
        Self { taken: all.map(ToOwned::to_owned).collect(), next: BTreeMap::new() }
    }

    /// Returns a name that no value has, like `name`, and takes it.
    pub(crate) fn new_like(&mut self, name: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        let next = self.next.entry(name.to_owned()).or_insert(2);
        loop {
            let numbered = format!("{name}.{next}");
            *next += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }

    /// Adds a list of integers to the graph under a new name, and returns the name.
    pub(crate) fn add_constant(&mut self, graph: &mut Graph, name: &str, values: &[i64]) -> String {
        let name = self.new_like(name);
        graph.initializer.push(Tensor::of_integers(&name, vec![values.len() as i64], values));
        name
    }
}
