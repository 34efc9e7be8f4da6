//! A network on disk: one safetensors file and a JSON description beside it.
//!
//! The tensors are the parameters and the state, `[replica, rows, columns]`, f32, under the names of
//! [`Graph::extents`](crate::graph::Graph::extents) and
//! [`Graph::state_extents`](crate::graph::Graph::state_extents). Those of a perceptron are `layer_i.weight`,
//! `[replica, fan_in, fan_out]`, and `layer_i.bias`, `[replica, 1, fan_out]`: an image `x` gives
//! `relu(x · weight + bias)`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_data::{arrays, read_whole};
use safetensors::tensor::{Dtype, TensorView};

use crate::description::Description;
use crate::error::ModelError;
use crate::population::Population;

/// The maximum size of a description in bytes; that of a perceptron has about a thousand.
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;

/// Returns the bytes of the safetensors file and of the JSON description.
///
/// # Errors
/// A weight cannot be read from its device.
pub fn save(
    network: &Population,
    description: &Description,
) -> Result<(Vec<u8>, Vec<u8>), ModelError> {
    let tensors: BTreeMap<&str, &Tensor<3>> =
        network.parameters().iter().chain(network.state().iter()).collect();
    let mut payloads = Vec::new();
    for (name, tensor) in tensors {
        let extents = tensor.dims();
        let values: Vec<f32> = tensor.clone().try_into_vec_as().map_err(|error| {
            ModelError::Device { what: name.to_owned(), reason: error.to_string() }
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

/// Reads networks from their two files. The description may be of version 0.1.
///
/// # Errors
/// A file cannot be read or is damaged, or the tensors do not match the description.
pub fn load(
    weights: &Path,
    description: &Path,
    device: &Device,
) -> Result<(Population, Description), ModelError> {
    let json = read(description, MOST_DESCRIPTION_BYTES)?;
    let described: Description =
        serde_json::from_slice(&json).map_err(|error| format(description, error.to_string()))?;
    described.check().map_err(|reason| format(description, reason))?;
    let bytes = read(weights, arrays::MOST_BYTES)?;
    let tensors = arrays::tensors(&bytes).map_err(|reason| format(weights, reason))?;
    let network =
        Population::from_tensors(&described.graph, described.replicas, |name, extents| {
            let Ok(view) = tensors.tensor(name) else {
                return Err(format(weights, format!("the tensor {name} is missing")));
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
    Ok((network, described))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    read_whole(path, limit).map_err(|source| ModelError::Io {
        action: "read",
        path: path.to_path_buf(),
        source,
    })
}

fn format(path: &Path, reason: String) -> ModelError {
    ModelError::Format { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rayclip_data::ValueType;

    use super::*;
    use crate::graph::Graph;
    use crate::population::tests::seeded;

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let device = Device::flex();
        let graph = Graph::perceptron(4, &[3], 2, true);
        let network = Population::init(&graph, 2, &device, seeded).unwrap();
        let description = Description {
            replicas: 2,
            graph,
            image_shape: vec![2, 2],
            class_names: vec![],
            mean: 0.5.into(),
            deviation: 0.25.into(),
            values: ValueType::Bytes,
        };
        let (weights, json) = save(&network, &description).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [weights_path, json_path] = ["n.safetensors", "n.json"].map(|n| folder.path().join(n));
        fs::write(&weights_path, &weights).unwrap();
        fs::write(&json_path, json).unwrap();
        let (loaded, found) = load(&weights_path, &json_path, &device).unwrap();
        assert_eq!(found, description);
        let images = Tensor::ones([2, 1, 4], &device);
        let expected = network.forward(images.clone()).into_data();
        loaded.forward(images.clone()).into_data().assert_eq(&expected, true);

        // The description of version 0.1.
        let old = r#"{
            "shape": {"replicas": 2, "inputs": 4, "hidden": [3], "outputs": 2, "bias": true},
            "image_shape": [2, 2], "mean": 0.5, "deviation": 0.25
        }"#;
        fs::write(&json_path, old).unwrap();
        let (loaded, found) = load(&weights_path, &json_path, &device).unwrap();
        assert_eq!(found, description);
        loaded.forward(images).into_data().assert_eq(&expected, true);

        let refused = |old: String| {
            fs::write(&json_path, old).unwrap();
            load(&weights_path, &json_path, &device).unwrap_err().to_string()
        };
        let wide = refused(old.replace("[3]", "[5]"));
        assert!(wide.contains("layer_0.weight is F32 [2, 4, 3], expected F32 [2, 4, 5]"), "{wide}");
        let deep = refused(old.replace("[3]", "[3, 2]"));
        assert!(deep.contains("the tensor layer_2.weight is missing"), "{deep}");
        let zero = refused(old.replace("[3]", "[0]"));
        assert!(zero.contains("n.json: the number of channels of layer_0 is 0"), "{zero}");

        fs::write(&json_path, old).unwrap();
        fs::write(&weights_path, &weights[..weights.len() - 4]).unwrap();
        assert!(load(&weights_path, &json_path, &device).is_err());
    }
}
