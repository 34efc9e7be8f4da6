//! Computes which channels must be clipped together: a walk through the graph with a union–find over channel axes.
//!
//! The images, every fully connected node and every convolution make an *axis* of channels. A value consists of *pieces*: the axes
//! that lie side by side in it, each with its span. An activation passes the pieces on, a concatenation puts them
//! side by side, and flattening repeats them. An addition or a product of two values unites the axes at the same span.
//! If the pieces of two values do not line up, their channels have no single counterpart, and the axes are fixed.

use std::collections::BTreeMap;

use crate::coupling::{Axis, Group, Reading, Reason, Span, Tie};
use crate::graph::{Graph, INPUT, Op, Value};
use crate::sizes::{BIAS, Product, WEIGHT, parameters, state};

/// An axis and its span in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Piece {
    axis: usize,
    span: Span,
}

/// Axes of channels: first that of the images, then one for every node that makes channels.
struct Axes {
    widths: Vec<usize>,
    /// The parent of each axis in the union–find: an earlier axis of the same group. The first axis of a group is
    /// its own parent.
    parents: Vec<usize>,
    /// Why an axis cannot be clipped. Only the entry of the first axis of a group counts.
    fixed: Vec<Option<Reason>>,
}

impl Axes {
    /// Adds an axis that is free and in a group of its own.
    fn make(&mut self, width: usize) -> Vec<Piece> {
        let axis = self.widths.len();
        self.widths.push(width);
        self.parents.push(axis);
        self.fixed.push(None);
        vec![Piece { axis, span: Span::once(0, width) }]
    }

    /// Returns the first axis of the group of an axis.
    fn first(&mut self, mut axis: usize) -> usize {
        while self.parents[axis] != axis {
            // Path halving: the next walk is shorter.
            self.parents[axis] = self.parents[self.parents[axis]];
            axis = self.parents[axis];
        }
        axis
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        let (first, second) = (one.min(other), one.max(other));
        if first == second {
            return;
        }
        self.parents[second] = first;
        if let Some(reason) = self.fixed[second].take() {
            self.fix(first, reason);
        }
    }

    /// Fixes a group. The first reason is kept.
    fn fix(&mut self, axis: usize, reason: Reason) {
        let first = self.first(axis);
        self.fixed[first].get_or_insert(reason);
    }

    /// Unites the pieces of two values that are combined, or fixes pieces without a single counterpart.
    fn combine(&mut self, left: &[Piece], right: &[Piece], node: &str) {
        // Pieces are ordered by their offset.
        let (mut lefts, mut rights) = (left.iter().peekable(), right.iter().peekable());
        let mut alone = Vec::new();
        while let (Some(left), Some(right)) = (lefts.peek(), rights.peek()) {
            let same_width = self.widths[left.axis] == self.widths[right.axis];
            let (at_left, at_right) = (left.span.offset, right.span.offset);
            if left.span == right.span && same_width {
                self.unite(left.axis, right.axis);
                lefts.next();
                rights.next();
                continue;
            }
            if at_left <= at_right {
                alone.extend(lefts.next());
            }
            if at_right <= at_left {
                alone.extend(rights.next());
            }
        }
        for piece in alone.into_iter().chain(lefts).chain(rights) {
            self.fix(piece.axis, Reason::Misaligned { node: node.to_owned() });
        }
    }
}

/// Returns the axes of a graph, and the pieces of every value, the images first.
fn trace(graph: &Graph) -> (Axes, Vec<Vec<Piece>>) {
    let mut axes = Axes { widths: vec![], parents: vec![], fixed: vec![] };
    let mut pieces = vec![axes.make(graph.input.channels)];
    axes.fix(0, Reason::Input);
    let mut shapes = vec![graph.input];
    shapes.extend(graph.shapes());
    for node in &graph.nodes {
        let first = node.inputs[0].slot();
        let made = match node.op {
            Op::Linear { outputs, .. } | Op::Conv2d { outputs, .. } => axes.make(outputs),
            Op::DepthwiseConv2d { .. }
            | Op::BatchNorm { .. }
            | Op::Activation(_)
            | Op::MaxPool(_)
            | Op::AveragePool { .. }
            | Op::GlobalAveragePool
            | Op::Dropout { .. } => pieces[first].clone(),
            Op::LayerNorm { .. } => {
                for piece in &pieces[first] {
                    axes.fix(piece.axis, Reason::Normalised { node: node.name.clone() });
                }
                pieces[first].clone()
            }
            Op::Flatten if shapes[first].positions() == 1 => pieces[first].clone(),
            Op::Flatten => {
                // A padded window can give a flattened image several positions again.
                for piece in pieces[first].iter().filter(|piece| piece.span.repeat > 1) {
                    axes.fix(piece.axis, Reason::FlattenedTwice { node: node.name.clone() });
                }
                let (stride, repeat) = (shapes[first].channels, shapes[first].positions());
                let repeated =
                    |piece: &Piece| Piece { span: Span { stride, repeat, ..piece.span }, ..*piece };
                pieces[first].iter().map(repeated).collect()
            }
            Op::Add | Op::Mul => {
                for other in &node.inputs[1..] {
                    axes.combine(&pieces[first], &pieces[other.slot()], &node.name);
                }
                // If the pieces of the others do not line up, all of them are fixed.
                pieces[first].clone()
            }
            Op::Concat => {
                let mut beside = Vec::new();
                let mut before = 0;
                for value in &node.inputs {
                    let shifted = |piece: &Piece| {
                        let offset = before + piece.span.offset;
                        Piece { span: Span { offset, ..piece.span }, ..*piece }
                    };
                    beside.extend(pieces[value.slot()].iter().map(shifted));
                    before += shapes[value.slot()].channels;
                }
                beside
            }
        };
        pieces.push(made);
    }
    for piece in &pieces[graph.output.slot()] {
        axes.fix(piece.axis, Reason::Output);
    }
    (axes, pieces)
}

/// The parts of a group that were found so far.
#[derive(Default)]
struct Ties {
    /// The name of the first node that makes the channels.
    name: Option<String>,
    makes: Vec<Tie>,
    follows: Vec<Tie>,
    uses: Vec<Tie>,
    readings: BTreeMap<(Value, Span), Vec<usize>>,
}

impl Ties {
    /// Adds a node that makes the channels.
    fn make(&mut self, Product { node, outputs, bias, .. }: &Product<'_>) {
        let (axis, span) = (Axis::Columns, Span::once(0, *outputs));
        self.name.get_or_insert_with(|| node.name.clone());
        self.makes.push(Tie { parameter: node.parameter(WEIGHT), axis, span });
        self.follows.extend(bias.then(|| Tie { parameter: node.parameter(BIAS), axis, span }));
    }

    /// Adds a node that uses the channels at a span of its input.
    fn use_at(&mut self, span: Span, product: &Product<'_>) {
        let (node, channels) = (product.node, product.input.channels);
        // The rows of a weight are those of the first tap, then those of the second. Channels without repeats lie at
        // the same place of every tap.
        let spans = match (product.taps(), span.repeat) {
            (1, _) => vec![span],
            (taps, 1) => vec![Span { stride: channels, repeat: taps, ..span }],
            (taps, _) => {
                let of_tap = |tap| Span { offset: span.offset + tap * channels, ..span };
                (0..taps).map(of_tap).collect()
            }
        };
        let used = |span| Tie { parameter: node.parameter(WEIGHT), axis: Axis::Rows, span };
        self.uses.extend(spans.into_iter().map(used));
        let users = self.readings.entry((node.inputs[0], span)).or_default();
        users.push(product.number);
    }

    /// Adds parameters that have a column for every channel of their input, in which the channels are at a span.
    fn follow_at(&mut self, span: Span, parameters: impl Iterator<Item = String>) {
        let tie = |parameter| Tie { parameter, axis: Axis::Columns, span };
        self.follows.extend(parameters.map(tie));
    }

    fn group(self, width: usize, fixed: Option<Reason>) -> Group {
        let Self { name, makes, follows, uses, readings } = self;
        let name = name.unwrap_or_else(|| INPUT.to_owned());
        let reading = |((value, span), users)| Reading { value, span, users };
        let readings = readings.into_iter().map(reading).collect();
        Group { name, width, fixed, makes, follows, uses, readings }
    }
}

impl Graph {
    /// Returns the groups of channels that must be clipped together, in the order of the first nodes that make
    /// them. The first group is that of the images.
    ///
    /// If an addition is misaligned, a node that reads the sum counts only as a user of the first summand.
    pub fn groups(&self) -> Vec<Group> {
        let (mut axes, pieces) = trace(self);
        let mut ties: BTreeMap<usize, Ties> = BTreeMap::new();
        ties.insert(axes.first(0), Ties::default());
        for (index, product) in self.products().iter().enumerate() {
            // Axis 0 is that of the images.
            ties.entry(axes.first(index + 1)).or_default().make(product);
            for piece in &pieces[product.node.inputs[0].slot()] {
                let of_group = ties.entry(axes.first(piece.axis)).or_default();
                of_group.use_at(piece.span, product);
            }
        }
        for node in self.nodes.iter().filter(|node| !node.op.makes_channels()) {
            // Only the names count, not the extents.
            let of_op =
                parameters(node.op, self.input).into_iter().chain(state(node.op, self.input));
            let names: Vec<String> = of_op.map(|(name, _)| node.parameter(name)).collect();
            for piece in &pieces[node.inputs[0].slot()] {
                let of_group = ties.entry(axes.first(piece.axis)).or_default();
                of_group.follow_at(piece.span, names.iter().cloned());
            }
        }
        let Axes { widths, mut fixed, .. } = axes;
        let groups = ties.into_iter();
        groups.map(|(axis, ties)| ties.group(widths[axis], fixed[axis].take())).collect()
    }

    /// Returns the groups that can be clipped. A perceptron has one for every hidden layer.
    pub fn free_groups(&self) -> Vec<Group> {
        self.groups().into_iter().filter(|group| group.fixed.is_none()).collect()
    }

    /// Returns the number of channels of every group that can be clipped.
    pub fn widths(&self) -> Vec<usize> {
        self.free_groups().iter().map(|group| group.width).collect()
    }

    /// Returns the same graph with other widths of the groups that can be clipped.
    ///
    /// # Panics
    /// If there is not one width per group.
    #[must_use]
    pub fn with_widths(&self, widths: &[usize]) -> Self {
        let groups = self.free_groups();
        assert_eq!(groups.len(), widths.len(), "there is one width for every group");
        self.resized(groups.iter().zip(widths.iter().copied()))
    }

    /// Returns the same graph with other widths of some groups.
    pub(crate) fn resized<'a>(&self, groups: impl Iterator<Item = (&'a Group, usize)>) -> Self {
        let of_group = |(group, width): (&'a Group, usize)| {
            group.makes.iter().map(move |tie| (tie.parameter.as_str(), width))
        };
        let widths: BTreeMap<&str, usize> = groups.flat_map(of_group).collect();
        let mut graph = self.clone();
        for node in &mut graph.nodes {
            let width = widths.get(node.parameter(WEIGHT).as_str());
            if let (Op::Linear { outputs, .. } | Op::Conv2d { outputs, .. }, Some(width)) =
                (&mut node.op, width)
            {
                *outputs = *width;
            }
        }
        graph
    }
}

#[cfg(test)]
mod tests;
