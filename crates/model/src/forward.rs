//! Computes the values of a graph, node by node.

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_ops::patches;

use crate::apply::{Matrices, apply};
use crate::coupling::{Group, Span};
use crate::graph::{Graph, Node, Op, Shape, Value};
use crate::population::Population;
use crate::sizes::{self, MEAN, VARIANCE};
use crate::store::Store;

impl Graph {
    /// Returns the name of the weight of node `user`.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn weight_of(&self, user: usize) -> String {
        self.nodes[user].parameter(sizes::WEIGHT)
    }

    /// Returns the rows that the weight of node `user` multiplies, from the value that it reads: the value itself, or
    /// the patches of a convolution.
    ///
    /// # Shapes
    /// `[replica, image · position, channel] → [replica, image · place, row of the weight]`.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn rows_read(&self, user: usize, value: Tensor<3>) -> Tensor<3> {
        let Node { op, inputs, .. } = &self.nodes[user];
        match op {
            Op::Conv2d { slide, .. } => {
                patches(value, slide.over(self.shape_of(inputs[0], &self.shapes())))
            }
            _ => value,
        }
    }
}

impl Population {
    /// Computes the logits of a batch of images. Normalisations use the running statistics.
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
        let mut values = self.compute(images, wanted, |_, result| result, None);
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
        self.compute(images, &[output], tap, None).take(output)
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

    /// Computes the logits of a batch in training: normalisations use the moments of the batch, and dropouts zero
    /// numbers. `dropout` returns the factors of a node with a probability, for the extents of its input. Returns
    /// the logits, and the new state (running statistics).
    ///
    /// # Shapes
    /// As for [`forward`](Self::forward).
    pub fn forward_training(
        &self,
        images: Tensor<3>,
        dropout: &mut dyn FnMut(usize, f64, [usize; 3]) -> Tensor<3>,
    ) -> (Tensor<3>, Store) {
        let output = self.graph.output;
        let mut training = Training { state: Store::default(), dropout };
        let logits =
            self.compute(images, &[output], |_, result| result, Some(&mut training)).take(output);
        (logits, training.state)
    }

    /// Computes the values in `wanted` and holds them.
    fn compute(
        &self,
        images: Tensor<3>,
        wanted: &[Value],
        mut tap: impl FnMut(Value, Tensor<3>) -> Tensor<3>,
        mut training: Option<&mut Training<'_>>,
    ) -> Values {
        let nodes = &self.graph.nodes;
        let shapes = self.graph.shapes();
        let mut values = Values::expected(nodes, wanted);
        values.hold(Value::Input, images, &mut tap);
        // The stores have the order of the nodes, so matrices are found by counting.
        let (mut parameter, mut state) = (0, 0);
        for (number, node) in nodes.iter().enumerate() {
            let value = Value::Node(number);
            let input = self.graph.shape_of(node.inputs[0], &shapes);
            let counts = [sizes::parameters(node.op, input), sizes::state(node.op, input)];
            let [parameters, states] = counts.map(|matrices| matrices.len());
            if values.is_needed(value) {
                let matrices = Matrices {
                    parameters: (parameter..parameter + parameters)
                        .map(|index| self.parameters.at(index))
                        .collect(),
                    state: (state..state + states).map(|index| self.state.at(index)).collect(),
                };
                let read = node.inputs.iter().map(|value| values.take(*value)).collect();
                let result = match &mut training {
                    None => apply(node.op, input, read, matrices, None).0,
                    Some(training) => training.apply(number, node, input, read, matrices),
                };
                values.hold(value, result, &mut tap);
            }
            parameter += parameters;
            state += states;
        }
        values
    }
}

/// What changes in training.
struct Training<'a> {
    /// The new state, in the order of the nodes.
    state: Store,
    dropout: &'a mut dyn FnMut(usize, f64, [usize; 3]) -> Tensor<3>,
}

impl Training<'_> {
    /// Computes the result of node `number`, and adds its new state.
    fn apply(
        &mut self,
        number: usize,
        node: &Node,
        input: Shape,
        read: Vec<Tensor<3>>,
        matrices: Matrices,
    ) -> Tensor<3> {
        let probability = match node.op {
            Op::Dropout { probability } => probability,
            _ => 0.0,
        };
        let dropout = &mut self.dropout;
        let mut mask = |extents| dropout(number, probability, extents);
        let (result, running) = apply(node.op, input, read, matrices, Some(&mut mask));
        for (name, matrix) in [MEAN, VARIANCE].into_iter().zip(running.into_iter().flatten()) {
            self.state.insert(node.parameter(name), matrix);
        }
        result
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
