//! A perceptron of a file, computed by plain loops: the tests judge rayclip by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rayclip_data::PerChannel;
use safetensors::SafeTensors;

/// A network of a file, as anybody would read it.
pub(crate) struct PlainNetwork {
    pub(crate) about: BTreeMap<String, String>,
    /// Weights `[out][in]` and biases, from the input on.
    pub(crate) layers: Vec<(Vec<Vec<f64>>, Vec<f64>)>,
}

impl PlainNetwork {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let values = |name: &str| -> Option<(Vec<usize>, Vec<f64>)> {
            let view = file.tensor(name).ok()?;
            let (words, _) = view.data().as_chunks::<4>();
            let values = words.iter().map(|word| f64::from(f32::from_le_bytes(*word)));
            Some((view.shape().to_vec(), values.collect()))
        };
        let layer = |index: usize| {
            let (shape, weights) = values(&format!("layers.{index}.weight"))?;
            let biases = values(&format!("layers.{index}.bias"));
            let biases = biases.map_or(vec![0.0; shape[0]], |(_, biases)| biases);
            assert_eq!(biases.len(), shape[0]);
            Some((weights.chunks(shape[1]).map(<[f64]>::to_vec).collect(), biases))
        };
        let about = header.metadata().clone().unwrap().into_iter().collect();
        Self { about, layers: (0..).map_while(layer).collect() }
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        self.about[key].parse().unwrap()
    }

    /// A number of the metadata for all channels, or one for each.
    fn per_channel(&self, key: &str) -> Vec<f64> {
        let numbers: PerChannel = serde_json::from_str(&self.about[key]).unwrap();
        numbers.numbers().to_vec()
    }

    /// Classes of images of bytes.
    pub(crate) fn classify(&self, images: &[Vec<u8>]) -> Vec<usize> {
        let fractions =
            |image: &Vec<u8>| image.iter().map(|pixel| f64::from(*pixel) / 255.0).collect();
        self.classify_values(&images.iter().map(fractions).collect::<Vec<Vec<f64>>>())
    }

    /// Classes of images, batch by batch where the metadata says that a batch is normalised as a whole.
    pub(crate) fn classify_values(&self, images: &[Vec<f64>]) -> Vec<usize> {
        let (mean, deviation) = (self.per_channel("mean"), self.per_channel("deviation"));
        let logits = |image: &Vec<f64>| {
            let each = mean.iter().zip(&deviation).cycle();
            let values = image.iter().zip(each);
            let values = values.map(|(value, (mean, deviation))| (value - mean) / deviation);
            let mut x: Vec<f64> = values.collect();
            for (index, (weights, biases)) in self.layers.iter().enumerate() {
                let input: Vec<f64> =
                    x.iter().map(|value| if index > 0 { value.max(0.0) } else { *value }).collect();
                let dot = |row: &Vec<f64>| row.iter().zip(&input).map(|(a, b)| a * b).sum::<f64>();
                x = weights.iter().zip(biases).map(|(row, bias)| dot(row) + bias).collect();
            }
            x
        };
        let batch_size = self.number("batch_size") as usize;
        let normalised = |batch: &[Vec<f64>]| -> Vec<usize> {
            let mut scores: Vec<Vec<f64>> = batch.iter().map(logits).collect();
            if self.about["batch_log_softmax"] == "true" {
                for class in 0..scores[0].len() {
                    let sum: f64 = scores.iter().map(|scores| scores[class].exp()).sum();
                    for scores in &mut scores {
                        scores[class] -= sum.ln();
                    }
                }
            }
            // Of equal ones, such as those of neurons that never fire, the first.
            let best = |scores: &Vec<f64>| {
                (0..scores.len()).rev().max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap()
            };
            scores.iter().map(best).collect()
        };
        images.chunks(batch_size).flat_map(normalised).collect()
    }
}

/// The accuracy of classes, over all images or as the mean over batches.
pub(crate) fn accuracy(network: &PlainNetwork, classes: &[usize], labels: &[usize]) -> f64 {
    let right = |(a, b): (&[usize], &[usize])| {
        a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
    };
    if network.about["accuracy_of"] == "all-images" {
        return right((classes, labels));
    }
    let size = network.number("batch_size") as usize;
    let batches: Vec<f64> = classes.chunks(size).zip(labels.chunks(size)).map(right).collect();
    batches.iter().sum::<f64>() / batches.len() as f64
}
