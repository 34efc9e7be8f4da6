//! The names and the layout that the matrices of a network have in PyTorch, in both directions.

use crate::coupling::Axis;
use crate::graph::{Activation, Graph, Node, Op, Slide};
use crate::sizes::WEIGHT;

/// A matrix of a graph, and how PyTorch has it.
pub(crate) struct Place {
    /// Its name in a [`Store`](crate::Store).
    pub(crate) own: String,
    /// Its name in a file.
    pub(crate) name: String,
    /// Its rows and columns.
    pub(crate) matrix: [usize; 2],
    pub(crate) layout: Layout,
}

/// How a matrix is laid out in PyTorch.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// A row of numbers, one for each channel of a value in which the channels have this order; `None` if they have
    /// that of a [`Store`](crate::Store).
    Vector(Option<Vec<usize>>),
    /// Rows are outputs; the inputs have this order.
    Linear(Vec<usize>),
    /// `[outputs, inputs, height, width]`.
    Conv(Slide),
    /// `[channels, 1, height, width]`.
    Depthwise(Slide),
}

impl Graph {
    /// Returns the graph with the names that its nodes have in files of one network ([`Exported`](crate::Exported)):
    /// the layers of a [`perceptron`](Self::perceptron) are `layers.0`, `layers.1`, …; all other nodes keep their
    /// names.
    #[must_use]
    pub fn exported(&self) -> Self {
        let names = names(self).into_iter();
        let nodes = self.nodes.iter().zip(names);
        let nodes = nodes.map(|(node, name)| Node { name, ..node.clone() }).collect();
        Self { nodes, ..self.clone() }
    }

    /// Returns the index that a row or a column of a parameter, counted in a [`Store`](crate::Store), has along its axis
    /// in PyTorch; `None` if there is no such parameter.
    pub fn exported_index(&self, parameter: &str, axis: Axis, index: usize) -> Option<usize> {
        let place = places(self).into_iter().find(|place| place.own == parameter)?;
        Some(match (axis, place.layout) {
            (Axis::Rows, Layout::Linear(order)) | (Axis::Columns, Layout::Vector(Some(order))) => {
                *order.get(index)?
            }
            (Axis::Rows, Layout::Conv(slide)) => index % (place.matrix[0] / slide.taps()),
            _ => index,
        })
    }

    /// Returns whether a normalisation has its numbers in another order in PyTorch: that of an image of several channels
    /// that was flattened.
    pub fn has_reordered_vectors(&self) -> bool {
        places(self).iter().any(|place| matches!(place.layout, Layout::Vector(Some(_))))
    }

    /// Says why the graph computes something else in PyTorch, where flattened images have another order; `None` if it
    /// computes the same.
    pub fn mixed_order(&self) -> Option<String> {
        let orders = orders(self);
        for node in &self.nodes {
            let mut inputs = node.inputs.iter().map(|value| &orders[value.slot()]);
            let first = inputs.next()?;
            let joins = matches!(node.op, Op::Add | Op::Mul);
            if joins && inputs.any(|order| order != first) {
                return Some(format!(
                    "{} joins a flattened image of several channels with numbers in another order",
                    node.name
                ));
            }
        }
        let is_reordered = reordered(&orders[self.output.slot()]).is_some();
        is_reordered.then(|| "the output is a flattened image of several channels".into())
    }

    /// Returns the name and the extents that every tensor has in PyTorch: the parameters, then the running
    /// statistics. The graph must be valid.
    pub fn exported_extents(&self) -> Vec<(String, Vec<usize>)> {
        let places = places(self).into_iter();
        places.map(|place| (place.name, place.layout.extents(place.matrix))).collect()
    }
}

/// Returns the places of all parameters, and then of all state, in the order of the stores.
pub(crate) fn places(graph: &Graph) -> Vec<Place> {
    let (names, orders) = (names(graph), orders(graph));
    let numbers = graph.nodes.iter().enumerate();
    let names: std::collections::BTreeMap<&str, &String> =
        numbers.map(|(number, node)| (node.name.as_str(), &names[number])).collect();
    let place = |(own, matrix, node): (String, [usize; 2], &Node)| {
        let part = own.strip_prefix(node.name.as_str()).unwrap_or(&own);
        let name = format!("{}{part}", names[node.name.as_str()]);
        let layout = match node.op {
            Op::BatchNorm { .. } | Op::LayerNorm { .. } => {
                Layout::Vector(reordered(&orders[node.inputs[0].slot()]))
            }
            _ if !own.ends_with(WEIGHT) => Layout::Vector(None),
            Op::Linear { .. } => Layout::Linear(orders[node.inputs[0].slot()].clone()),
            Op::Conv2d { slide, .. } => Layout::Conv(slide),
            Op::DepthwiseConv2d { slide, .. } => Layout::Depthwise(slide),
            _ => Layout::Vector(None),
        };
        Place { own, name, matrix, layout }
    };
    graph.initialised().into_iter().map(place).collect()
}

/// Returns the exported name of every node.
fn names(graph: &Graph) -> Vec<String> {
    let is_perceptron = is_perceptron(graph);
    let name = |node: &Node| match node.name.strip_prefix("layer_") {
        Some(index) if is_perceptron => format!("layers.{index}"),
        _ => node.name.clone(),
    };
    graph.nodes.iter().map(name).collect()
}

/// Whether a graph has the nodes of [`Graph::perceptron`], with their names.
fn is_perceptron(graph: &Graph) -> bool {
    let is_own = |(number, node): (usize, &Node)| {
        let (kind, layer) = match node.op {
            Op::Linear { .. } => ("layer", number / 2),
            Op::Activation(Activation::Relu) => ("relu", number / 2),
            _ => return false,
        };
        node.name == format!("{kind}_{layer}")
    };
    graph.nodes.iter().enumerate().all(is_own)
}

/// Returns an order, if it is another one than that of the channels.
fn reordered(order: &[usize]) -> Option<Vec<usize>> {
    let is_same = order.iter().copied().eq(0..order.len());
    (!is_same).then(|| order.to_vec())
}

/// Returns, for every value, the index that each of its channels has in PyTorch.
fn orders(graph: &Graph) -> Vec<Vec<usize>> {
    let shapes = graph.shapes();
    let mut orders = vec![(0..graph.input.channels).collect::<Vec<usize>>()];
    for (node, shape) in graph.nodes.iter().zip(&shapes) {
        let first = &orders[node.inputs[0].slot()];
        let order = match node.op {
            op if op.makes_channels() => (0..shape.channels).collect(),
            Op::Flatten => {
                let positions = graph.shape_of(node.inputs[0], &shapes).positions();
                let at = |position| first.iter().map(move |channel| channel * positions + position);
                (0..positions).flat_map(at).collect()
            }
            Op::Concat => {
                let mut order = Vec::with_capacity(shape.channels);
                for value in &node.inputs {
                    let before = order.len();
                    order.extend(orders[value.slot()].iter().map(|channel| before + channel));
                }
                order
            }
            _ => first.clone(),
        };
        orders.push(order);
    }
    orders
}

impl Layout {
    /// Returns the extents of a matrix `[rows, columns]` in PyTorch.
    pub(crate) fn extents(&self, [rows, columns]: [usize; 2]) -> Vec<usize> {
        match self {
            Self::Vector(_) => vec![columns],
            Self::Linear(_) => vec![columns, rows],
            Self::Conv(slide) => {
                let [height, width] = slide.kernel;
                vec![columns, rows / slide.taps(), height, width]
            }
            Self::Depthwise(slide) => vec![columns, 1, slide.kernel[0], slide.kernel[1]],
        }
    }

    /// Returns the values of a matrix `[rows, columns]` in the order of PyTorch.
    pub(crate) fn exported(&self, matrix: [usize; 2], values: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; values.len()];
        self.pair(matrix, |own, theirs| out[theirs] = values[own]);
        out
    }

    /// Returns the values of a matrix `[rows, columns]` from those in the order of PyTorch.
    pub(crate) fn imported(&self, matrix: [usize; 2], values: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; values.len()];
        self.pair(matrix, |own, theirs| out[own] = values[theirs]);
        out
    }

    /// Calls `with` for every entry of a matrix, with its index there and its index in PyTorch.
    fn pair(&self, [rows, columns]: [usize; 2], mut with: impl FnMut(usize, usize)) {
        if let Self::Vector(Some(order)) = self {
            for (own, theirs) in order.iter().enumerate() {
                with(own, *theirs);
            }
            return;
        }
        let mut pair = |place: &dyn Fn(usize) -> usize, step: usize| {
            for row in 0..rows {
                let first = place(row);
                for column in 0..columns {
                    with(row * columns + column, first + column * step);
                }
            }
        };
        match self {
            Self::Vector(_) => pair(&|row| row * columns, 1),
            Self::Linear(order) => pair(&|row| order[row], rows),
            Self::Conv(slide) => {
                let (taps, inputs) = (slide.taps(), rows / slide.taps());
                pair(&|row| (row % inputs) * taps + row / inputs, rows);
            }
            Self::Depthwise(_) => pair(&|row| row, rows),
        }
    }
}
