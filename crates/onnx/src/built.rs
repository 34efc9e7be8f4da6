//! Small models for tests.

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::proto::{Attribute, Graph, Model, Node, OperatorSet, Tensor};
use crate::shapes::testing::info;
use crate::sharing::Copies;

/// A model under construction. The value `x` is its input.
pub(crate) struct Built(pub(crate) Model);

impl Built {
    /// Begins a model whose input has these extents, written as text: `N 3 8 8`.
    pub(crate) fn new(dims: &str) -> Self {
        let graph = Graph { input: vec![info("x", Some(dims))], ..Graph::default() };
        let set = OperatorSet { domain: Some(String::new()), version: Some(17) };
        Self(Model { graph: Some(graph), opset_import: vec![set], ..Model::default() })
    }

    pub(crate) fn graph(&mut self) -> &mut Graph {
        self.0.graph.get_or_insert_default()
    }

    /// Adds a tensor of distinct numbers.
    pub(crate) fn tensor(mut self, name: &str, dims: &[i64]) -> Self {
        let count: i64 = dims.iter().product();
        let values: Vec<f32> = (0..count).map(|value| value as f32 + 1.0).collect();
        self.graph().initializer.push(Tensor::of_floats(name, dims.to_vec(), &values));
        self
    }

    pub(crate) fn integers(mut self, name: &str, values: &[i64]) -> Self {
        let tensor = Tensor::of_integers(name, vec![values.len() as i64], values);
        self.graph().initializer.push(tensor);
        self
    }

    /// Adds a node: `y = Conv x w`.
    pub(crate) fn node(mut self, text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut outputs: Vec<String> = Vec::new();
        for word in words.by_ref().take_while(|word| *word != "=") {
            outputs.push(word.to_owned());
        }
        let op = words.next().map(ToOwned::to_owned);
        let input = words.map(ToOwned::to_owned).collect();
        self.graph().node.push(Node { op_type: op, input, output: outputs, ..Node::default() });
        self
    }

    fn attribute(mut self, name: &str, value: Attribute) -> Self {
        let attribute = Attribute { name: Some(name.into()), ..value };
        if let Some(node) = self.graph().node.last_mut() {
            node.attribute.push(attribute);
        }
        self
    }

    /// Gives the last node an attribute.
    pub(crate) fn int(self, name: &str, value: i64) -> Self {
        self.attribute(name, Attribute { i: Some(value), r#type: Some(2), ..Attribute::default() })
    }

    /// Gives the last node an attribute.
    pub(crate) fn ints(self, name: &str, values: &[i64]) -> Self {
        let value = Attribute { ints: values.to_vec(), r#type: Some(7), ..Attribute::default() };
        self.attribute(name, value)
    }

    /// Makes a value the output.
    pub(crate) fn output(mut self, name: &str) -> Self {
        self.graph().output.push(info(name, None));
        self
    }

    pub(crate) fn analysis(&self) -> Analysis {
        Analysis::of(&self.0, &BTreeMap::new(), &Copies::default())
    }

    /// Keeps the channels `kept` of the groups with these names, and returns the analysis of what is left.
    pub(crate) fn clipped(mut self, kept: &[(&str, &[usize])]) -> Self {
        let analysis = self.analysis();
        let number = |name: &str| analysis.groups().iter().position(|g| g.name == name).unwrap();
        let kept = kept.iter().map(|(name, kept)| (number(name), kept.to_vec())).collect();
        analysis.clip(&mut self.0, &kept).unwrap();
        self
    }

    /// Returns the numbers of a tensor.
    pub(crate) fn values(&mut self, name: &str) -> (Vec<i64>, Vec<f32>) {
        let tensor = self.graph().initializer.iter().find(|tensor| tensor.name() == name).unwrap();
        (tensor.dims.clone(), tensor.floats().unwrap())
    }

    /// Returns the extents of a value.
    pub(crate) fn extents(&self, value: &str) -> Vec<Option<usize>> {
        self.analysis().extents(value).unwrap()
    }
}

/// Returns the names and widths of the groups that can be clipped, and what they cut: `w.0` is dimension 0 of w.
pub(crate) fn free(analysis: &Analysis) -> Vec<(String, usize, Vec<String>)> {
    let groups = analysis.free().into_iter().map(|number| &analysis.groups()[number]);
    let ties = |group: &crate::Group| {
        group.ties.iter().map(|tie| format!("{}.{}", tie.tensor, tie.dimension)).collect()
    };
    groups.map(|group| (group.name.clone(), group.width, ties(group))).collect()
}
