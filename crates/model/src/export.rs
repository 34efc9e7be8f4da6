//! One network in a file of its own, with the names and the layout of PyTorch.
//!
//! `layers.i.weight` is `[fan_out, fan_in]` and `layers.i.bias` is `[fan_out]`, both f32; `i` counts the fully
//! connected nodes. This is the state of a `torch.nn.ModuleList` of `torch.nn.Linear`, named `layers`.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::ModelError;
use crate::population::Population;

/// Extents and values of tensors by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The parameters of one network, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported(Tensors);

impl Exported {
    /// Exports the networks of all replicas. Each tensor is read from the device once.
    ///
    /// # Errors
    /// The device fails.
    pub fn all(network: &Population) -> Result<Vec<Self>, ModelError> {
        let mut all = vec![Tensors::new(); network.replicas()];
        for (index, linear) in network.graph().linears().iter().enumerate() {
            let (fan_in, fan_out) = (linear.input.channels, linear.outputs);
            let name = format!("layers.{index}.weight");
            let values = read(network.parameters().of(&linear.node.weight()), &name)?;
            for (exported, values) in all.iter_mut().zip(values.chunks(fan_in * fan_out)) {
                // A row is an input here, but an output in PyTorch.
                let column =
                    |output| (0..fan_in).map(move |input| values[input * fan_out + output]);
                let transposed = (0..fan_out).flat_map(column).collect();
                exported.insert(name.clone(), (vec![fan_out, fan_in], transposed));
            }
            if !linear.bias {
                continue;
            }
            let name = format!("layers.{index}.bias");
            let values = read(network.parameters().of(&linear.node.bias()), &name)?;
            for (exported, values) in all.iter_mut().zip(values.chunks(fan_out)) {
                exported.insert(name.clone(), (vec![fan_out], values.to_vec()));
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
