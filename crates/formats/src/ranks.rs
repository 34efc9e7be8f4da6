//! How frameworks that have channels first hold the values of a graph: `[image, channel, height, width]`, or
//! `[image, channel]`.

use rayclip_model::{Graph, Node, Op, Shape, Value};

/// How a value is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// `[image, channel]`: one position.
    Vector,
    /// `[image, channel, height, width]`.
    Image,
}

/// How every value of a graph is held.
pub(crate) struct Ranks {
    input: Rank,
    nodes: Vec<Rank>,
    shapes: Vec<Shape>,
    input_shape: Shape,
}

impl Ranks {
    /// Decides for the values of a valid graph. A value with one position is a vector, unless a window slides over it
    /// or it multiplies an image.
    pub(crate) fn of(graph: &Graph) -> Self {
        let shapes = graph.shapes();
        let wanted = wanted(graph, &shapes);
        let input = if graph.input.positions() == 1 { Rank::Vector } else { Rank::Image };
        let mut ranks = Self { input, nodes: vec![], shapes, input_shape: graph.input };
        for (number, node) in graph.nodes.iter().enumerate() {
            let positions = ranks.shapes[number].positions();
            let rank = match node.op {
                Op::Conv2d { .. }
                | Op::DepthwiseConv2d { .. }
                | Op::MaxPool(_)
                | Op::AveragePool { .. } => Rank::Image,
                _ if positions > 1 => Rank::Image,
                Op::GlobalAveragePool if wanted[number + 1] => Rank::Image,
                Op::Linear { .. } | Op::Flatten | Op::GlobalAveragePool => Rank::Vector,
                _ => ranks.at(node.inputs[0]),
            };
            ranks.nodes.push(rank);
        }
        ranks
    }

    /// Returns how a value is held.
    pub(crate) fn at(&self, value: Value) -> Rank {
        match value {
            Value::Input => self.input,
            Value::Node(number) => self.nodes[number],
        }
    }

    /// Returns the extents of a value.
    pub(crate) fn shape(&self, value: Value) -> Shape {
        match value {
            Value::Input => self.input_shape,
            Value::Node(number) => self.shapes[number],
        }
    }

    /// Returns how node `number` needs its input `value` to be held.
    pub(crate) fn needed(&self, number: usize, node: &Node, value: Value) -> Rank {
        match node.op {
            Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::MaxPool(_)
            | Op::AveragePool { .. } => Rank::Image,
            Op::Linear { .. } if self.shape(value).positions() == 1 => Rank::Vector,
            Op::Add | Op::Mul | Op::Concat => self.nodes[number],
            _ => self.at(value),
        }
    }
}

/// Returns, for every value, the images first, whether what reads it needs an image.
fn wanted(graph: &Graph, shapes: &[Shape]) -> Vec<bool> {
    let mut wanted = vec![false; graph.nodes.len() + 1];
    for (number, node) in graph.nodes.iter().enumerate().rev() {
        let needs = match node.op {
            Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::MaxPool(_)
            | Op::AveragePool { .. } => true,
            Op::Linear { .. } | Op::GlobalAveragePool | Op::Flatten => false,
            _ => wanted[number + 1] || shapes[number].positions() > 1,
        };
        for value in &node.inputs {
            wanted[slot(*value)] |= needs;
        }
    }
    wanted
}

/// Returns the index of a value in a list of all values, the images first.
pub(crate) fn slot(value: Value) -> usize {
    match value {
        Value::Input => 0,
        Value::Node(number) => number + 1,
    }
}

#[cfg(test)]
mod tests {
    use rayclip_model::{Activation, Slide};

    use super::Rank::{Image, Vector};
    use super::*;

    #[test]
    fn a_mean_is_a_vector_unless_it_gates_an_image() {
        let mut graph = Graph::new(Shape { height: 4, width: 4, channels: 3 });
        let conv = Op::Conv2d { outputs: 3, slide: Slide::of(3).padding(1), bias: true };
        let x = graph.append("conv", conv);
        graph.append("squeeze", Op::GlobalAveragePool);
        let gate = graph.append("gate", Op::Activation(Activation::Sigmoid));
        graph.append_to("gated", Op::Mul, &[x, gate]);
        let mean = graph.append("mean", Op::GlobalAveragePool);
        let scores = graph.append("scores", Op::Linear { outputs: 2, bias: true });
        let ranks = Ranks::of(&graph);
        let held: Vec<Rank> = (0..6).map(|number| ranks.at(Value::Node(number))).collect();
        assert_eq!(held, [Image, Image, Image, Image, Vector, Vector]);
        assert_eq!(ranks.needed(5, &graph.nodes[5], mean), Vector);
        assert_eq!(ranks.needed(3, &graph.nodes[3], gate), Image);
        assert_eq!((ranks.at(Value::Input), ranks.at(scores)), (Image, Vector));
    }

    #[test]
    fn a_fully_connected_gate_is_turned_into_an_image() {
        let mut graph = Graph::new(Shape { height: 2, width: 2, channels: 3 });
        let x = Value::Input;
        graph.append("mean", Op::GlobalAveragePool);
        let gate = graph.append("fc", Op::Linear { outputs: 3, bias: true });
        graph.append_to("gated", Op::Mul, &[gate, x]);
        let ranks = Ranks::of(&graph);
        assert_eq!(ranks.at(gate), Rank::Vector);
        assert_eq!(ranks.needed(2, &graph.nodes[2], gate), Rank::Image);
        // A product at every position keeps the positions.
        let mut everywhere = Graph::new(Shape { height: 2, width: 2, channels: 3 });
        let all = everywhere.append("fc", Op::Linear { outputs: 5, bias: true });
        let ranks = Ranks::of(&everywhere);
        assert_eq!(
            (ranks.at(all), ranks.needed(0, &everywhere.nodes[0], x)),
            (Rank::Image, Rank::Image)
        );
    }
}
