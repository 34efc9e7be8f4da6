//! Tensors of the file that nodes read as weights and numbers.

use std::borrow::Cow;
use std::collections::HashMap;

use rayclip_onnx::proto::{Graph, Node, Tensor};

/// A tensor with its numbers as floats.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    /// The name of the tensor in the file.
    pub(super) name: String,
    pub(super) extents: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// The tensors of a file, and the nodes that make each value.
pub(super) struct Constants<'a> {
    tensors: HashMap<&'a str, Cow<'a, Tensor>>,
    makers: HashMap<&'a str, &'a Node>,
}

/// How many nodes may lie between a tensor and its use.
const MOST_ALIASES: usize = 16;

impl<'a> Constants<'a> {
    pub(super) fn of(graph: &'a Graph) -> Self {
        let made = |node: &'a Node| node.output.iter().map(move |output| (output.as_str(), node));
        let makers: HashMap<&str, &Node> = graph.node.iter().flat_map(made).collect();
        let constants = graph.node.iter().filter(|node| node.op() == "Constant");
        let constants = constants.filter_map(|node| {
            let name = node.output.first()?.as_str();
            let number =
                || Some(Cow::Owned(Tensor::of_floats(name, vec![], &[node.float("value_float")?])));
            Some((name, node.tensor("value").map(Cow::Borrowed).or_else(number)?))
        });
        let initializers =
            graph.initializer.iter().map(|tensor| (tensor.name(), Cow::Borrowed(tensor)));
        Self { tensors: constants.chain(initializers).collect(), makers }
    }

    /// Returns the node that makes a value.
    pub(super) fn maker(&self, value: &str) -> Option<&'a Node> {
        self.makers.get(value).copied()
    }

    /// Returns whether a value is a tensor of the file, perhaps with other extents.
    pub(super) fn is_constant(&self, value: &str) -> bool {
        self.resolve(value).is_some()
    }

    /// Returns the tensor that a value is, and the nodes on the way, the last one first.
    fn resolve(&self, value: &str) -> Option<(&Tensor, Vec<&'a Node>)> {
        let mut value = value;
        let mut nodes = Vec::new();
        for _ in 0..MOST_ALIASES {
            if let Some(tensor) = self.tensors.get(value) {
                return Some((tensor.as_ref(), nodes));
            }
            let node = self.maker(value)?;
            let is_alias = matches!(
                node.op(),
                "Identity" | "Cast" | "Transpose" | "Reshape" | "Unsqueeze" | "Squeeze"
            );
            value = node.input(0).filter(|_| is_alias)?;
            nodes.push(node);
        }
        None
    }

    /// Returns a tensor of floats. Extents of 1 that nodes add or remove do not count: the result has the extents of
    /// the tensor, transposed as the nodes do.
    ///
    /// # Errors
    /// It is no tensor of the file, its elements are not floats, or not finite.
    pub(super) fn floats(&self, value: &str) -> Result<Constant, String> {
        let (tensor, nodes) = self
            .resolve(value)
            .ok_or_else(|| format!("its weight {value} is computed by nodes"))?;
        let name = tensor.name();
        let name = if name.is_empty() { value } else { name };
        let named = |reason: String| format!("the tensor {name}: {reason}");
        let mut extents = tensor.extents().map_err(named)?;
        let mut values = tensor.floats().map_err(named)?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(named(format!("it has the value {value}; expected finite numbers")));
        }
        for node in nodes.iter().rev() {
            match node.op() {
                "Transpose" => {
                    let reversed = || (0..extents.len() as i64).rev().collect::<Vec<i64>>();
                    let order = node.ints("perm").map_or_else(reversed, <[i64]>::to_vec);
                    (extents, values) = transposed(&extents, &values, &order)
                        .ok_or_else(|| named("it is transposed in an unknown order".into()))?;
                }
                "Reshape" | "Unsqueeze" | "Squeeze" => extents.retain(|extent| *extent != 1),
                _ => {}
            }
        }
        Ok(Constant { name: name.to_owned(), extents, values })
    }

    /// Returns the only number of a tensor.
    pub(super) fn number(&self, value: &str) -> Option<f64> {
        let found = self.floats(value).ok()?;
        match found.values[..] {
            [number] => Some(f64::from(number)),
            _ => None,
        }
    }
}

/// Returns a tensor with its dimensions in another order.
fn transposed(extents: &[usize], values: &[f32], order: &[i64]) -> Option<(Vec<usize>, Vec<f32>)> {
    let order: Vec<usize> =
        order.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..extents.len()) {
        return None;
    }
    let mut strides = vec![1; extents.len()];
    for axis in (1..extents.len()).rev() {
        strides[axis - 1] = strides[axis] * extents[axis];
    }
    let new: Vec<usize> = order.iter().map(|axis| extents[*axis]).collect();
    let mut place = vec![0; new.len()];
    let mut result = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let from: usize = place.iter().zip(&order).map(|(at, axis)| at * strides[*axis]).sum();
        result.push(values[from]);
        for axis in (0..new.len()).rev() {
            place[axis] += 1;
            if place[axis] < new[axis] {
                break;
            }
            place[axis] = 0;
        }
    }
    Some((new, result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_put_in_another_order() {
        let values: Vec<f32> = (0..6).map(|value| value as f32).collect();
        let (extents, rows) = transposed(&[2, 3], &values, &[1, 0]).unwrap();
        assert_eq!((extents, rows), (vec![3, 2], vec![0., 3., 1., 4., 2., 5.]));
        assert_eq!(transposed(&[2, 3], &values, &[1, 1]), None);
        let (extents, cube) = transposed(&[1, 2, 3], &values, &[2, 0, 1]).unwrap();
        assert_eq!((extents, cube), (vec![3, 1, 2], vec![0., 3., 1., 4., 2., 5.]));
    }

    #[test]
    fn a_weight_is_found_behind_its_aliases() {
        let node = |op: &str, from: &str, to: &str| Node {
            op_type: Some(op.into()),
            input: vec![from.into()],
            output: vec![to.into()],
            ..Node::default()
        };
        let graph = Graph {
            node: vec![
                node("Identity", "w", "a"),
                node("Transpose", "a", "b"),
                node("Relu", "b", "c"),
            ],
            initializer: vec![Tensor::of_floats("w", vec![1, 2], &[3.0, 4.0])],
            ..Graph::default()
        };
        let constants = Constants::of(&graph);
        let found = constants.floats("b").unwrap();
        assert_eq!((found.name.as_str(), found.extents), ("w", vec![2, 1]));
        assert!(!constants.is_constant("c"));
        assert!(constants.floats("c").unwrap_err().contains("computed"));
    }
}
