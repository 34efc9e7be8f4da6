//! The form of a graph in files: nodes are named, and what has a usual value may be left out.
//!
//! ```toml
//! input = { height = 28, width = 28, channels = 1 }
//! output = "scores" # left out: the last node
//!
//! [[nodes]]
//! name = "conv"
//! op = { conv2d = { outputs = 6, kernel = 5, padding = 2 } }
//! inputs = ["input"] # left out: the node before, or the images
//!
//! [[nodes]]
//! name = "relu"
//! op = "relu"
//! ```

mod op;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::op::Op;
use crate::graph;
use crate::graph::INPUT;

/// A graph in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    input: Shape,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    channels: usize,
    /// As written before images had rows and columns.
    #[serde(skip_serializing)]
    positions: Option<usize>,
}

/// The name of a node or of the input, or as written before: `{"node": 0}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Name(String),
    Number { node: usize },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    name: String,
    op: Op,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Vec<Value>>,
}

impl Serialize for graph::Graph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Graph::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for graph::Graph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Graph::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl TryFrom<Graph> for graph::Graph {
    type Error = String;

    fn try_from(written: Graph) -> Result<Self, String> {
        let mut numbers = BTreeMap::new();
        let mut nodes: Vec<graph::Node> = Vec::with_capacity(written.nodes.len());
        let find = |numbers: &BTreeMap<String, usize>, value: &Value| match value {
            Value::Number { node } => Ok(graph::Value::Node(*node)),
            Value::Name(name) if name == INPUT => Ok(graph::Value::Input),
            Value::Name(name) => match numbers.get(name) {
                Some(number) => Ok(graph::Value::Node(*number)),
                None => Err(format!("`{name}`, but no node before it has this name")),
            },
        };
        let before =
            |number: usize| number.checked_sub(1).map_or(graph::Value::Input, graph::Value::Node);
        for (number, Node { name, op, inputs }) in written.nodes.into_iter().enumerate() {
            let op = op.read().map_err(|reason| format!("node {name}: {reason}"))?;
            let inputs = match inputs {
                None => vec![before(number)],
                Some(inputs) => {
                    let inputs = inputs.iter().map(|value| find(&numbers, value));
                    inputs
                        .collect::<Result<_, _>>()
                        .map_err(|reason| format!("node {name} reads {reason}"))?
                }
            };
            numbers.insert(name.clone(), number);
            nodes.push(graph::Node { name, op, inputs });
        }
        let output = match written.output {
            None => before(nodes.len()),
            Some(value) => {
                find(&numbers, &value).map_err(|reason| format!("the output is {reason}"))?
            }
        };
        Ok(Self { input: written.input.read()?, nodes, output })
    }
}

impl Shape {
    fn read(self) -> Result<graph::Shape, String> {
        let Self { height, width, channels, positions } = self;
        match (height, width, positions) {
            (None, None, positions) => {
                Ok(graph::Shape { height: 1, width: positions.unwrap_or(1), channels })
            }
            (Some(height), Some(width), None) => Ok(graph::Shape { height, width, channels }),
            _ => Err("the input needs a height and a width, or neither".into()),
        }
    }
}

impl From<graph::Graph> for Graph {
    fn from(graph: graph::Graph) -> Self {
        let names: Vec<String> = graph.nodes.iter().map(|node| node.name.clone()).collect();
        let named = |value: graph::Value| match value {
            graph::Value::Input => Value::Name(INPUT.to_owned()),
            graph::Value::Node(number) => match names.get(number) {
                Some(name) => Value::Name(name.clone()),
                None => Value::Number { node: number },
            },
        };
        let is_image = graph.input.height != 1 || graph.input.width != 1;
        let input = Shape {
            height: is_image.then_some(graph.input.height),
            width: is_image.then_some(graph.input.width),
            channels: graph.input.channels,
            positions: None,
        };
        let output = Some(named(graph.output));
        let node = |node: &graph::Node| Node {
            name: node.name.clone(),
            op: Op::write(node.op),
            inputs: Some(node.inputs.iter().copied().map(named).collect()),
        };
        Self { input, output, nodes: graph.nodes.iter().map(node).collect() }
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Graph, Op, Shape, Slide, Value};

    #[test]
    fn a_graph_is_written_as_it_is_read() {
        let graph = Graph::perceptron(4, &[8], 3, true);
        let json = serde_json::to_string(&graph).unwrap();
        let expected = concat!(
            r#"{"input":{"channels":4},"output":"layer_1","nodes":["#,
            r#"{"name":"layer_0","op":{"linear":{"outputs":8,"bias":true}},"inputs":["input"]},"#,
            r#"{"name":"relu_0","op":"relu","inputs":["layer_0"]},"#,
            r#"{"name":"layer_1","op":{"linear":{"outputs":3,"bias":true}},"inputs":["relu_0"]}]}"#
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
    }

    #[test]
    fn the_form_of_the_first_graphs_is_read() {
        let old = r#"{"input": {"positions": 1, "channels": 4}, "nodes": [
            {"name": "layer_0", "op": {"linear": {"outputs": 8, "bias": true}}, "inputs": ["input"]},
            {"name": "relu_0", "op": {"activation": "relu"}, "inputs": [{"node": 0}]},
            {"name": "layer_1", "op": {"linear": {"outputs": 3, "bias": true}}, "inputs": [{"node": 1}]}],
            "output": {"node": 2}}"#;
        let graph: Graph = serde_json::from_str(old).unwrap();
        assert_eq!(graph, Graph::perceptron(4, &[8], 3, true));
    }

    #[test]
    fn what_has_a_usual_value_may_be_left_out() {
        let short = r#"{"input": {"height": 8, "width": 8, "channels": 3}, "nodes": [
            {"name": "conv", "op": {"conv2d": {"outputs": 4, "kernel": 3, "padding": 1}}},
            {"name": "pool", "op": {"max_pool": {"kernel": 2}}},
            {"name": "norm", "op": {"batch_norm": {}}},
            {"name": "own", "op": {"depthwise_conv2d": {"kernel": [3, 1], "padding": [1, 0], "stride": 2}}}]}"#;
        let graph: Graph = serde_json::from_str(short).unwrap();
        let mut expected = Graph::new(Shape { height: 8, width: 8, channels: 3 });
        let slide = Slide::of(3).padding(1);
        expected.append("conv", Op::Conv2d { outputs: 4, slide, bias: true });
        expected.append("pool", Op::MaxPool(Slide::of(2).stride(2)));
        expected.append("norm", Op::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
        let slide = Slide { kernel: [3, 1], padding: [1, 0, 1, 0], ..Slide::of(1).stride(2) };
        expected.append("own", Op::DepthwiseConv2d { slide, bias: true });
        assert_eq!(graph, expected);
        assert_eq!(graph.output, Value::Node(3));
        let json = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
    }

    #[test]
    fn a_wrong_file_is_refused_by_its_node() {
        let refused = |nodes: &str| {
            let json = format!(r#"{{"input": {{"channels": 4}}, "nodes": [{nodes}]}}"#);
            serde_json::from_str::<Graph>(&json).unwrap_err().to_string()
        };
        let a = r#"{"name": "a", "op": {"linear": {"outputs": 2}}, "inputs": ["b"]}"#;
        let b = r#"{"name": "b", "op": "relu", "inputs": ["a"]}"#;
        let cycle = refused(&format!("{a}, {b}"));
        assert!(cycle.contains("node a reads `b`, but no node before it"), "{cycle}");
        for (op, reason) in [
            (r#"{"linear": {"outputs": 2, "stride": 2}}"#, "unknown field `stride`"),
            (r#"{"conv2d": {"kernel": 3}}"#, "node a: it needs the number of its outputs"),
            (
                r#"{"conv2d": {"outputs": 2, "kernel": [3, 3, 3, 3]}}"#,
                "kernel has one number or two",
            ),
            (r#"{"max_pool": {"kernel": 2, "bias": true}}"#, "has no key `bias`"),
            (r#""swish""#, "unknown variant `swish`"),
        ] {
            let message = refused(&format!(r#"{{"name": "a", "op": {op}}}"#));
            assert!(message.contains(reason), "{message}");
        }
    }
}
