//! Vectors that several nodes read. Exporters store equal tensors once, so the bias of one layer is that of another by
//! chance. Every node gets a copy of its own, so that their channels are not tied.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Names;
use crate::proto::{Model, Tensor};
use crate::weights::tensors;

/// The copies of vectors in a model, by their names, and what each is a copy of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies(BTreeMap<String, String>);

impl Copies {
    /// Returns the names of the copies.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Gives every node that reads a vector of floats a copy of its own. Matrices and larger tensors stay shared: there,
/// a second reader is no accident.
pub fn untie(model: &mut Model) -> Copies {
    let Some(graph) = &mut model.graph else { return Copies::default() };
    let vectors: BTreeMap<String, Tensor> = tensors(graph)
        .into_iter()
        .filter(|(_, tensor)| is_vector(tensor))
        .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
        .collect();
    let mut names = Names::of(graph);
    let (mut read, mut copies) = (BTreeSet::new(), BTreeMap::new());
    for node in &mut graph.node {
        for input in &mut node.input {
            let Some(vector) = vectors.get(input) else { continue };
            if read.insert(input.clone()) {
                continue;
            }
            let name = names.new_like(input);
            graph.initializer.push(Tensor { name: Some(name.clone()), ..vector.clone() });
            copies.insert(name.clone(), std::mem::replace(input, name));
        }
    }
    Copies(copies)
}

/// Removes the copies that are still equal to what they are copies of.
pub fn retie(model: &mut Model, copies: &Copies) {
    let Some(graph) = &mut model.graph else { return };
    let all = tensors(graph);
    let is_equal = |(copy, original): &(&String, &String)| {
        let (copy, original) = (all.get(copy.as_str()), all.get(original.as_str()));
        copy.zip(original).is_some_and(|(copy, original)| {
            copy.dims == original.dims && copy.payload().ok() == original.payload().ok()
        })
    };
    let equal: BTreeMap<String, String> = copies
        .0
        .iter()
        .filter(is_equal)
        .map(|(copy, original)| (copy.clone(), original.clone()))
        .collect();
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if let Some(original) = equal.get(input) {
            input.clone_from(original);
        }
    }
    graph.initializer.retain(|tensor| !equal.contains_key(tensor.name()));
}

fn is_vector(tensor: &Tensor) -> bool {
    let wide = tensor.dims.iter().filter(|extent| **extent != 1).count();
    wide == 1 && tensor.element_type().is_float()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Graph, Node};

    #[test]
    fn every_reader_gets_a_vector_of_its_own_until_they_are_equal_again() {
        let node = |output: &str| Node {
            op_type: Some("Add".into()),
            input: vec!["x".into(), "b".into()],
            output: vec![output.into()],
            ..Node::default()
        };
        let graph = Graph {
            node: vec![node("y"), node("z"), node("u")],
            initializer: vec![Tensor::of_floats("b", vec![2], &[1.0, 2.0])],
            ..Graph::default()
        };
        let before = Model { graph: Some(graph), ..Model::default() };
        let mut model = before.clone();
        let copies = untie(&mut model);
        let graph = model.graph.as_mut().unwrap();
        let read: Vec<&str> = graph.node.iter().map(|node| node.input[1].as_str()).collect();
        assert_eq!(read, ["b", "b.2", "b.3"]);
        // The first and the second reader keep another entry than the third.
        for (tensor, kept) in graph.initializer.iter_mut().zip([0, 0, 1]) {
            tensor.keep(0, &[kept]).unwrap();
        }
        retie(&mut model, &copies);
        let graph = model.graph.as_ref().unwrap();
        let read: Vec<&str> = graph.node.iter().map(|node| node.input[1].as_str()).collect();
        assert_eq!(read, ["b", "b", "b.3"]);
        assert_eq!(graph.initializer.len(), 2);

        let mut model = before.clone();
        let copies = untie(&mut model);
        retie(&mut model, &copies);
        assert_eq!(model, before);
    }
}
