//! The weights around a group of channels, as matrices.

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::coupling::{Role, Tie};
use crate::proto::{Graph, Tensor};

/// The weights around a group of `m` channels.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupWeights {
    /// Number of channels, `m`.
    pub width: usize,
    /// Weights that make the channels, `[p, m]`; several weights are stacked along the rows.
    pub incoming: Vec<f32>,
    /// Weights that read the channels, `[m, q]`; several weights are side by side.
    pub outgoing: Vec<f32>,
}

/// Returns the tensors of a graph by name: initializers, and values of Constant nodes.
pub(crate) fn tensors(graph: &Graph) -> BTreeMap<&str, &Tensor> {
    let constants = graph.node.iter().filter(|node| node.op() == "Constant");
    let constants =
        constants.filter_map(|node| Some((node.output.first()?.as_str(), node.tensor("value")?)));
    constants.chain(graph.initializer.iter().map(|tensor| (tensor.name(), tensor))).collect()
}

impl Analysis {
    /// Returns the weights around some groups, by their numbers.
    ///
    /// # Errors
    /// A weight cannot be read, or has a number that is not finite. The reason names it.
    pub fn weights(&self, graph: &Graph, groups: &[usize]) -> Result<Vec<GroupWeights>, String> {
        let tensors = tensors(graph);
        groups.iter().map(|group| self.weights_of(*group, &tensors)).collect()
    }

    fn weights_of(
        &self,
        group: usize,
        tensors: &BTreeMap<&str, &Tensor>,
    ) -> Result<GroupWeights, String> {
        let group = &self.groups()[group];
        let width = group.width;
        let of_role = |role| group.ties.iter().filter(move |tie| tie.role == role);
        let mut incoming = Vec::new();
        for tie in of_role(Role::Makes) {
            // By channel first: the rows of the transpose.
            incoming.push(by_channel(tie, width, tensors)?);
        }
        let mut outgoing = Vec::new();
        for tie in of_role(Role::Uses) {
            outgoing.push(by_channel(tie, width, tensors)?);
        }
        let side_by_side = |matrices: &[Vec<f32>]| {
            let row = |channel: usize| {
                matrices.iter().flat_map(move |matrix| {
                    matrix.chunks(matrix.len() / width).nth(channel).unwrap_or_default()
                })
            };
            (0..width).flat_map(row).copied().collect::<Vec<f32>>()
        };
        let (incoming, outgoing) = (side_by_side(&incoming), side_by_side(&outgoing));
        Ok(GroupWeights { width, incoming: transposed(&incoming, width), outgoing })
    }
}

/// Returns the numbers of a weight that belong to channel 0, then those of channel 1, ….
fn by_channel(
    tie: &Tie,
    width: usize,
    tensors: &BTreeMap<&str, &Tensor>,
) -> Result<Vec<f32>, String> {
    let name = &tie.tensor;
    let named = |reason: String| format!("the tensor {name}: {reason}");
    let tensor = tensors.get(name.as_str()).ok_or_else(|| named("it is not there".into()))?;
    let (extents, values) = (tensor.extents().map_err(named)?, tensor.floats().map_err(named)?);
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(named(format!("it has the value {value}; expected finite numbers")));
    }
    let inner: usize = extents[tie.dimension + 1..].iter().product();
    let whole = extents[tie.dimension] * inner;
    let mut numbers = Vec::with_capacity(values.len());
    for channel in 0..width {
        for block in values.chunks_exact(whole.max(1)) {
            for start in tie.span.starts(channel) {
                numbers.extend_from_slice(&block[start * inner..(start + tie.span.block) * inner]);
            }
        }
    }
    Ok(numbers)
}

/// Transposes a matrix with `rows` rows.
fn transposed(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows.max(1);
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column]))
        .collect()
}
