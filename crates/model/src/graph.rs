//! What a network computes: operations in topological order, without tensors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The extents of a value, for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Positions of an image, row by row; a vector has one.
    pub positions: usize,
    /// Numbers per position.
    pub channels: usize,
}

/// A value: the input of a node, or the output of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The images.
    Input,
    /// The result of the node with this number.
    Node(usize),
}

/// A node: an operation on values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name, which is unique.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Its inputs: the images, or results of earlier nodes.
    pub inputs: Vec<Value>,
}

/// The operation of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// `x W + b` at every position. Its parameters are `{name}.weight`, `[replica, inputs, outputs]`, and
    /// `{name}.bias`, `[replica, 1, outputs]`.
    Linear {
        /// Number of output channels.
        outputs: usize,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// A function of every entry.
    Activation(Activation),
    /// Merges all positions of an image into one, one after the other.
    Flatten,
    /// The sum of two or more values of the same shape.
    Add,
    /// Concatenates the channels of two or more values at every position.
    Concat,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
}

/// The computation of a network.
///
/// The fields are public for code that builds networks. [`validate`](Self::validate) checks that they fit together.
/// All other functions expect a valid graph and may panic otherwise, except for a [`perceptron`](Self::perceptron),
/// of which only the extents can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Extents of an image.
    pub input: Shape,
    /// Operations, in topological order.
    pub nodes: Vec<Node>,
    /// The logits.
    pub output: Value,
}

impl Graph {
    /// Creates a multilayer perceptron with rectified hidden layers; a linear classifier if `hidden` is empty.
    ///
    /// Its nodes are `layer_0`, `relu_0`, `layer_1`, …; the last layer is not rectified. The extents are not
    /// validated.
    pub fn perceptron(inputs: usize, hidden: &[usize], outputs: usize, bias: bool) -> Self {
        let mut graph = Self {
            input: Shape { positions: 1, channels: inputs },
            nodes: Vec::with_capacity(2 * hidden.len() + 1),
            output: Value::Input,
        };
        for (layer, &width) in hidden.iter().enumerate() {
            graph.append(format!("layer_{layer}"), Op::Linear { outputs: width, bias });
            graph.append(format!("relu_{layer}"), Op::Activation(Activation::Relu));
        }
        graph.append(format!("layer_{}", hidden.len()), Op::Linear { outputs, bias });
        graph
    }

    /// Appends a node that reads the current output. Its result is the new output.
    fn append(&mut self, name: String, op: Op) {
        self.nodes.push(Node { name, op, inputs: vec![self.output] });
        self.output = Value::Node(self.nodes.len() - 1);
    }
}

impl Value {
    /// Returns the index in a list of all values, the images first.
    pub(crate) fn slot(self) -> usize {
        match self {
            Self::Input => 0,
            // The number may come from a file. It is checked by its slot.
            Self::Node(number) => number.saturating_add(1),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { positions, channels } = self;
        match positions {
            1 => write!(f, "{channels} channels"),
            _ => write!(f, "{channels} channels at {positions} positions"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => write!(f, "the images"),
            Self::Node(number) => write!(f, "node {number}"),
        }
    }
}

impl Op {
    /// Returns the number of its parameter matrices.
    pub(crate) fn parameters(self) -> usize {
        match self {
            Self::Linear { bias, .. } => 1 + usize::from(bias),
            Self::Activation(_) | Self::Flatten | Self::Add | Self::Concat => 0,
        }
    }
}

impl Node {
    /// Returns the name of its weight, if it has one.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Returns the name of its bias, if it has one.
    pub fn bias(&self) -> String {
        format!("{}.bias", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perceptron_rectifies_all_but_the_last_layer() {
        let graph = Graph::perceptron(4, &[8, 5], 3, true);
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["layer_0", "relu_0", "layer_1", "relu_1", "layer_2"]);
        assert_eq!(graph.nodes[3].op, Op::Activation(Activation::Relu));
        assert_eq!(graph.nodes[3].inputs, [Value::Node(2)]);
        assert_eq!((graph.nodes[0].inputs[0], graph.output), (Value::Input, Value::Node(4)));
        graph.validate(2).unwrap();

        let classifier = Graph::perceptron(4, &[], 3, false);
        assert_eq!(classifier.nodes.len(), 1);
        classifier.validate(1).unwrap();
    }

    #[test]
    fn a_graph_is_written_as_it_is_read() {
        let graph = Graph::perceptron(4, &[8], 3, true);
        let json = serde_json::to_string(&graph).unwrap();
        let first =
            r#"{"name":"layer_0","op":{"linear":{"outputs":8,"bias":true}},"inputs":["input"]}"#;
        let second = r#"{"name":"relu_0","op":{"activation":"relu"},"inputs":[{"node":0}]}"#;
        assert!(json.contains(&format!("[{first},{second},")), "{json}");
        assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
        let unknown = json.replace(r#""bias":true"#, r#""bias":true,"stride":2"#);
        let refused = serde_json::from_str::<Graph>(&unknown).unwrap_err().to_string();
        assert!(refused.contains("stride"), "{refused}");
    }
}
