//! The sizes of the values, the parameters and the products of a graph.

use std::collections::BTreeSet;

use crate::graph::{Graph, Node, Op, Shape, Slide, Value};

/// Multiply-accumulates to classify one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macs {
    /// Of all products.
    pub all: usize,
    /// Of the products whose input depends on no parameter: they read the images, and training needs no gradient of
    /// their input.
    pub first: usize,
}

/// The size of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeSize {
    /// Extents of its result.
    pub shape: Shape,
    /// Numbers in its parameters.
    pub parameters: usize,
    /// Multiply-accumulates for one image; `None` if there are too many to count.
    pub macs: Option<usize>,
}

/// Returns the multiply-accumulates of an operation for one image.
fn macs_of(op: Op, input: Shape, output: Shape) -> Option<usize> {
    let per_number = match op {
        Op::Linear { .. } => input.channels,
        Op::Conv2d { slide, .. } => slide.taps().checked_mul(input.channels)?,
        Op::DepthwiseConv2d { slide, .. } => slide.taps(),
        _ => return Some(0),
    };
    output.positions().checked_mul(output.channels)?.checked_mul(per_number)
}

/// A node that multiplies its input by a weight, and so makes channels: fully connected, or a convolution.
pub(crate) struct Product<'a> {
    pub(crate) number: usize,
    pub(crate) node: &'a Node,
    /// Extents of its input.
    pub(crate) input: Shape,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    /// The window of a convolution.
    pub(crate) slide: Option<Slide>,
}

impl Product<'_> {
    /// Returns the number of taps; 1 without a window.
    pub(crate) fn taps(&self) -> usize {
        self.slide.map_or(1, Slide::taps)
    }
}

impl Graph {
    /// Returns the extents of the result of every node. An extent that is too large to count is `usize::MAX`, and
    /// one of a window that does not fit is 0; [`validate`](Self::validate) refuses both.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            shapes.push(self.shape_after(node, &shapes));
        }
        shapes
    }

    /// Returns the number of channels of the output: the classes of a classifier.
    pub fn outputs(&self) -> usize {
        self.output_shape().channels
    }

    /// Returns the extents of the output.
    pub fn output_shape(&self) -> Shape {
        self.shape_of(self.output, &self.shapes())
    }

    /// Returns the extents of the result of a node, from those of the earlier nodes.
    pub(crate) fn shape_after(&self, node: &Node, earlier: &[Shape]) -> Shape {
        let first = self.shape_of(node.inputs[0], earlier);
        let slid = |slide: Slide, channels| {
            let [height, width] = slide.over(first).output().unwrap_or_default();
            Shape { height, width, channels }
        };
        match node.op {
            Op::Linear { outputs, .. } => Shape { channels: outputs, ..first },
            Op::Conv2d { outputs, slide, .. } => slid(slide, outputs),
            Op::DepthwiseConv2d { slide, .. }
            | Op::MaxPool(slide)
            | Op::AveragePool { slide, .. } => slid(slide, first.channels),
            Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::Activation(_)
            | Op::Add
            | Op::Dropout { .. } => first,
            Op::Mul => {
                // The gate may come first.
                let read = node.inputs.iter().map(|value| self.shape_of(*value, earlier));
                read.max_by_key(|shape| shape.positions()).unwrap_or(first)
            }
            Op::GlobalAveragePool => Shape::vector(first.channels),
            Op::Flatten => Shape::vector(first.numbers()),
            Op::Concat => {
                let channels = node.inputs.iter().map(|value| self.shape_of(*value, earlier));
                let sum = channels.fold(0_usize, |sum, read| sum.saturating_add(read.channels));
                Shape { channels: sum, ..first }
            }
        }
    }

    /// Returns the extents of a value, from those of the nodes.
    pub(crate) fn shape_of(&self, value: Value, shapes: &[Shape]) -> Shape {
        match value {
            Value::Input => self.input,
            Value::Node(number) => shapes[number],
        }
    }

    /// Returns the nodes that make channels, in order.
    pub(crate) fn products(&self) -> Vec<Product<'_>> {
        let shapes = self.shapes();
        let mut products = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let (outputs, bias, slide) = match node.op {
                Op::Linear { outputs, bias } => (outputs, bias, None),
                Op::Conv2d { outputs, slide, bias } => (outputs, bias, Some(slide)),
                _ => continue,
            };
            let input = self.shape_of(node.inputs[0], &shapes);
            products.push(Product { number, node, input, outputs, bias, slide });
        }
        products
    }

    /// Returns the parameters by name, in the order of the nodes, with their rows and columns.
    pub fn extents(&self) -> Vec<(String, [usize; 2])> {
        self.named(parameters)
    }

    /// Returns the matrices of state that is not learnt (running statistics), as [`extents`](Self::extents) does.
    pub fn state_extents(&self) -> Vec<(String, [usize; 2])> {
        self.named(state)
    }

    fn named(&self, of: fn(Op, Shape) -> Vec<Matrix>) -> Vec<(String, [usize; 2])> {
        self.matrices(of).into_iter().map(|(name, extents, _)| (name, extents)).collect()
    }

    /// Returns all parameters, and then all state, with their nodes.
    pub(crate) fn initialised(&self) -> Vec<(String, [usize; 2], &Node)> {
        [self.matrices(parameters), self.matrices(state)].concat()
    }

    fn matrices(&self, of: fn(Op, Shape) -> Vec<Matrix>) -> Vec<(String, [usize; 2], &Node)> {
        let shapes = self.shapes();
        let mut matrices = vec![];
        for node in &self.nodes {
            let input = self.shape_of(node.inputs[0], &shapes);
            let of_node = of(node.op, input).into_iter();
            matrices.extend(of_node.map(|(name, extents)| (node.parameter(name), extents, node)));
        }
        matrices
    }

    /// Returns the number of parameters of one replica; `usize::MAX` if there are too many to count, which
    /// [`validate`](Self::validate) refuses.
    pub fn parameters(&self) -> usize {
        let sizes =
            self.extents().into_iter().map(|(_, [rows, columns])| rows.saturating_mul(columns));
        sizes.fold(0, usize::saturating_add)
    }

    /// Returns the multiply-accumulates of all fully connected and convolutional nodes to classify one image; `None`
    /// if there are too many to count.
    pub fn macs(&self) -> Option<Macs> {
        let learnt = self.learnt();
        let mut macs = Macs { all: 0, first: 0 };
        for (node, size) in self.nodes.iter().zip(self.node_sizes()) {
            let products = size.macs?;
            macs.all = macs.all.checked_add(products)?;
            if !learnt[node.inputs[0].slot()] {
                macs.first += products;
            }
        }
        Some(macs)
    }

    /// Returns the size of every node.
    pub fn node_sizes(&self) -> Vec<NodeSize> {
        let shapes = self.shapes();
        let size = |(node, shape): (&Node, &Shape)| {
            let input = self.shape_of(node.inputs[0], &shapes);
            let parameters = parameters(node.op, input).into_iter();
            let parameters = parameters.map(|(_, [rows, columns])| rows.saturating_mul(columns));
            NodeSize {
                shape: *shape,
                parameters: parameters.fold(0, usize::saturating_add),
                macs: macs_of(node.op, input, *shape),
            }
        };
        self.nodes.iter().zip(&shapes).map(size).collect()
    }

    /// Returns the names of the weights that a weight decay pulls to zero: those of products and convolutions, not
    /// of normalisations, and no biases.
    pub fn decayed(&self) -> BTreeSet<String> {
        let is_pulled = |node: &&Node| {
            matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. } | Op::DepthwiseConv2d { .. })
        };
        self.nodes.iter().filter(is_pulled).map(|node| node.parameter(WEIGHT)).collect()
    }

    /// Returns, for every value, whether it depends on a parameter.
    fn learnt(&self) -> Vec<bool> {
        let mut learnt = vec![false];
        for node in &self.nodes {
            let reads_learnt = node.inputs.iter().any(|value| learnt[value.slot()]);
            // Only whether there are parameters counts, not their extents.
            learnt.push(reads_learnt || !parameters(node.op, self.input).is_empty());
        }
        learnt
    }
}

/// The name of a matrix of a node, and its rows and columns.
pub(crate) type Matrix = (&'static str, [usize; 2]);

/// Names of the parameters of nodes.
pub(crate) const WEIGHT: &str = "weight";
pub(crate) const BIAS: &str = "bias";
/// Names of the state of a batch normalisation.
pub(crate) const MEAN: &str = "running_mean";
pub(crate) const VARIANCE: &str = "running_var";

/// Returns the parameters of an operation on values of a shape.
pub(crate) fn parameters(op: Op, input: Shape) -> Vec<Matrix> {
    let with_bias = |rows: usize, columns: usize, bias: bool| {
        let bias = bias.then_some((BIAS, [1, columns]));
        std::iter::once((WEIGHT, [rows, columns])).chain(bias).collect()
    };
    match op {
        Op::Linear { outputs, bias } => with_bias(input.channels, outputs, bias),
        Op::Conv2d { outputs, slide, bias } => {
            with_bias(slide.taps().saturating_mul(input.channels), outputs, bias)
        }
        Op::DepthwiseConv2d { slide, bias } => with_bias(slide.taps(), input.channels, bias),
        Op::BatchNorm { .. } | Op::LayerNorm { .. } => with_bias(1, input.channels, true),
        Op::Activation(_)
        | Op::MaxPool(_)
        | Op::AveragePool { .. }
        | Op::GlobalAveragePool
        | Op::Flatten
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::Dropout { .. } => vec![],
    }
}

/// Returns the state of an operation on values of a shape.
pub(crate) fn state(op: Op, input: Shape) -> Vec<Matrix> {
    match op {
        Op::BatchNorm { .. } => [MEAN, VARIANCE].map(|name| (name, [1, input.channels])).into(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::tests::node;

    const LINEAR: Op = Op::Linear { outputs: 5, bias: true };

    #[test]
    fn counts_parameters_of_one_replica() {
        let parameters = |bias| Graph::perceptron(784, &[512], 10, bias).parameters();
        assert_eq!(parameters(false), 784 * 512 + 512 * 10);
        assert_eq!(parameters(true), 785 * 512 + 513 * 10);
        let uncountable = Graph::perceptron(4, &[usize::MAX; 2], 2, true);
        assert_eq!(uncountable.parameters(), usize::MAX);
    }

    #[test]
    fn names_parameters_in_the_order_of_the_nodes() {
        let extents = Graph::perceptron(4, &[8], 3, true).extents();
        let expected = [
            ("layer_0.weight", [4, 8]),
            ("layer_0.bias", [1, 8]),
            ("layer_1.weight", [8, 3]),
            ("layer_1.bias", [1, 3]),
        ];
        assert_eq!(extents, expected.map(|(name, extents)| (name.to_owned(), extents)));
        assert_eq!(Graph::perceptron(4, &[8], 3, false).extents().len(), 2);
    }

    #[test]
    fn the_products_that_read_the_images_are_counted_apart() {
        let perceptron = Graph::perceptron(10, &[7, 3], 2, true);
        assert_eq!(perceptron.macs(), Some(Macs { all: 70 + 21 + 6, first: 70 }));
        let classifier = Graph::perceptron(10, &[], 2, false);
        assert_eq!(classifier.macs(), Some(Macs { all: 20, first: 20 }));
        assert_eq!(Graph::perceptron(usize::MAX, &[4], 2, true).macs(), None);
    }

    #[test]
    fn a_product_is_done_at_every_position() {
        // Three channels at four positions. The second product reads the images too, as one position.
        let graph = Graph {
            input: Shape { height: 2, width: 2, channels: 3 },
            nodes: vec![
                node("a", LINEAR, &[Value::Input]),
                node("all", Op::Flatten, &[Value::Node(0)]),
                node("pixels", Op::Flatten, &[Value::Input]),
                node("b", LINEAR, &[Value::Node(2)]),
                node("both", Op::Concat, &[Value::Node(1), Value::Node(3)]),
                node("c", LINEAR, &[Value::Node(4)]),
            ],
            output: Value::Node(5),
        };
        graph.validate(1).unwrap();
        let channels: Vec<usize> = graph.shapes().iter().map(|shape| shape.channels).collect();
        assert_eq!(channels, [5, 20, 12, 5, 25, 5]);
        let first = 4 * 3 * 5 + 12 * 5;
        assert_eq!(graph.macs(), Some(Macs { all: first + 25 * 5, first }));
    }

    #[test]
    fn a_convolution_is_counted_by_its_taps_and_places() {
        let mut graph = Graph::new(Shape { height: 8, width: 6, channels: 3 });
        let slide = Slide::of(3).stride(2).padding(1);
        graph.append("conv", Op::Conv2d { outputs: 4, slide, bias: false });
        graph.append("norm", Op::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
        graph.append("own", Op::DepthwiseConv2d { slide: Slide::of(3).padding(1), bias: true });
        graph.append("mean", Op::GlobalAveragePool);
        graph.append("scores", Op::Linear { outputs: 2, bias: true });
        graph.validate(1).unwrap();
        assert_eq!(graph.shapes()[0], Shape { height: 4, width: 3, channels: 4 });
        let (first, own, scores) = (12 * 9 * 3 * 4, 12 * 9 * 4, 4 * 2);
        assert_eq!(graph.macs(), Some(Macs { all: first + own + scores, first }));
        assert_eq!(graph.parameters(), 27 * 4 + 8 + (9 * 4 + 4) + (4 * 2 + 2));
        let state = [("norm.running_mean", [1, 4]), ("norm.running_var", [1, 4])];
        assert_eq!(graph.state_extents(), state.map(|(name, extents)| (name.into(), extents)));
    }
}
