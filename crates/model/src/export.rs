//! One network in a file of its own, with the layout of PyTorch.
//!
//! All tensors are f32. A fully connected weight is `[outputs, inputs]`, a convolution `[outputs, inputs, height,
//! width]`, a depthwise convolution `[channels, 1, height, width]`; biases and normalisations are vectors. PyTorch
//! has channels first, so the inputs of a fully connected node after a Flatten have another order there.
//!
//! The name of a tensor is that of its node, a dot, and `weight`, `bias`, `running_mean` or `running_var`. The layers of
//! [`Graph::perceptron`] are named `layers.i` instead, so that a `torch.nn.ModuleList` of `torch.nn.Linear` can load it.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};

use crate::error::ModelError;
use crate::graph::Graph;
use crate::layout::{Place, places};
use crate::population::Population;
use crate::sizes::{MEAN, VARIANCE};

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Its extents, outermost first.
    pub extents: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// The parameters and running statistics of one network, on the host, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exported(BTreeMap<String, HostTensor>);

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
        let mut all = vec![Self::default(); network.replicas()];
        let matrices = network.parameters().iter().chain(network.state().iter());
        for ((_, values), place) in matrices.zip(places(network.graph())) {
            let Place { name, matrix, layout, .. } = place;
            let values = read(values.clone(), &name)?;
            for (exported, values) in all.iter_mut().zip(values.chunks(matrix[0] * matrix[1])) {
                let values = layout.exported(matrix, values);
                let tensor = HostTensor { extents: layout.extents(matrix), values };
                exported.0.insert(name.clone(), tensor);
            }
        }
        Ok(all)
    }

    /// Returns the network of a valid graph with these tensors. Other tensors are ignored.
    ///
    /// # Errors
    /// A tensor of the graph is missing, or has other extents.
    pub fn population(&self, graph: &Graph, device: &Device) -> Result<Population, ModelError> {
        let mut places = places(graph).into_iter();
        Population::from_tensors(graph, 1, |own, extents| {
            let (expected, values) = match places.next().filter(|place| place.own == own) {
                Some(Place { name, matrix, layout, .. }) => {
                    let found = self.fitting(&name, &layout.extents(matrix))?;
                    (extents, layout.imported(matrix, &found.values))
                }
                None => return Err(wrong(own, extents.to_vec(), None)),
            };
            Ok(Tensor::from_data(TensorData::new(values, expected), device))
        })
    }

    /// Returns the tensor with this name.
    ///
    /// # Errors
    /// It is missing, or has other extents or another number of values.
    fn fitting(&self, name: &str, expected: &[usize]) -> Result<&HostTensor, ModelError> {
        let Some(found) = self.0.get(name) else {
            return Err(wrong(name, expected.to_vec(), None));
        };
        let numbers: usize = expected.iter().product();
        if found.extents != expected || found.values.len() != numbers {
            return Err(wrong(name, expected.to_vec(), Some(found.extents.clone())));
        }
        Ok(found)
    }

    /// Returns the tensor with a name.
    pub fn get(&self, name: &str) -> Option<&HostTensor> {
        self.0.get(name)
    }

    /// Returns the tensor with a name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut HostTensor> {
        self.0.get_mut(name)
    }

    /// Inserts a tensor, or replaces the one with the same name.
    pub fn insert(&mut self, name: String, tensor: HostTensor) {
        self.0.insert(name, tensor);
    }

    /// Removes the tensor with a name.
    pub fn remove(&mut self, name: &str) -> Option<HostTensor> {
        self.0.remove(name)
    }

    /// Returns the tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HostTensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Returns the bytes of a safetensors file with this metadata. The same content gives the same bytes.
    ///
    /// # Errors
    /// The file cannot be encoded.
    pub fn encode(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, ModelError> {
        let bytes = self.0.iter().map(|(name, HostTensor { extents, values })| {
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

impl FromIterator<(String, HostTensor)> for Exported {
    fn from_iter<I: IntoIterator<Item = (String, HostTensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
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

fn wrong(name: &str, expected: Vec<usize>, found: Option<Vec<usize>>) -> ModelError {
    ModelError::Tensor { name: name.to_owned(), expected, found }
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
    use crate::graph::{Graph, Op, Shape, Slide};
    use crate::properties::drawn;

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
    /// A graph whose layer after a concatenation and a Flatten has its inputs in another order in PyTorch.
    fn branched() -> Graph {
        let mut graph = Graph::new(Shape { height: 4, width: 3, channels: 2 });
        let slide = Slide::of(3).padding(1);
        let conv = graph.append("conv", Op::Conv2d { outputs: 3, slide, bias: true });
        graph.append("norm", Op::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
        let own = graph.append("own", Op::DepthwiseConv2d { slide, bias: true });
        graph.append_to("both", Op::Concat, &[own, conv]);
        graph.append("flat", Op::Flatten);
        graph.append("scores", Op::Linear { outputs: 5, bias: true });
        graph
    }

    #[test]
    fn an_exported_network_is_read_back_to_the_bit() {
        let vector = Graph::perceptron(4, &[3], 2, true);
        for graph in [branched(), vector.clone(), vector.exported()] {
            let network = drawn(&graph, 2, 3);
            let all = Exported::all(&network).unwrap();
            let names: Vec<&str> = all[1].iter().map(|(name, _)| name).collect();
            let mut expected = graph.exported_extents();
            expected.sort();
            assert!(names.iter().eq(expected.iter().map(|(name, _)| name)), "{names:?}");
            for (name, extents) in &expected {
                assert_eq!(&all[1].get(name).unwrap().extents, extents, "{name}");
            }
            let again = all[1].population(&graph, &network.device()).unwrap();
            let second = network.keep_replicas(&[1]);
            let stores =
                [(again.parameters(), second.parameters()), (again.state(), second.state())];
            for (found, expected) in stores {
                assert!(found.iter().map(|(name, _)| name).eq(expected.iter().map(|(n, _)| n)));
                for ((_, found), (_, expected)) in found.iter().zip(expected.iter()) {
                    found.to_data().assert_eq(&expected.to_data(), true);
                }
            }
        }
    }

    #[test]
    fn only_the_layers_of_a_perceptron_are_renamed() {
        let names = |graph: &Graph| -> Vec<String> {
            graph.exported().nodes.iter().map(|node| node.name.clone()).collect()
        };
        let mut graph = Graph::perceptron(4, &[3], 2, true);
        assert_eq!(names(&graph), ["layers.0", "relu_0", "layers.1"]);
        assert_eq!(graph.exported().exported(), graph.exported());
        "fc".clone_into(&mut graph.nodes[2].name);
        assert_eq!(names(&graph), ["layer_0", "relu_0", "fc"]);
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_named() {
        let graph = branched();
        let network = drawn(&graph, 1, 3);
        let whole = Exported::all(&network).unwrap().remove(0);
        let refused = |change: &dyn Fn(&mut Exported)| {
            let mut changed = whole.clone();
            change(&mut changed);
            changed.population(&graph, &network.device()).unwrap_err().to_string()
        };
        let missing = refused(&|tensors| drop(tensors.remove("norm.running_var")));
        assert_eq!(missing, "the tensor norm.running_var is missing, expected [3]");
        let wide = HostTensor { extents: vec![5, 71], values: vec![0.0; 5 * 71] };
        let wide = refused(&|tensors| tensors.insert("scores.weight".into(), wide.clone()));
        let expected = "the tensor scores.weight has the extents [5, 71], expected [5, 72]";
        assert_eq!(wide, expected);
        let short = refused(&|tensors| tensors.get_mut("conv.bias").unwrap().values.truncate(1));
        assert!(short.contains("conv.bias"), "{short}");
    }
}
