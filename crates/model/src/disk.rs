//! A network on disk: one safetensors file and a JSON description beside it.
//!
//! Tensor `layer_i.weight` is `[replica, fan_in, fan_out]`, `layer_i.bias` is `[replica, 1, fan_out]`,
//! both f32: an image `x` gives `relu(x · weight + bias)`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_data::{arrays, read_whole};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::{Mlp, MlpShape, ModelError};

/// The most bytes of a description; it has a few hundred.
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;

/// What a JSON file beside the weights says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Extents of the tensors.
    pub shape: MlpShape,
    /// Extents of one image, whose product is the number of inputs.
    pub image_shape: Vec<usize>,
    /// `(pixel / 255 − mean) / deviation` is what the network sees of a pixel.
    pub mean: f64,
    /// See `mean`.
    pub deviation: f64,
}

/// Bytes of the safetensors file and of the JSON description.
///
/// # Errors
/// A weight cannot be read from its device.
pub fn save(network: &Mlp, description: &Description) -> Result<(Vec<u8>, Vec<u8>), ModelError> {
    let tensors: BTreeMap<String, Tensor<3>> = network.named().collect();
    let mut payloads = Vec::new();
    for (name, tensor) in tensors {
        let extents = tensor.dims();
        let values: Vec<f32> = tensor.try_into_vec_as().map_err(|error| ModelError::Device {
            what: name.clone(),
            reason: error.to_string(),
        })?;
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        payloads.push((name, extents, bytes));
    }
    let unwritten = |reason: String| ModelError::Unwritten { reason };
    let views = payloads.iter().map(|(name, extents, bytes)| {
        TensorView::new(Dtype::F32, extents.to_vec(), bytes).map(|view| (name, view))
    });
    let weights = views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|error| unwritten(error.to_string()))?;
    let json =
        serde_json::to_vec_pretty(description).map_err(|error| unwritten(error.to_string()))?;
    Ok((weights, json))
}

/// Reads a network from its two files.
///
/// # Errors
/// A file cannot be read or is damaged, or the tensors are not those of the description.
pub fn load(
    weights: &Path,
    description: &Path,
    device: &Device,
) -> Result<(Mlp, Description), ModelError> {
    let read = |path: &Path, limit: u64| {
        read_whole(path, limit).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        })
    };
    let format = |path: &Path, reason: String| ModelError::Format { path: path.into(), reason };
    let json = read(description, MOST_DESCRIPTION_BYTES)?;
    let description_value: Description =
        serde_json::from_slice(&json).map_err(|error| format(description, error.to_string()))?;
    let shape = &description_value.shape;
    shape.validate().map_err(|error| format(description, error.to_string()))?;
    let image = &description_value.image_shape;
    let pixels = image.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent));
    if pixels != Some(shape.inputs) {
        let reason = format!("images of shape {image:?} are not {} inputs", shape.inputs);
        return Err(format(description, reason));
    }
    if description_value.deviation <= 0.0 {
        let reason = format!("a deviation of {} is not positive", description_value.deviation);
        return Err(format(description, reason));
    }
    let bytes = read(weights, arrays::MOST_BYTES)?;
    let tensors = arrays::tensors(&bytes).map_err(|reason| format(weights, reason))?;
    let network = Mlp::from_named(shape, |name, extents| {
        let Ok(view) = tensors.tensor(name) else {
            return Err(format(weights, format!("there is no tensor {name}")));
        };
        if view.dtype() != Dtype::F32 || view.shape() != extents {
            let (kind, found) = (view.dtype(), view.shape());
            let reason = format!("{name} is {kind:?} {found:?}, expected F32 {extents:?}");
            return Err(format(weights, reason));
        }
        let (words, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        Ok(Tensor::from_data(TensorData::new(values, extents), device))
    })?;
    Ok((network, description_value))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use std::fs;

    use super::*;

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let device = Device::flex();
        let shape = MlpShape { replicas: 2, inputs: 4, hidden: vec![3], outputs: 2, bias: true };
        let network =
            Mlp::init(&shape, &device, |_, layer| ChaCha8Rng::seed_from_u64(layer as u64)).unwrap();
        let description =
            Description { shape, image_shape: vec![2, 2], mean: 0.5, deviation: 0.25 };
        let (weights, json) = save(&network, &description).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [weights_path, json_path] = ["n.safetensors", "n.json"].map(|n| folder.path().join(n));
        fs::write(&weights_path, &weights).unwrap();
        fs::write(&json_path, json).unwrap();
        let (loaded, found) = load(&weights_path, &json_path, &device).unwrap();
        assert_eq!(found, description);
        let images = Tensor::ones([2, 1, 4], &device);
        let expected = network.forward(images.clone()).into_data();
        loaded.forward(images).into_data().assert_eq(&expected, true);

        fs::write(&weights_path, &weights[..weights.len() - 4]).unwrap();
        assert!(load(&weights_path, &json_path, &device).is_err());
    }
}
