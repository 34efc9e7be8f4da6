//! What a network computes: operations in topological order, without tensors.

use std::fmt;

use rayclip_ops::Window;

/// The name of the images, and of the group of their channels.
pub(crate) const INPUT: &str = "input";

/// The extents of a value, for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of an image; 1 for a vector.
    pub height: usize,
    /// Columns of an image; 1 for a vector.
    pub width: usize,
    /// Numbers per position.
    pub channels: usize,
}

/// A value: the input of a node, or the output of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The images.
    Input,
    /// The result of the node with this number.
    Node(usize),
}

/// A node: an operation on values.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name, which is unique.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Its inputs: the images, or results of earlier nodes.
    pub inputs: Vec<Value>,
}

/// The operation of a node. A parameter is a matrix `[replica, rows, columns]` with the name of the node, a dot, and
/// its own name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// `x W + b` at every position. Parameters: `weight [inputs, outputs]`, `bias [1, outputs]`.
    Linear {
        /// Number of output channels.
        outputs: usize,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// Convolution. Parameters: `weight [tap · input, output]`, tap by tap, and `bias [1, outputs]`.
    Conv2d {
        /// Number of output channels.
        outputs: usize,
        /// The window.
        slide: Slide,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// Convolution of every channel by itself. Parameters: `weight [tap, channel]`, `bias [1, channels]`.
    DepthwiseConv2d {
        /// The window.
        slide: Slide,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// Normalises every channel over the images and positions of a batch, then scales and shifts it. Evaluation uses
    /// running statistics. Parameters: `weight` and `bias` `[1, channels]`; state: `running_mean` and `running_var`,
    /// of the same extents.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
        /// The weight of a batch in the running statistics.
        momentum: f64,
    },
    /// Normalises the channels of every position, then scales and shifts them. Parameters: `weight` and `bias`
    /// `[1, channels]`.
    LayerNorm {
        /// Added to the variance.
        epsilon: f64,
    },
    /// A function of every number.
    Activation(Activation),
    /// The maximum of every window; the padding does not count.
    MaxPool(Slide),
    /// The mean of every window.
    AveragePool {
        /// The window.
        slide: Slide,
        /// Whether the padding counts, as zeros.
        count_padding: bool,
    },
    /// The mean over all positions.
    GlobalAveragePool,
    /// Merges all positions of an image into one, one after the other.
    Flatten,
    /// The sum of two or more values of the same shape.
    Add,
    /// The product of two values of the same shape. One of them may have only one position: a gate, which multiplies
    /// the channels at every position of the other.
    Mul,
    /// Concatenates the channels of two or more values at every position.
    Concat,
    /// In training, zeroes numbers at random and scales the others up, so that the mean stays.
    Dropout {
        /// The probability of a zero.
        probability: f64,
    },
}

/// How a window slides over the positions of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slide {
    /// Taps along the height and the width.
    pub kernel: [usize; 2],
    /// Positions from one place of the window to the next.
    pub stride: [usize; 2],
    /// Positions outside the image that the window reaches: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Positions from one tap to the next.
    pub dilation: [usize; 2],
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if it is positive, otherwise `slope · x`.
    LeakyRelu {
        /// The slope below zero.
        slope: f64,
    },
    /// `x Φ(x)`, Φ the distribution function of the standard normal distribution.
    Gelu,
    /// `x · sigmoid(x)`.
    Silu,
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
    /// `x · min(max(x + 3, 0), 6) / 6`.
    HardSwish,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `tanh(x)`.
    Tanh,
}

/// The computation of a network.
///
/// The fields are public for code that builds networks. [`validate`](Self::validate) checks that they fit together.
/// All other functions expect a valid graph and may panic otherwise, except for a [`perceptron`](Self::perceptron),
/// of which only the extents can be wrong.
///
/// It is serialised with names instead of numbers (`written.rs`), so that files can be written by hand.
#[derive(Debug, Clone, PartialEq)]
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
        let mut graph = Self::new(Shape::vector(inputs));
        for (layer, &width) in hidden.iter().enumerate() {
            graph.append(format!("layer_{layer}"), Op::Linear { outputs: width, bias });
            graph.append(format!("relu_{layer}"), Op::Activation(Activation::Relu));
        }
        graph.append(format!("layer_{}", hidden.len()), Op::Linear { outputs, bias });
        graph
    }

    /// Creates a graph without nodes, whose output is its input.
    pub fn new(input: Shape) -> Self {
        Self { input, nodes: vec![], output: Value::Input }
    }

    /// Appends a node that reads the current output. Its result is the new output.
    pub fn append(&mut self, name: impl Into<String>, op: Op) -> Value {
        self.append_to(name, op, &[self.output])
    }

    /// Appends a node that reads some values. Its result is the new output.
    pub fn append_to(&mut self, name: impl Into<String>, op: Op, inputs: &[Value]) -> Value {
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec() });
        self.output = Value::Node(self.nodes.len() - 1);
        self.output
    }

    /// Returns the name of a value.
    pub fn name_of(&self, value: Value) -> &str {
        match value {
            Value::Input => INPUT,
            Value::Node(number) => &self.nodes[number].name,
        }
    }
}

impl Shape {
    /// Returns the extents of a vector.
    pub const fn vector(channels: usize) -> Self {
        Self { height: 1, width: 1, channels }
    }

    /// Returns the number of positions; `usize::MAX` if there are too many to count.
    pub const fn positions(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// Returns the number of all numbers; `usize::MAX` if there are too many to count.
    pub const fn numbers(self) -> usize {
        self.positions().saturating_mul(self.channels)
    }
}

impl Slide {
    /// Returns a window without padding that moves by one position.
    pub const fn of(kernel: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [1; 2], padding: [0; 4], dilation: [1; 2] }
    }

    /// Returns the window with another stride.
    #[must_use]
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Returns the window with the same padding on all sides.
    #[must_use]
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding: [padding; 4], ..self }
    }

    /// Returns the window over images of a shape.
    pub(crate) fn over(self, shape: Shape) -> Window {
        let Self { kernel, stride, padding, dilation } = self;
        Window { input: [shape.height, shape.width], kernel, stride, padding, dilation }
    }

    /// Returns the number of taps; `usize::MAX` if there are too many to count.
    pub(crate) fn taps(self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
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
        let Self { height, width, channels } = self;
        match (height, width) {
            (1, 1) => write!(f, "{channels} channels"),
            _ => write!(f, "{channels} channels at {height} × {width} positions"),
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

impl fmt::Display for Slide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, stride, padding, dilation } = self;
        write!(f, "{} × {}", kernel[0], kernel[1])?;
        let mut part =
            |name: &str, numbers: &[usize], usual: usize| match numbers {
                [first, rest @ ..] if rest.iter().all(|number| number == first) => {
                    if *first == usual { Ok(()) } else { write!(f, ", {name} {first}") }
                }
                numbers => {
                    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                    write!(f, ", {name} {}", numbers.join(" "))
                }
            };
        part("stride", stride, 1)?;
        part("padding", padding, 0)?;
        part("dilation", dilation, 1)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear { outputs, .. } => write!(f, "linear {outputs}"),
            Self::Conv2d { outputs, slide, .. } => write!(f, "conv2d {outputs}, {slide}"),
            Self::DepthwiseConv2d { slide, .. } => write!(f, "depthwise conv2d {slide}"),
            Self::BatchNorm { .. } => write!(f, "batch norm"),
            Self::LayerNorm { .. } => write!(f, "layer norm"),
            Self::Activation(function) => match function {
                Activation::Relu => write!(f, "relu"),
                Activation::Relu6 => write!(f, "relu6"),
                Activation::LeakyRelu { slope } => write!(f, "leaky relu {slope}"),
                Activation::Gelu => write!(f, "gelu"),
                Activation::Silu => write!(f, "silu"),
                Activation::Sigmoid => write!(f, "sigmoid"),
                Activation::HardSwish => write!(f, "hard-swish"),
                Activation::HardSigmoid => write!(f, "hard-sigmoid"),
                Activation::Tanh => write!(f, "tanh"),
            },
            Self::MaxPool(slide) => write!(f, "max pool {slide}"),
            Self::AveragePool { slide, .. } => write!(f, "average pool {slide}"),
            Self::GlobalAveragePool => write!(f, "global average pool"),
            Self::Flatten => write!(f, "flatten"),
            Self::Add => write!(f, "add"),
            Self::Mul => write!(f, "mul"),
            Self::Concat => write!(f, "concat"),
            Self::Dropout { probability } => write!(f, "dropout {probability}"),
        }
    }
}

impl Op {
    /// Returns its window, if it has one.
    pub(crate) fn slide(self) -> Option<Slide> {
        match self {
            Self::Conv2d { slide, .. }
            | Self::DepthwiseConv2d { slide, .. }
            | Self::MaxPool(slide)
            | Self::AveragePool { slide, .. } => Some(slide),
            _ => None,
        }
    }

    /// Returns whether it makes channels: their number is its own, not that of its input.
    pub(crate) fn makes_channels(self) -> bool {
        matches!(self, Self::Linear { .. } | Self::Conv2d { .. })
    }
}

impl Node {
    /// Returns the name of one of its parameters.
    pub fn parameter(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
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
}
