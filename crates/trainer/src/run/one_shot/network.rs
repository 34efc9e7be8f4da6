//! Clips a network once, of which rayclip knows the graph.

use burn::tensor::{Device, Tensor};
use rayclip_model::{Axis, Exported, Graph, Group, Population, Tie};

use super::{
    Clipped, ClippedGroup, CutTensor, ModelSize, OneShot, Role, WeightSource, clip_once, only,
};
use crate::criteria::GroupWeights;
use crate::device::read;
use crate::error::TrainerError;
use crate::run::widths::Resizable;

/// Clips a network with these tensors. Returns the smaller one, and what was clipped.
///
/// # Errors
/// A tensor does not fit the graph, no group can be clipped, the target cannot be reached, or the device fails.
pub fn clip_network(
    graph: &Graph,
    tensors: &Exported,
    how: &OneShot,
    device: &Device,
) -> Result<(Graph, Exported, Clipped), TrainerError> {
    let config = how.config()?;
    let network = tensors.population(graph, device)?;
    let source = Source { weights: GroupWeights::all(&network), graph };
    if source.weights.is_empty() {
        let reason = "has no channels that can be clipped".into();
        return Err(TrainerError::Network { name: "the network".into(), reason });
    }
    let config = only(&config, &how.only, &source)?;
    let kept = clip_once(&source, &config, device)?;
    let mut free = kept.iter();
    let group = |group: Group| {
        let kept = if group.fixed.is_none() { free.next().cloned() } else { None };
        ClippedGroup {
            kept: kept.unwrap_or_else(|| (0..group.width).collect()),
            fixed: group.fixed.as_ref().map(ToString::to_string),
            tensors: cut_tensors(&group, graph, tensors),
            width: group.width,
            name: group.name,
        }
    };
    let groups = graph.groups().into_iter().map(group).collect();
    let smaller = cut(network, &kept);
    let size = |graph: &Graph| ModelSize {
        parameters: graph.parameters(),
        macs: graph.macs().map(|macs| macs.all),
    };
    let clipped = Clipped { groups, before: size(graph), after: size(smaller.graph()) };
    let exported = Exported::all(&smaller)?.swap_remove(0);
    Ok((smaller.graph().clone(), exported, clipped))
}

/// Keeps channels of every group that can be clipped.
fn cut(mut network: Population, kept: &[Vec<usize>]) -> Population {
    for (index, kept) in kept.iter().enumerate() {
        // A clip of one group moves the channels of those beside it.
        let group = network.graph().free_groups().remove(index);
        if kept.len() < group.width {
            network = network.cut(&group, std::slice::from_ref(kept));
        }
    }
    network
}

/// Returns the tensors of a file that have the channels of a group.
fn cut_tensors(group: &Group, graph: &Graph, tensors: &Exported) -> Vec<CutTensor> {
    let of_role = |ties: &[Tie], role| {
        let tensor = |tie: &Tie| cut_tensor(tie, role, graph, tensors);
        ties.iter().filter_map(tensor).collect::<Vec<_>>()
    };
    let roles =
        [(&group.makes, Role::Makes), (&group.follows, Role::Follows), (&group.uses, Role::Uses)];
    roles.into_iter().flat_map(|(ties, role)| of_role(ties, role)).collect()
}

/// Translates rows and columns into an axis of a tensor in the layout of PyTorch, in which the positions of a channel
/// lie side by side.
fn cut_tensor(tie: &Tie, role: Role, graph: &Graph, tensors: &Exported) -> Option<CutTensor> {
    let Tie { parameter, axis, span } = tie;
    let extents = &tensors.get(parameter)?.extents;
    let offset = graph.exported_index(parameter, *axis, span.offset)?;
    // The taps of a convolution are axes of their own.
    let block = if extents.len() > 2 { 1 } else { span.repeat };
    Some(CutTensor {
        name: parameter.clone(),
        axis: usize::from(*axis == Axis::Rows),
        role,
        offset,
        block,
        repeat: 1,
        stride: 0,
    })
}

/// The groups of a network that can be clipped.
struct Source<'a> {
    graph: &'a Graph,
    weights: Vec<GroupWeights>,
}

impl Resizable for Source<'_> {
    fn groups(&self) -> Vec<(String, usize)> {
        Resizable::groups(self.graph)
    }

    fn macs(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        Resizable::macs(self.graph, widths)
    }

    fn parameters(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        Resizable::parameters(self.graph, widths)
    }
}

impl WeightSource for Source<'_> {
    fn weights(&self, group: usize) -> Result<[Vec<f32>; 2], TrainerError> {
        let numbers = |tensor: &Tensor<3>| -> Result<Vec<f32>, TrainerError> {
            let [_, rows, columns] = tensor.dims();
            let numbers = read(tensor.clone().reshape([rows * columns]), "reading the weights")?;
            Ok(numbers.into_iter().map(|number| number as f32).collect())
        };
        let GroupWeights { incoming, outgoing, .. } = &self.weights[group];
        Ok([numbers(incoming)?, numbers(outgoing)?])
    }
}
