//! Computes the values of a graph, node by node.

use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::coupling::{Group, Span};
use crate::graph::{Activation, Node, Op, Shape, Value};
use crate::population::Population;

impl Population {
    /// Computes the logits of a batch of images.
    ///
    /// # Shapes
    /// `[replica or 1, image · position, channel] → [replica, image · position, class]`, with the positions of the
    /// graph's input and output; a perceptron has one.
    pub fn forward(&self, images: Tensor<3>) -> Tensor<3> {
        self.forward_tapped(images, |_, result| result)
    }

    /// Computes the values in `wanted`, in this order. Computes only nodes that they depend on.
    ///
    /// # Shapes
    /// The images are as for [`forward`](Self::forward). A value is `[replica, image · position, channel]`.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn values(&self, images: Tensor<3>, wanted: &[Value]) -> Vec<Tensor<3>> {
        let mut values = self.compute(images, wanted, |_, result| result);
        wanted.iter().map(|value| values.take(*value)).collect()
    }

    /// Computes the logits. `tap` receives every value, including the images, before anything reads it. It returns
    /// the tensor to read: the value itself, for example after recording it, or a replacement (masked, or a leaf
    /// that tracks gradients).
    ///
    /// # Shapes
    /// As for [`values`](Self::values).
    pub fn forward_tapped(
        &self,
        images: Tensor<3>,
        tap: impl FnMut(Value, Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let output = self.graph.output;
        self.compute(images, &[output], tap).take(output)
    }

    /// Computes the logits with some channels of a group zeroed wherever weights read them: in replica `r`, all but
    /// those of `kept[r]`. [`cut`](Self::cut) networks have the same logits, up to rounding.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn forward_silenced(
        &self,
        images: Tensor<3>,
        group: &Group,
        kept: &[Vec<usize>],
    ) -> Tensor<3> {
        let (shapes, device) = (self.graph.shapes(), self.device());
        let masks = group.readings.iter().map(|reading| {
            let channels = self.graph.shape_of(reading.value, &shapes).channels;
            (reading.value, mask(group.width, reading.span, kept, channels, &device))
        });
        let masks: Vec<(Value, Tensor<3>)> = masks.collect();
        self.forward_tapped(images, |value, result| {
            let of_value = masks.iter().filter(|(masked, _)| *masked == value);
            of_value.fold(result, |result, (_, mask)| result * mask.clone())
        })
    }

    /// Computes the values in `wanted` and holds them.
    fn compute(
        &self,
        images: Tensor<3>,
        wanted: &[Value],
        mut tap: impl FnMut(Value, Tensor<3>) -> Tensor<3>,
    ) -> Values {
        let nodes = &self.graph.nodes;
        let shapes = self.graph.shapes();
        let mut values = Values::expected(nodes, wanted);
        values.hold(Value::Input, images, &mut tap);
        // The store has the order of the nodes, so parameters are found by counting.
        let mut parameter = 0;
        for (number, node) in nodes.iter().enumerate() {
            let value = Value::Node(number);
            if values.is_needed(value) {
                let result = self.apply(node, parameter, shapes[number], &mut values);
                values.hold(value, result, &mut tap);
            }
            parameter += node.op.parameters();
        }
        values
    }

    /// Computes the result of a node with the extents `shape`. Its parameters start at the index `parameter`.
    fn apply(&self, node: &Node, parameter: usize, shape: Shape, values: &mut Values) -> Tensor<3> {
        let first = values.take(node.inputs[0]);
        let others = &node.inputs[1..];
        match node.op {
            Op::Linear { bias, .. } => {
                let product = first.matmul(self.parameters.at(parameter));
                if bias { product + self.parameters.at(parameter + 1) } else { product }
            }
            Op::Activation(Activation::Relu) => relu(first),
            Op::Flatten => flatten(first, shape.channels),
            Op::Add => others.iter().fold(first, |sum, other| sum + values.take(*other)),
            Op::Concat => {
                let others = others.iter().map(|other| values.take(*other));
                side_by_side(std::iter::once(first).chain(others).collect())
            }
        }
    }
}

/// Computed values that will still be read.
struct Values {
    /// For every value, the images first: how often it will still be read.
    left: Vec<usize>,
    held: Vec<Option<Tensor<3>>>,
}

impl Values {
    /// Starts without values. A value is read by each node that `wanted` depends on, and once each time it is
    /// wanted.
    fn expected(nodes: &[Node], wanted: &[Value]) -> Self {
        let mut left = vec![0; nodes.len() + 1];
        for value in wanted {
            left[value.slot()] += 1;
        }
        for (number, node) in nodes.iter().enumerate().rev() {
            if left[Value::Node(number).slot()] > 0 {
                for value in &node.inputs {
                    left[value.slot()] += 1;
                }
            }
        }
        Self { held: vec![None; left.len()], left }
    }

    fn is_needed(&self, value: Value) -> bool {
        self.left[value.slot()] > 0
    }

    /// Stores what the tap returns for a value, if anything reads it.
    fn hold(
        &mut self,
        value: Value,
        result: Tensor<3>,
        tap: &mut impl FnMut(Value, Tensor<3>) -> Tensor<3>,
    ) {
        if self.is_needed(value) {
            self.held[value.slot()] = Some(tap(value, result));
        }
    }

    /// Returns a value to a reader. The last reader gets the tensor itself, so that a backend may work in its
    /// memory.
    #[expect(clippy::expect_used, reason = "nodes are in topological order, and reads are counted")]
    fn take(&mut self, value: Value) -> Tensor<3> {
        let slot = value.slot();
        self.left[slot] -= 1;
        let held = &mut self.held[slot];
        let result = if self.left[slot] == 0 { held.take() } else { held.clone() };
        result.expect("a value is held until it is read for the last time")
    }
}

/// Merges the positions of an image into one, which then has `channels` channels.
fn flatten(value: Tensor<3>, channels: usize) -> Tensor<3> {
    let [replicas, rows, of_position] = value.dims();
    if of_position == channels {
        return value;
    }
    value.reshape([replicas, rows * of_position / channels, channels])
}

/// Concatenates the channels of values.
fn side_by_side(values: Vec<Tensor<3>>) -> Tensor<3> {
    let replicas = values.iter().map(|value| value.dims()[0]).max().unwrap_or(1);
    // Images shared by all replicas have a first extent of 1.
    let spread = |value: Tensor<3>| {
        if value.dims()[0] < replicas { value.repeat_dim(0, replicas) } else { value }
    };
    Tensor::cat(values.into_iter().map(spread).collect(), 2)
}

/// Returns a mask for a value: zero for the channels of a group that are not in `kept[r]` (in replica `r`),
/// otherwise one. The group has `width` channels and lies at `span`.
///
/// # Shapes
/// `[replica, 1, channels]`.
fn mask(
    width: usize,
    span: Span,
    kept: &[Vec<usize>],
    channels: usize,
    device: &Device,
) -> Tensor<3> {
    let mut alive = vec![1.0_f32; kept.len() * channels];
    for (row, kept) in alive.chunks_mut(channels).zip(kept) {
        for start in span.starts() {
            let of_group = &mut row[start..start + width];
            of_group.fill(0.0);
            for channel in kept {
                of_group[*channel] = 1.0;
            }
        }
    }
    Tensor::from_data(TensorData::new(alive, [kept.len(), 1, channels]), device)
}

#[cfg(test)]
mod tests;
