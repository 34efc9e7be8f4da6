//! Collects the nodes and tensors of an ONNX graph.

use std::collections::BTreeSet;

use bytes::Bytes;
use rayclip_onnx::proto::{
    Attribute, Dim, Dimension, Node, Tensor, TensorShape, TensorType, Type, TypeValue, ValueInfo,
};

/// A graph that grows.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) nodes: Vec<Node>,
    pub(super) tensors: Vec<Tensor>,
    /// All names of values.
    names: BTreeSet<String>,
}

impl Builder {
    /// Returns a name of a value that no other has.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Adds a tensor. Returns the name of its value.
    pub(super) fn tensor(&mut self, name: &str, dims: Vec<i64>, values: &[f32]) -> String {
        let name = self.name(name);
        self.tensors.push(Tensor::of_floats(&name, dims, values));
        name
    }

    /// Adds a number.
    pub(super) fn number(&mut self, name: &str, value: f32) -> String {
        self.tensor(name, vec![], &[value])
    }

    /// Adds integers.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.name(name);
        self.tensors.push(Tensor::of_integers(&name, vec![values.len() as i64], values));
        name
    }

    /// Adds a node with one result. Returns the name of its value, which is that of the node if it is free.
    pub(super) fn node(
        &mut self,
        name: &str,
        operation: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        let result = self.name(name);
        self.nodes.push(Node {
            name: Some(name.to_owned()),
            op_type: Some(operation.to_owned()),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![result.clone()],
            attribute: attributes,
            ..Node::default()
        });
        result
    }

    /// Renames a value that a node makes.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for name in
            self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output))
        {
            if name == from {
                to.clone_into(name);
            }
        }
    }

    pub(super) fn is_free(&self, name: &str) -> bool {
        !self.names.contains(name)
    }
}

/// The numbers of the types of attributes.
const FLOAT: i32 = 1;
const INT: i32 = 2;
const STRING: i32 = 3;
const INTS: i32 = 7;

fn attribute(name: &str, kind: i32) -> Attribute {
    Attribute { name: Some(name.to_owned()), r#type: Some(kind), ..Attribute::default() }
}

pub(super) fn float(name: &str, value: f64) -> Attribute {
    Attribute { f: Some(value as f32), ..attribute(name, FLOAT) }
}

pub(super) fn int(name: &str, value: usize) -> Attribute {
    Attribute { i: Some(value as i64), ..attribute(name, INT) }
}

pub(super) fn signed(name: &str, value: i64) -> Attribute {
    Attribute { i: Some(value), ..attribute(name, INT) }
}

pub(super) fn text(name: &str, value: &'static str) -> Attribute {
    Attribute { s: Some(Bytes::from_static(value.as_bytes())), ..attribute(name, STRING) }
}

pub(super) fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { ints, ..attribute(name, INTS) }
}

/// Returns the name and the type of a value whose first extent is any number of images.
pub(super) fn value_info(name: &str, element: i32, extents: &[usize], doc: &str) -> ValueInfo {
    let any = Dim::Param("batch".to_owned());
    let fixed = extents.iter().map(|extent| Dim::Value(*extent as i64));
    let dim = std::iter::once(any).chain(fixed);
    let dim = dim.map(|value| Dimension { value: Some(value), denotation: None }).collect();
    let shape = Some(TensorShape { dim });
    let tensor = TypeValue::Tensor(TensorType { elem_type: Some(element), shape });
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(Type { value: Some(tensor), denotation: None }),
        doc_string: Some(doc.to_owned()),
        metadata_props: vec![],
    }
}
