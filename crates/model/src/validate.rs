//! Checks that a graph can be computed. A graph may come from a hostile file, so nothing large is allocated before.

use std::collections::BTreeSet;

use rayclip_data::plain;

use crate::error::ModelError;
use crate::graph::INPUT;
use crate::graph::{Activation, Graph, Node, Op, Shape, Slide, Value};

/// The maximum number of parameters of all replicas. As f32, they take an eighth of the addressable memory, so the
/// bytes of their gradients and moments can be counted too.
const MOST_PARAMETERS: usize = isize::MAX as usize / 8 / size_of::<f32>();

/// The maximum number of nodes.
pub(crate) const MOST_NODES: usize = 1 << 16;

/// The maximum number of pieces that all nodes read together. A value has one piece for every axis of channels in
/// it ([`crate::axes`]); a node that concatenates a value with itself doubles them. Real networks have thousands.
const MOST_PIECES: usize = 1 << 18;

impl Graph {
    /// Refuses a graph that cannot be computed, or not for so many replicas.
    ///
    /// In a valid graph, every node has a unique name, reads earlier values and is read itself. The number of
    /// values fits its operation, and their shapes match. No extent is zero or too large for 32 bits. There is at
    /// least one parameter, and no more than memory can address.
    ///
    /// # Errors
    /// [`ModelError::Graph`], [`ModelError::Zero`] or [`ModelError::TooLarge`], naming the node.
    pub fn validate(&self, replicas: usize) -> Result<(), ModelError> {
        check_extent(replicas, || "replicas".into())?;
        check_shape(self.input, "the images")?;
        let nodes = self.nodes.len();
        if nodes > MOST_NODES {
            return Err(ModelError::TooLarge { what: format!("{nodes} nodes") });
        }
        self.check_names()?;
        let mut shapes = Vec::with_capacity(nodes);
        for (number, node) in self.nodes.iter().enumerate() {
            check_inputs(number, node)?;
            check_numbers(node)?;
            let shape = self.shape_after(node, &shapes);
            self.check_shapes(node, shape, &shapes)?;
            shapes.push(shape);
        }
        self.check_use()?;
        self.check_pieces()?;
        let parameters = self.parameters();
        if replicas.saturating_mul(parameters) > MOST_PARAMETERS {
            let what = format!("{replicas} × {parameters} parameters");
            return Err(ModelError::TooLarge { what });
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), ModelError> {
        let mut names = BTreeSet::new();
        for (number, Node { name, .. }) in self.nodes.iter().enumerate() {
            if name.is_empty() || plain(name) != *name {
                let what = format!("the name of node {number}");
                let reason = "is not a short line of plain text".into();
                return Err(ModelError::Graph { what, reason });
            }
            if name == INPUT {
                return Err(fault(name, "has the name `input`, which is reserved for the images"));
            }
            if !names.insert(name) {
                return Err(fault(name, "has the name of another node"));
            }
        }
        Ok(())
    }

    /// Checks the shapes of a node: its result has the extents `shape`, the earlier nodes have `earlier`.
    fn check_shapes(&self, node: &Node, shape: Shape, earlier: &[Shape]) -> Result<(), ModelError> {
        let first = self.shape_of(node.inputs[0], earlier);
        let (fits, what): (fn(Shape, Shape) -> bool, _) = match node.op {
            Op::Add => (|one, other| one == other, "adds values of different shapes"),
            Op::Mul => (is_gated, "multiplies values whose shapes do not fit"),
            Op::Concat => (
                |one, other| [one.height, one.width] == [other.height, other.width],
                "concatenates values with different positions",
            ),
            _ => (|_, _| true, ""),
        };
        let fault = |reason: &str| Err(fault(&node.name, reason));
        let shape_of = |value: &Value| self.shape_of(*value, earlier);
        if let Some(wrong) = node.inputs.iter().find(|value| !fits(first, shape_of(value))) {
            let named = |value| format!("{} has {}", self.name_of(value), shape_of(&value));
            return fault(&format!("{what}: {}, {}", named(node.inputs[0]), named(*wrong)));
        }
        if let Some(slide) = node.op.slide() {
            let Slide { kernel: [height, width], .. } = slide;
            let window = format!("a window of {height} × {width}");
            if slide.over(first).output().is_none() {
                return fault(&format!("slides {window} over {first}, which it does not fit"));
            }
            check_extent(slide.taps(), || format!("taps of {}", node.name))?;
            let is_pool = matches!(node.op, Op::MaxPool(_) | Op::AveragePool { .. });
            if is_pool && sees_only_padding(slide) {
                return fault("pads its window by more than half, so that it may see only padding");
            }
        }
        check_shape(shape, &node.name)
    }

    /// Checks that there is a parameter, and that every node contributes to the output.
    fn check_use(&self) -> Result<(), ModelError> {
        let nodes = self.nodes.len();
        let read = self.nodes.iter().flat_map(|node| &node.inputs).chain([&self.output]);
        let mut is_read = vec![false; nodes + 1];
        for value in read {
            let Some(is_read) = is_read.get_mut(value.slot()) else {
                let reason = format!("is {value}, but there are only {nodes} nodes");
                return Err(ModelError::Graph { what: "the output".into(), reason });
            };
            *is_read = true;
        }
        if let Some((node, _)) = self.nodes.iter().zip(&is_read[1..]).find(|(_, read)| !**read) {
            return Err(fault(&node.name, "is not used: its parameters would have no gradient"));
        }
        if self.extents().is_empty() {
            let what = "the network".into();
            return Err(ModelError::Graph { what, reason: "has no parameter".into() });
        }
        Ok(())
    }

    fn check_pieces(&self) -> Result<(), ModelError> {
        let mut pieces = vec![1_usize];
        let mut all = 0_usize;
        for node in &self.nodes {
            let read = node.inputs.iter().map(|value| pieces[value.slot()]);
            let read = read.fold(0, usize::saturating_add);
            all = all.saturating_add(read);
            if all > MOST_PIECES {
                let reason = "concatenates channels too often";
                return Err(fault(&node.name, reason));
            }
            pieces.push(match node.op {
                op if op.makes_channels() => 1,
                Op::Concat => read,
                _ => pieces[node.inputs[0].slot()],
            });
        }
        Ok(())
    }
}

/// Checks that node `number` reads as many values as its operation takes, all from earlier nodes.
fn check_inputs(number: usize, node: &Node) -> Result<(), ModelError> {
    let count = node.inputs.len();
    let (fits, expected) = match node.op {
        Op::Add | Op::Concat => (count >= 2, "two or more"),
        Op::Mul => (count == 2, "two"),
        _ => (count == 1, "one"),
    };
    if !fits {
        return Err(fault(&node.name, &format!("reads {count} values; expected {expected}")));
    }
    // The slot of an earlier node is at most `number`.
    match node.inputs.iter().find(|value| value.slot() > number) {
        Some(later) => {
            Err(fault(&node.name, &format!("reads {later}, which does not come before it")))
        }
        None => Ok(()),
    }
}

/// Returns whether values of these shapes can be multiplied: they are equal, or one is a gate.
fn is_gated(one: Shape, other: Shape) -> bool {
    let is_one = |shape: Shape| shape.positions() == 1;
    one == other || (one.channels == other.channels && (is_one(one) || is_one(other)))
}

/// Returns whether a window may see nothing but padding. There is no maximum of nothing.
fn sees_only_padding(Slide { kernel, padding, dilation, .. }: Slide) -> bool {
    (0..4).any(|side| {
        let (axis, padding) = (side % 2, padding[side]);
        padding > kernel[axis] / 2 || (padding > 0 && dilation[axis] > 1)
    })
}

/// Checks the numbers of an operation, such as an epsilon.
fn check_numbers(node: &Node) -> Result<(), ModelError> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let (is_possible, expected) = match node.op {
        Op::BatchNorm { epsilon, momentum } => (
            positive(epsilon) && (0.0..=1.0).contains(&momentum),
            "a positive epsilon and a momentum from 0 to 1",
        ),
        Op::LayerNorm { epsilon } => (positive(epsilon), "a positive epsilon"),
        Op::Dropout { probability } => {
            ((0.0..1.0).contains(&probability), "a probability from 0 to less than 1")
        }
        Op::Activation(Activation::LeakyRelu { slope }) => (slope.is_finite(), "a finite slope"),
        _ => (true, ""),
    };
    if is_possible { Ok(()) } else { Err(fault(&node.name, &format!("needs {expected}"))) }
}

/// Checks that a device can index the extents of a value, and all of them together.
fn check_shape(shape: Shape, of: &str) -> Result<(), ModelError> {
    check_extent(shape.positions(), || format!("positions of {of}"))?;
    check_extent(shape.channels, || format!("channels of {of}"))?;
    check_extent(shape.numbers(), || format!("numbers of {of}"))
}

/// Checks that a device can index the extent: it must fit into i32.
fn check_extent(extent: usize, what: impl Fn() -> String) -> Result<(), ModelError> {
    match i32::try_from(extent) {
        Ok(0) => Err(ModelError::Zero { what: what() }),
        Ok(_) => Ok(()),
        Err(_) => Err(ModelError::TooLarge { what: format!("{extent} {}", what()) }),
    }
}

fn fault(node: &str, reason: &str) -> ModelError {
    ModelError::Graph { what: format!("node {node}"), reason: reason.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests;
