//! Small graphs for tests, whose extents are written as text: `N 3 8`.

use std::collections::BTreeMap;

use super::{Dim, Integer, Integers, Shapes};
use crate::proto::{
    Attribute, Dim as WrittenDim, Dimension, Graph, Model, Node, OperatorSet, Tensor, TensorShape,
    TensorType, Type, TypeValue, ValueInfo,
};
use crate::tensor::ElementType;

/// A graph whose last node is tested.
#[derive(Clone)]
pub(crate) struct Case {
    graph: Graph,
    node: Node,
    values: usize,
}

/// Begins a graph with an operation.
pub(crate) fn case(op: &str) -> Case {
    let node = Node { op_type: Some(op.into()), output: vec!["y0".into()], ..Node::default() };
    Case { graph: Graph::default(), node, values: 0 }
}

/// Returns a declaration of a value, or of one of unknown rank.
pub(crate) fn info(name: &str, dims: Option<&str>) -> ValueInfo {
    let dim = |text: &str| Dimension {
        value: match text.parse::<i64>() {
            Ok(extent) => Some(WrittenDim::Value(extent)),
            Err(_) if text == "?" => None,
            Err(_) => Some(WrittenDim::Param(text.into())),
        },
        denotation: None,
    };
    let shape = dims.map(|dims| TensorShape { dim: dims.split_whitespace().map(dim).collect() });
    let tensor = TensorType { elem_type: Some(1), shape };
    let value = Some(TypeValue::Tensor(tensor));
    let r#type = Some(Type { value, denotation: None });
    ValueInfo { name: Some(name.into()), r#type, ..ValueInfo::default() }
}

impl Case {
    fn name(&mut self) -> String {
        self.values += 1;
        format!("v{}", self.values)
    }

    fn given(mut self, info: impl FnOnce(&str) -> ValueInfo) -> Self {
        let name = self.name();
        self.graph.input.push(info(&name));
        self.node.input.push(name);
        self
    }

    fn held(mut self, tensor: impl FnOnce(&str) -> Tensor) -> Self {
        let name = self.name();
        self.graph.initializer.push(tensor(&name));
        self.node.input.push(name);
        self
    }

    /// An input with these extents.
    pub(crate) fn input(self, dims: &str) -> Self {
        self.given(|name| info(name, Some(dims)))
    }

    /// An input of unknown rank.
    pub(crate) fn unknown(self) -> Self {
        self.given(|name| info(name, None))
    }

    /// An input that the node does not have.
    pub(crate) fn missing(mut self) -> Self {
        self.node.input.push(String::new());
        self
    }

    pub(crate) fn integers(self, values: &[i64]) -> Self {
        self.held(|name| Tensor::of_integers(name, vec![values.len() as i64], values))
    }

    pub(crate) fn integer(self, value: i64) -> Self {
        self.held(|name| Tensor::of_integers(name, vec![], &[value]))
    }

    pub(crate) fn floats(self, values: &[f32]) -> Self {
        self.held(|name| Tensor::of_floats(name, vec![values.len() as i64], values))
    }

    /// A list of numbers, of extents of other values, and of integers that are not known.
    pub(crate) fn numbers(mut self, texts: &str) -> Self {
        let mut join = Node { op_type: Some("Concat".into()), ..Node::default() };
        for text in texts.split_whitespace() {
            let name = self.name();
            let shape = format!("{name}_shape");
            if let Ok(number) = text.parse() {
                self.graph.initializer.push(Tensor::of_integers(&shape, vec![1], &[number]));
            } else if text == "?" {
                self.graph.input.push(info(&shape, Some("1")));
            } else {
                self.graph.input.push(info(&name, Some(text)));
                let op_type = Some("Shape".into());
                let node = Node { op_type, input: vec![name], ..Node::default() };
                self.graph.node.push(Node { output: vec![shape.clone()], ..node });
            }
            join.input.push(shape);
        }
        join.output = vec![self.name()];
        self.node.input.push(join.output[0].clone());
        self.graph.node.push(join);
        self
    }

    /// An input before the others.
    pub(crate) fn first_input(mut self, dims: &str) -> Self {
        self = self.input(dims);
        self.node.input.rotate_right(1);
        self
    }

    /// Another operation, which reads the first output.
    pub(crate) fn then(mut self, op: &str) -> Self {
        let name = self.name();
        self.node.output[0].clone_from(&name);
        let next = Node { input: vec![name], ..case(op).node };
        self.graph.node.push(std::mem::replace(&mut self.node, next));
        self
    }

    pub(crate) fn outputs(mut self, count: usize) -> Self {
        self.node.output = (0..count).map(|output| format!("y{output}")).collect();
        self
    }

    pub(crate) fn domain(mut self, domain: &str) -> Self {
        self.node.domain = Some(domain.into());
        self
    }

    pub(crate) fn attribute(mut self, name: &str, attribute: Attribute) -> Self {
        self.node.attribute.push(Attribute { name: Some(name.into()), ..attribute });
        self
    }

    pub(crate) fn int(self, name: &str, value: i64) -> Self {
        self.attribute(name, Attribute { i: Some(value), ..Attribute::default() })
    }

    pub(crate) fn ints(self, name: &str, values: &[i64]) -> Self {
        self.attribute(name, Attribute { ints: values.to_vec(), ..Attribute::default() })
    }

    pub(crate) fn float_list(self, name: &str, values: &[f32]) -> Self {
        self.attribute(name, Attribute { floats: values.to_vec(), ..Attribute::default() })
    }

    pub(crate) fn string(self, name: &str, value: &str) -> Self {
        let s = Some(value.to_owned().into());
        self.attribute(name, Attribute { s, ..Attribute::default() })
    }

    pub(crate) fn tensor(self, name: &str, values: &[i64]) -> Self {
        let t = Some(Tensor::of_integers("", vec![values.len() as i64], values));
        self.attribute(name, Attribute { t, ..Attribute::default() })
    }

    /// What the file says of a value.
    pub(crate) fn declares(mut self, value: &str, dims: &str) -> Self {
        self.graph.value_info.push(info(value, Some(dims)));
        self
    }

    pub(crate) fn model(&self) -> Model {
        let mut graph = self.graph.clone();
        graph.node.push(self.node.clone());
        let opset = OperatorSet { domain: None, version: Some(13) };
        Model { graph: Some(graph), opset_import: vec![opset], ..Model::default() }
    }

    pub(crate) fn infer(&self) -> Shapes {
        Shapes::infer(&self.model(), &BTreeMap::new())
    }

    pub(crate) fn raw_shape(&self) -> Option<Vec<Dim>> {
        self.infer().of(&self.node.output[0]).map(<[Dim]>::to_vec)
    }

    /// The extents of the first output.
    pub(crate) fn shape(&self) -> String {
        self.shapes().swap_remove(0)
    }

    /// The extents of all outputs.
    pub(crate) fn shapes(&self) -> Vec<String> {
        let shapes = self.infer();
        self.node.output.iter().map(|output| shapes.text(output)).collect()
    }

    pub(crate) fn integers_out(&self) -> String {
        self.all_integers_out().swap_remove(0)
    }

    pub(crate) fn all_integers_out(&self) -> Vec<String> {
        let shapes = self.infer();
        let text = |output: &String| match shapes.integers(output) {
            Some(integers) => integers.text(&shapes),
            None => "unknown".into(),
        };
        self.node.output.iter().map(text).collect()
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.infer().integers(&self.node.output[0]).unwrap().is_constant
    }

    pub(crate) fn element(&self) -> Option<ElementType> {
        self.infer().element(&self.node.output[0])
    }
}

impl Shapes {
    fn symbol(&self, symbol: u32) -> String {
        self.symbol_name(symbol).unwrap_or("?").to_owned()
    }

    /// The extents of a value.
    pub(crate) fn text(&self, value: &str) -> String {
        let dim = |dim: &Dim| match dim {
            Dim::Known(extent) => extent.to_string(),
            Dim::Symbol(symbol) => self.symbol(*symbol),
        };
        let dims = self.of(value).map(|dims| dims.iter().map(dim).collect::<Vec<String>>());
        dims.map_or("unknown".into(), |dims| dims.join(" "))
    }
}

impl Integers {
    fn text(&self, shapes: &Shapes) -> String {
        let text = |value: &Integer| match value {
            Integer::Value(value) => value.to_string(),
            Integer::Extent(symbol) => shapes.symbol(*symbol),
            Integer::Unknown => "?".into(),
        };
        self.values.iter().map(text).collect::<Vec<String>>().join(" ")
    }
}
