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
        let incoming = transposed(&side_by_side(incoming, width), width);
        Ok(GroupWeights { width, incoming, outgoing: side_by_side(outgoing, width) })
    }
}

/// Joins matrices of `rows` rows. The only one is not copied: weights may take as much memory as the file.
fn side_by_side(mut matrices: Vec<Vec<f32>>, rows: usize) -> Vec<f32> {
    if matrices.len() == 1 {
        return matrices.swap_remove(0);
    }
    let mut joined = Vec::with_capacity(matrices.iter().map(Vec::len).sum());
    for row in 0..rows {
        for matrix in &matrices {
            let columns = matrix.len() / rows;
            joined.extend_from_slice(&matrix[row * columns..(row + 1) * columns]);
        }
    }
    joined
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
    let is_whole = tie.span.offset == 0 && width * tie.span.block == extents[tie.dimension];
    if tie.dimension == 0 && tie.span.repeat == 1 && is_whole {
        // They are in this order, and a copy would take as much memory again.
        return Ok(values);
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
    let mut transposed = Vec::with_capacity(matrix.len());
    for column in 0..columns {
        transposed.extend((0..rows).map(|row| matrix[row * columns + column]));
    }
    transposed
}
