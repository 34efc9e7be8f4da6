//! The content of the JSON file beside the weights.

use rayclip_data::{PerChannel, ValueType};
use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::validate::MOST_NODES;

/// Saved networks, and the images that they expect.
///
/// Files of version 0.1 can be read too. That version had only perceptrons, with the key `shape` instead of
/// `replicas` and `graph`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Description {
    /// Number of networks.
    pub replicas: usize,
    /// What they compute.
    pub graph: Graph,
    /// Extents of one image. Their product equals that of the extents of the graph's input.
    pub image_shape: Vec<usize>,
    /// Names of the classes; none if they are numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// The network sees `(pixel / 255 − mean) / deviation` of bytes, and `(value − mean) / deviation` of floats.
    pub mean: PerChannel,
    /// See `mean`.
    pub deviation: PerChannel,
    /// The type of the pixels.
    #[serde(skip_serializing_if = "ValueType::is_bytes")]
    pub values: ValueType,
}

impl Description {
    /// Refuses a description that no network can have. Its extents must be within limits before memory is
    /// allocated.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.graph.validate(self.replicas).map_err(|error| error.to_string())?;
        let product = |extents: &[usize]| {
            extents.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent))
        };
        let (image, input) = (&self.image_shape, self.graph.input);
        let inputs = product(&[input.height, input.width, input.channels]);
        if inputs.is_none() || product(image) != inputs {
            return Err(format!("images of shape {image:?} do not match the input, {input}"));
        }
        let channels = match image[..] {
            [_, _] => 1,
            [_, _, channels] => channels,
            _ => image.iter().product(),
        };
        let (mean, deviation) = (&self.mean, &self.deviation);
        if !(mean.fits(channels) && deviation.fits(channels)) {
            let numbers = mean.numbers().len().max(deviation.numbers().len());
            return Err(format!(
                "mean or deviation have {numbers} numbers for {channels} channels"
            ));
        }
        if deviation.numbers().iter().any(|deviation| *deviation <= 0.0) {
            return Err(format!("the deviation is {deviation}, expected a positive number"));
        }
        Ok(())
    }
}

/// A description as written by this version or an earlier one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    replicas: Option<usize>,
    graph: Option<Graph>,
    shape: Option<Perceptron>,
    image_shape: Vec<usize>,
    #[serde(default)]
    class_names: Vec<String>,
    mean: PerChannel,
    deviation: PerChannel,
    #[serde(default)]
    values: ValueType,
}

/// Networks of version 0.1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Perceptron {
    replicas: usize,
    inputs: usize,
    hidden: Vec<usize>,
    outputs: usize,
    bias: bool,
}

impl TryFrom<Written> for Description {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { replicas, graph, shape, image_shape, class_names, .. } = written;
        let Written { mean, deviation, values, .. } = written;
        let (replicas, graph) = match (replicas, graph, shape) {
            (Some(replicas), Some(graph), None) => (replicas, graph),
            (None, None, Some(Perceptron { replicas, inputs, hidden, outputs, bias })) => {
                // A node takes far more memory than the few bytes in the file that ask for it.
                if hidden.len() > MOST_NODES {
                    return Err(format!("{} hidden layers are too many", hidden.len()));
                }
                (replicas, Graph::perceptron(inputs, &hidden, outputs, bias))
            }
            _ => return Err("expected the keys replicas and graph, or the key shape".into()),
        };
        Ok(Self { replicas, graph, image_shape, class_names, mean, deviation, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{
        "shape": {"replicas": 2, "inputs": 4, "hidden": [3], "outputs": 2, "bias": true},
        "image_shape": [2, 2], "mean": 0.5, "deviation": 0.25
    }"#;

    fn read(json: &str) -> Result<Description, String> {
        let description = serde_json::from_str::<Description>(json).map_err(|e| e.to_string())?;
        description.check().map(|()| description)
    }

    #[test]
    fn the_description_of_an_earlier_version_is_that_of_a_perceptron() {
        let description = read(OLD).unwrap();
        assert_eq!(description.graph, Graph::perceptron(4, &[3], 2, true));
        assert_eq!((description.replicas, description.image_shape.as_slice()), (2, &[2, 2][..]));
        let json = serde_json::to_string_pretty(&description).unwrap();
        assert!(json.contains("\"graph\"") && !json.contains("\"shape\""), "{json}");
        assert_eq!(read(&json).unwrap(), description);
    }

    #[test]
    fn a_description_is_refused_with_its_reason() {
        let refused = |from: &str, to: &str| {
            assert!(OLD.contains(from));
            read(&OLD.replace(from, to)).unwrap_err()
        };
        for (from, to, reason) in [
            ("[2, 2]", "[2, 3]", "images of shape [2, 3] do not match the input, 4 channels"),
            ("[2, 2]", "[4294967296, 4294967296]", "images of shape"),
            ("0.25", "0", "the deviation is 0.0, expected a positive number"),
            ("0.25", "[0.25, 0.25]", "mean or deviation have 2 numbers for 1 channels"),
            ("0.25", "-1e-9", "expected a positive number"),
            ("[3]", "[0]", "the number of channels of layer_0 is 0"),
            ("\"replicas\": 2", "\"replicas\": 4294967296", "4294967296 replicas"),
            ("\"shape\"", "\"graph\"", "unknown field `replicas`"),
            ("\"mean\"", "\"replicas\": 2, \"mean\"", "replicas and graph, or the key shape"),
            ("\"mean\"", "\"median\": 2, \"mean\"", "unknown field `median`"),
            ("\"mean\": 0.5,", "", "missing field `mean`"),
        ] {
            let found = refused(from, to);
            assert!(found.contains(reason), "{found}");
        }
        let deep = vec!["1"; MOST_NODES + 1].join(",");
        assert!(refused("[3]", &format!("[{deep}]")).contains("65537 hidden layers"));
    }
}
