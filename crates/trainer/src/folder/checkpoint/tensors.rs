//! Named arrays on the host, and their safetensors format.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_model::{Population, Store};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::TrainerError;

/// The values of an array, exact to the bit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
    /// The bytes of a text.
    Text(Vec<u8>),
}

impl Values {
    fn encode(&self) -> (Dtype, Vec<u8>) {
        match self {
            Self::Single(values) => {
                let mut bytes = Vec::with_capacity(size_of_val(values.as_slice()));
                for value in values {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                (Dtype::F32, bytes)
            }
            Self::Double(values) => {
                let mut bytes = Vec::with_capacity(size_of_val(values.as_slice()));
                for value in values {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                (Dtype::F64, bytes)
            }
            Self::Text(text) => (Dtype::U8, text.clone()),
        }
    }
}

/// A text that is stored beside arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// Arrays by name, each with its shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HostTensors(BTreeMap<String, (Vec<usize>, Values)>);

impl HostTensors {
    /// Adds a tensor, read from its device.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn insert<const D: usize>(
        &mut self,
        name: String,
        tensor: Tensor<D>,
    ) -> Result<(), TrainerError> {
        let extents = tensor.dims().to_vec();
        let values = tensor.try_into_vec_as().map_err(|error| TrainerError::Device {
            doing: "reading a checkpoint's tensors",
            reason: error.to_string(),
        })?;
        self.0.insert(name, (extents, Values::Single(values)));
        Ok(())
    }

    /// Adds the matrices of a store. Their names get the prefix `group`.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn insert_store(&mut self, group: &str, store: &Store) -> Result<(), TrainerError> {
        let mut all = store.iter();
        all.try_for_each(|(name, tensor)| self.insert(format!("{group}.{name}"), tensor.clone()))
    }

    /// Adds the parameters and the state of networks. Their names get the prefix `group`.
    ///
    /// # Errors
    /// The device fails.
    pub(crate) fn insert_network(
        &mut self,
        group: &str,
        network: &Population,
    ) -> Result<(), TrainerError> {
        self.insert_store(group, network.parameters())?;
        self.insert_store(group, network.state())
    }

    /// Adds a vector of f64.
    pub(crate) fn insert_vector(&mut self, name: String, values: Vec<f64>) {
        self.0.insert(name, (vec![values.len()], Values::Double(values)));
    }

    /// Removes a text by name and returns it.
    ///
    /// # Errors
    /// There is no such text.
    pub(crate) fn take_text(&mut self, name: &str) -> Result<Vec<u8>, String> {
        match self.0.remove(name) {
            Some((_, Values::Text(text))) => Ok(text),
            _ => Err(format!("the text {name} is missing")),
        }
    }

    /// Returns the tensor `name` with the shape `extents`, on a device.
    ///
    /// # Errors
    /// It is missing, or has another shape or type.
    pub(crate) fn tensor<const D: usize>(
        &self,
        name: &str,
        extents: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>, String> {
        match self.0.get(name) {
            Some((found, Values::Single(values))) if *found == extents => {
                Ok(Tensor::from_data(TensorData::new(values.clone(), extents), device))
            }
            Some((found, _)) => Err(format!("{name} is {found:?}, expected f32 {extents:?}")),
            None => Err(format!("the tensor {name} is missing")),
        }
    }

    /// Returns the f64 vector `name`.
    ///
    /// # Errors
    /// It is missing, or is not f64.
    pub(crate) fn vector(&self, name: &str) -> Result<&[f64], String> {
        match self.0.get(name) {
            Some((_, Values::Double(values))) => Ok(values),
            Some(_) => Err(format!("{name} is not a vector of f64")),
            None => Err(format!("the vector {name} is missing")),
        }
    }

    /// Returns the bytes of a safetensors file with the arrays, a text and metadata.
    ///
    /// # Errors
    /// The arrays cannot be encoded.
    pub(crate) fn encode(
        &self,
        text: Text<'_>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<u8>, TrainerError> {
        let encode = |error: safetensors::SafeTensorError| TrainerError::Encode {
            what: "a checkpoint",
            reason: error.to_string(),
        };
        let bytes: Vec<(&str, &[usize], Dtype, Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, (extents, values))| {
                let (dtype, bytes) = values.encode();
                (name.as_str(), extents.as_slice(), dtype, bytes)
            })
            .collect();
        let arrays = bytes.iter().map(|(name, extents, dtype, bytes)| {
            Ok((*name, TensorView::new(*dtype, extents.to_vec(), bytes)?))
        });
        let Text { name, bytes } = text;
        let text = TensorView::new(Dtype::U8, vec![bytes.len()], bytes).map(|view| (name, view));
        let views = arrays.chain([text]).collect::<Result<Vec<_>, _>>().map_err(encode)?;
        safetensors::serialize(views, Some(metadata)).map_err(encode)
    }

    /// Reads the arrays of a safetensors file.
    ///
    /// # Errors
    /// The bytes are not a safetensors file, or an array has a type that is never written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let arrays = file.iter().map(|(name, view)| {
            let values = match view.dtype() {
                Dtype::F32 => {
                    let (words, _) = view.data().as_chunks();
                    Values::Single(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
                }
                Dtype::F64 => {
                    let (words, _) = view.data().as_chunks();
                    Values::Double(words.iter().map(|word| f64::from_le_bytes(*word)).collect())
                }
                Dtype::U8 => Values::Text(view.data().to_vec()),
                other => return Err(format!("{name} has the unexpected type {other:?}")),
            };
            Ok((name.to_owned(), (view.shape().to_vec(), values)))
        });
        Ok(Self(arrays.collect::<Result<_, String>>()?))
    }
}
