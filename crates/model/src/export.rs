//! One network in a file of its own, with the layout of PyTorch.
//!
//! All tensors are f32. A fully connected weight is `[outputs, inputs]`, a convolution `[outputs, inputs, height,
//! width]`, a depthwise convolution `[channels, 1, height, width]`; biases and normalisations are vectors. PyTorch
//! has channels first, so the inputs of a fully connected node after a Flatten have another order there.
//!
//! The name of a tensor is that of its node, a dot, and `weight`, `bias`, `running_mean` or `running_var`. In a
//! perceptron, nodes are named `layers.i` instead, so that a `torch.nn.ModuleList` of `torch.nn.Linear` can load it.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::ModelError;
use crate::graph::{Activation, Graph, Node, Op, Slide};
use crate::population::Population;
use crate::sizes::{MEAN, VARIANCE, WEIGHT};

/// Extents and values of tensors by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The parameters of one network, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported(Tensors);

/// Returns whether the tensor with this name is a parameter, and not a running statistic.
pub fn is_parameter(name: &str) -> bool {
    ![MEAN, VARIANCE].iter().any(|state| name.ends_with(&format!(".{state}")))
}

impl Exported {
    /// Exports the networks of all replicas. Each tensor is read from the device once.
    ///
    /// # Errors
    /// The device fails.
    pub fn all(network: &Population) -> Result<Vec<Self>, ModelError> {
        let graph = network.graph();
        let (names, layouts) = (names(graph), layouts(graph));
        let mut all = vec![Tensors::new(); network.replicas()];
        let matrices = network.parameters().iter().chain(network.state().iter());
        for (((name, values), (_, extents, node)), layout) in
            matrices.zip(graph.initialised()).zip(layouts)
        {
            let own = name.strip_prefix(node.name.as_str()).unwrap_or(name);
            let name = format!("{}{own}", names[node.name.as_str()]);
            let values = read(values.clone(), &name)?;
            for (exported, values) in all.iter_mut().zip(values.chunks(extents[0] * extents[1])) {
                exported.insert(name.clone(), layout.of(extents, values));
            }
        }
        Ok(all.into_iter().map(Self).collect())
    }

    /// Returns the bytes of a safetensors file with this metadata. The same content gives the same bytes.
    ///
    /// # Errors
    /// The file cannot be encoded.
    pub fn encode(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, ModelError> {
        let bytes = self.0.iter().map(|(name, (extents, values))| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, extents.clone(), bytes)
        });
        let bytes: Vec<_> = bytes.collect();
        let views = bytes.iter().map(|(name, extents, bytes)| {
            TensorView::new(Dtype::F32, extents.clone(), bytes).map(|view| (*name, view))
        });
        let file = views
            .collect::<Result<Vec<_>, _>>()
            .and_then(|views| safetensors::serialize(views, None))
            .map_err(|error| unwritten(&error))?;
        with_metadata(&file, metadata)
    }
}

/// Returns the exported name of every node.
fn names(graph: &Graph) -> BTreeMap<&str, String> {
    let products = graph.products().into_iter().enumerate();
    let layer = |index: usize| format!("layers.{index}");
    if is_perceptron(graph) {
        return products
            .map(|(index, product)| (product.node.name.as_str(), layer(index)))
            .collect();
    }
    graph.nodes.iter().map(|node| (node.name.as_str(), node.name.clone())).collect()
}

/// Whether a graph is a chain of fully connected and rectified layers.
fn is_perceptron(graph: &Graph) -> bool {
    let is_known =
        |node: &Node| matches!(node.op, Op::Linear { .. } | Op::Activation(Activation::Relu));
    graph.input.positions() == 1 && graph.nodes.iter().all(is_known)
}

/// How a matrix is laid out in PyTorch.
enum Layout {
    /// A row of numbers.
    Vector,
    /// Rows are outputs; the inputs have this order.
    Linear(Vec<usize>),
    /// `[outputs, inputs, height, width]`.
    Conv(Slide),
    /// `[channels, 1, height, width]`.
    Depthwise(Slide),
}

/// Returns the layout of all parameters, and then of all state.
fn layouts(graph: &Graph) -> Vec<Layout> {
    let orders = orders(graph);
    let layout = |(name, _, node): (String, [usize; 2], &Node)| match node.op {
        _ if !name.ends_with(WEIGHT) => Layout::Vector,
        Op::Linear { .. } => Layout::Linear(orders[node.inputs[0].slot()].clone()),
        Op::Conv2d { slide, .. } => Layout::Conv(slide),
        Op::DepthwiseConv2d { slide, .. } => Layout::Depthwise(slide),
        _ => Layout::Vector,
    };
    graph.initialised().into_iter().map(layout).collect()
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
    /// Returns the extents and the values of a matrix `[rows, columns]`.
    fn of(&self, [rows, columns]: [usize; 2], values: &[f32]) -> (Vec<usize>, Vec<f32>) {
        let mut out = vec![0.0; values.len()];
        let mut fill = |to: &dyn Fn(usize, usize) -> usize| {
            for (row, values) in values.chunks(columns).enumerate() {
                for (column, value) in values.iter().enumerate() {
                    out[to(row, column)] = *value;
                }
            }
        };
        let extents = match self {
            Self::Vector => {
                fill(&|row, column| row * columns + column);
                vec![columns]
            }
            Self::Linear(order) => {
                fill(&|row, column| column * rows + order[row]);
                vec![columns, rows]
            }
            Self::Conv(slide) => {
                let inputs = rows / slide.taps();
                let taps = slide.taps();
                fill(&|row, column| (column * inputs + row % inputs) * taps + row / inputs);
                vec![columns, inputs, slide.kernel[0], slide.kernel[1]]
            }
            Self::Depthwise(slide) => {
                fill(&|row, column| column * rows + row);
                vec![columns, 1, slide.kernel[0], slide.kernel[1]]
            }
        };
        (extents, out)
    }
}

/// Adds metadata to the header of a safetensors file.
///
/// The library orders its hash map differently in every process, but the files of a run must be the same each time.
fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, ModelError> {
    const LENGTH: usize = size_of::<u64>();
    let (length, rest) = file.split_at(LENGTH);
    let length = length.iter().rev().fold(0, |length, byte| (length << 8) | usize::from(*byte));
    let (header, tensors) = rest.split_at(length);
    let mut entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| unwritten(&error))?;
    let metadata = serde_json::to_value(metadata).map_err(|error| unwritten(&error))?;
    entries.insert("__metadata__".to_owned(), metadata);
    let mut header = serde_json::to_vec(&entries).map_err(|error| unwritten(&error))?;
    // The tensors start at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    Ok([&(header.len() as u64).to_le_bytes()[..], &header, tensors].concat())
}

fn read(tensor: Tensor<3>, name: &str) -> Result<Vec<f32>, ModelError> {
    tensor
        .try_into_vec_as()
        .map_err(|error| ModelError::Device { what: name.to_owned(), reason: error.to_string() })
}

fn unwritten(error: &dyn std::error::Error) -> ModelError {
    ModelError::Unwritten { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use safetensors::SafeTensors;

    use super::*;
    use crate::graph::Graph;

    #[test]
    fn a_network_is_exported_with_the_layout_and_names_of_pytorch() {
        let device = Device::flex();
        // Two replicas of 2 → 3, the second ten times the first.
        let first = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let second = first.map(|row| row.map(|weight| 10.0 * weight));
        let weight = Tensor::<3>::from_data([first, second], &device);
        let bias = Tensor::<3>::from_data([[[7.0, 8.0, 9.0]], [[70.0, 80.0, 90.0]]], &device);
        let network =
            Population::from_tensors(&Graph::perceptron(2, &[], 3, true), 2, |name, _| {
                Ok::<_, ModelError>(if name == "layer_0.bias" {
                    bias.clone()
                } else {
                    weight.clone()
                })
            });
        let all = Exported::all(&network.unwrap()).unwrap();
        assert_eq!(all.len(), 2);
        let metadata: BTreeMap<String, String> =
            (0..40).map(|i| (format!("key {i}"), format!("\"{i}\""))).collect();
        let bytes = all[1].encode(&metadata).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let values = |name: &str| -> (Vec<usize>, Vec<f32>) {
            let view = file.tensor(name).unwrap();
            let (words, _) = view.data().as_chunks::<4>();
            (view.shape().to_vec(), words.iter().map(|word| f32::from_le_bytes(*word)).collect())
        };
        let transposed = vec![10.0, 40.0, 20.0, 50.0, 30.0, 60.0];
        assert_eq!(values("layers.0.weight"), (vec![3, 2], transposed));
        assert_eq!(values("layers.0.bias"), (vec![3], vec![70.0, 80.0, 90.0]));
        assert_eq!(file.names().len(), 2);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let found: BTreeMap<String, String> =
            header.metadata().clone().unwrap().into_iter().collect();
        assert_eq!(found, metadata);
        // Equal hash maps can have different orders, but the header always has the same.
        assert!((0..20).all(|_| all[1].encode(&metadata.clone()).unwrap() == bytes));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert_eq!(length % 8, 0);
        let header = String::from_utf8(bytes[8..8 + length as usize].to_vec()).unwrap();
        assert!(header.find("key 10").unwrap() < header.find("key 9").unwrap(), "{header}");
    }
}
