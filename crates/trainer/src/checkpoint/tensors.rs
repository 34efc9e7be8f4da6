//! Named arrays on the host, on their way into a safetensors file and back.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::TrainerError;

/// Numbers, to the bit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
    /// Bytes of a text.
    Text(Vec<u8>),
}

/// Arrays by name, each with its extents.
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

    /// Adds a vector of f64.
    pub(crate) fn insert_vector(&mut self, name: String, values: Vec<f64>) {
        self.0.insert(name, (vec![values.len()], Values::Double(values)));
    }

    /// Adds a text.
    pub(crate) fn insert_text(&mut self, name: &str, text: Vec<u8>) {
        self.0.insert(name.to_owned(), (vec![text.len()], Values::Text(text)));
    }

    /// Takes out the text of a name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn take_text(&mut self, name: &str) -> Result<Vec<u8>, String> {
        match self.0.remove(name) {
            Some((_, Values::Text(text))) => Ok(text),
            _ => Err(format!("there is no text {name}")),
        }
    }

    /// The tensor of a name, which must have these extents, on a device.
    ///
    /// # Errors
    /// There is none, or it has other extents or another type.
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
            None => Err(format!("there is no tensor {name}")),
        }
    }

    /// The vector of a name, f64.
    ///
    /// # Errors
    /// There is none, or it is no vector of f64.
    pub(crate) fn vector(&self, name: &str) -> Result<&[f64], String> {
        match self.0.get(name) {
            Some((_, Values::Double(values))) => Ok(values),
            Some(_) => Err(format!("{name} is no f64")),
            None => Err(format!("there is no vector {name}")),
        }
    }

    /// Bytes of a safetensors file with this metadata.
    ///
    /// # Errors
    /// The format does not take them.
    pub(crate) fn encode(
        &self,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<u8>, TrainerError> {
        let encode = |error: safetensors::SafeTensorError| TrainerError::Encode {
            what: "a checkpoint",
            reason: error.to_string(),
        };
        let bytes: Vec<(&String, Dtype, &Vec<usize>, Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, (extents, values))| match values {
                Values::Single(values) => {
                    let mut bytes = Vec::with_capacity(size_of_val(values.as_slice()));
                    for value in values {
                        bytes.extend_from_slice(&value.to_le_bytes());
                    }
                    (name, Dtype::F32, extents, bytes)
                }
                Values::Text(text) => (name, Dtype::U8, extents, text.clone()),
                Values::Double(values) => {
                    let mut bytes = Vec::with_capacity(size_of_val(values.as_slice()));
                    for value in values {
                        bytes.extend_from_slice(&value.to_le_bytes());
                    }
                    (name, Dtype::F64, extents, bytes)
                }
            })
            .collect();
        let views = bytes.iter().map(|(name, dtype, extents, bytes)| {
            Ok((*name, TensorView::new(*dtype, (*extents).clone(), bytes).map_err(encode)?))
        });
        let views = views.collect::<Result<Vec<_>, TrainerError>>()?;
        safetensors::serialize(views, Some(metadata)).map_err(encode)
    }

    /// The arrays of a safetensors file.
    ///
    /// # Errors
    /// It is none, or an array is of another type than those that are written.
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
                other => return Err(format!("{name} is {other:?}")),
            };
            Ok((name.to_owned(), (view.shape().to_vec(), values)))
        });
        Ok(Self(arrays.collect::<Result<_, String>>()?))
    }
}
