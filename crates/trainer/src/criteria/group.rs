//! The weights around a group of neurons.

use burn::tensor::Tensor;
use rayclip_model::{Group, Population, Span, Tie, Value};

/// The weights around one group of neurons, on the device.
#[derive(Debug, Clone)]
pub(crate) struct GroupWeights {
    /// The index among the groups of the network that can be clipped. The random streams are keyed with it.
    pub(crate) index: usize,
    pub(crate) group: Group,
    /// Columns of the weights that make the neurons, `[replica, p, m]`; several weights are stacked along the rows.
    pub(crate) incoming: Tensor<3>,
    /// Rows of the weights that read the neurons, `[replica, m, q]`; several weights are stacked along the columns.
    pub(crate) outgoing: Tensor<3>,
}

impl GroupWeights {
    /// Collects the weights around every group that can be clipped.
    pub(crate) fn all(network: &Population) -> Vec<Self> {
        let groups = network.graph().free_groups().into_iter().enumerate();
        groups.map(|(index, group)| Self::of(network, index, group)).collect()
    }

    fn of(network: &Population, index: usize, group: Group) -> Self {
        let width = group.width;
        let tied = |ties: &[Tie], channels: fn(Span, Tensor<3>, usize) -> Tensor<3>| {
            let of_tie = |tie: &Tie| {
                let tensor = network.parameters().get(&tie.parameter)?.clone();
                Some(channels(tie.span, tensor, width))
            };
            ties.iter().filter_map(of_tie).collect::<Vec<_>>()
        };
        let incoming = cat(tied(&group.makes, Span::channels), 1);
        let outgoing = cat(tied(&group.uses, rows), 2);
        Self { index, group, incoming, outgoing }
    }
}

impl GroupWeights {
    /// Computes the activations of the neurons for a batch of images: for every reading `[replica, row, m]`, with
    /// as many rows as images (times positions).
    pub(crate) fn activations(&self, network: &Population, images: Tensor<3>) -> Vec<Tensor<3>> {
        Self::readings(&self.group, network, images)
    }

    /// Like [`Self::activations`], of a group.
    pub(crate) fn readings(
        group: &Group,
        network: &Population,
        images: Tensor<3>,
    ) -> Vec<Tensor<3>> {
        let readings = &group.readings;
        let values: Vec<Value> = readings.iter().map(|reading| reading.value).collect();
        let tensors = network.values(images, &values).into_iter().zip(readings);
        tensors.map(|(tensor, reading)| reading.channels(tensor, group.width)).collect()
    }

    /// Sums one tensor per reading, `[replica, 1, m]`.
    pub(crate) fn sum(&self, of_readings: impl Iterator<Item = Tensor<3>>) -> Tensor<3> {
        of_readings.reduce(|a, b| a + b).unwrap_or_else(|| {
            // Neurons that nothing reads have no effect.
            self.outgoing.clone().sum_dim(2).swap_dims(1, 2).zeros_like()
        })
    }
}

/// Selects the rows of a weight that read the channels of a group, `[replica, rows, q] → [replica, m, q · repeat]`.
/// Returns the weight itself if these are all its rows.
fn rows(span: Span, weight: Tensor<3>, width: usize) -> Tensor<3> {
    if span.repeat == 1 && weight.dims()[1] == width {
        return weight;
    }
    span.channels(weight.swap_dims(1, 2), width).swap_dims(1, 2)
}

/// Concatenates tensors. Returns a single tensor unchanged.
fn cat(tensors: Vec<Tensor<3>>, dimension: usize) -> Tensor<3> {
    match <[Tensor<3>; 1]>::try_from(tensors) {
        Ok([only]) => only,
        Err(several) => Tensor::cat(several, dimension),
    }
}
