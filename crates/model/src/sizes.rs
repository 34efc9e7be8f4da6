//! The sizes of the values, the parameters and the products of a graph.

use crate::graph::{Graph, Node, Op, Shape, Value};

/// Multiply-accumulates to classify one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macs {
    /// Of all products.
    pub all: usize,
    /// Of the products whose input depends on no parameter: they read the images, and training needs no gradient of
    /// their input.
    pub first: usize,
}

/// A fully connected node and its extents.
pub(crate) struct Linear<'a> {
    pub(crate) number: usize,
    pub(crate) node: &'a Node,
    /// Extents of its input.
    pub(crate) input: Shape,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
}

impl Graph {
    /// Returns the extents of the result of every node. An extent that is too large to count is `usize::MAX`, which
    /// [`validate`](Self::validate) refuses.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            shapes.push(self.shape_after(node, &shapes));
        }
        shapes
    }

    /// Returns the number of channels of the output: the classes of a classifier.
    pub fn outputs(&self) -> usize {
        self.shape_of(self.output, &self.shapes()).channels
    }

    /// Returns the extents of the result of a node, from those of the earlier nodes.
    pub(crate) fn shape_after(&self, node: &Node, earlier: &[Shape]) -> Shape {
        let first = self.shape_of(node.inputs[0], earlier);
        match node.op {
            Op::Linear { outputs, .. } => Shape { channels: outputs, ..first },
            Op::Activation(_) | Op::Add => first,
            Op::Flatten => {
                Shape { positions: 1, channels: first.positions.saturating_mul(first.channels) }
            }
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

    /// Returns the fully connected nodes, in order.
    pub(crate) fn linears(&self) -> Vec<Linear<'_>> {
        let shapes = self.shapes();
        let mut linears = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            if let Op::Linear { outputs, bias } = node.op {
                let input = self.shape_of(node.inputs[0], &shapes);
                linears.push(Linear { number, node, input, outputs, bias });
            }
        }
        linears
    }

    /// Returns the parameters by name, in the order of the nodes, with their rows and columns.
    pub fn extents(&self) -> Vec<(String, [usize; 2])> {
        let of_node = |linear: &Linear<'_>| {
            let weight = (linear.node.weight(), [linear.input.channels, linear.outputs]);
            let bias = linear.bias.then(|| (linear.node.bias(), [1, linear.outputs]));
            std::iter::once(weight).chain(bias)
        };
        self.linears().iter().flat_map(of_node).collect()
    }

    /// Returns the number of weights and biases of one replica; `usize::MAX` if there are too many to count, which
    /// [`validate`](Self::validate) refuses.
    pub fn parameters(&self) -> usize {
        let of_node = |linear: Linear<'_>| {
            let rows = linear.input.channels.saturating_add(usize::from(linear.bias));
            rows.saturating_mul(linear.outputs)
        };
        self.linears().into_iter().map(of_node).fold(0, usize::saturating_add)
    }

    /// Returns the multiply-accumulates to classify one image; `None` if there are too many to count.
    pub fn macs(&self) -> Option<Macs> {
        let learnt = self.learnt();
        let mut macs = Macs { all: 0, first: 0 };
        for Linear { node, input, outputs, .. } in self.linears() {
            let products = input.positions.checked_mul(input.channels)?.checked_mul(outputs)?;
            macs.all = macs.all.checked_add(products)?;
            if !learnt[node.inputs[0].slot()] {
                macs.first += products;
            }
        }
        Some(macs)
    }

    /// Returns, for every value, whether it depends on a parameter.
    fn learnt(&self) -> Vec<bool> {
        let mut learnt = vec![false];
        for node in &self.nodes {
            let reads_learnt = node.inputs.iter().any(|value| learnt[value.slot()]);
            learnt.push(reads_learnt || matches!(node.op, Op::Linear { .. }));
        }
        learnt
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
            input: Shape { positions: 4, channels: 3 },
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
}
