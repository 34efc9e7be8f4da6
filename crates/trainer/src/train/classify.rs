//! Classifies images with a network from anywhere: the class scores, batch by batch.

use std::ops::Range;

use rayclip_data::{Split, Statistics};
use rayclip_model::Population;
use rayclip_run_folder::config::LossKind;

use super::evaluate::each_batch;
use crate::data::{DeviceImages, PixelScale};
use crate::device::read;
use crate::error::TrainerError;

/// The images of a split on the device of a network, normalised for it.
pub struct NetworkImages {
    pub(crate) images: DeviceImages,
    labels: Vec<u8>,
}

impl NetworkImages {
    /// Uploads a split. Its images have as many numbers as the network reads. On a GPU, a split with more bytes than
    /// `memory` stays in the memory of the host.
    pub fn new(split: Split, statistics: Statistics, network: &Population, memory: usize) -> Self {
        let scale = PixelScale::new(statistics);
        let (input, device, labels) =
            (network.graph().input, network.device(), split.labels.clone());
        let images = DeviceImages::upload_within(split, input, &scale, &device, memory);
        Self { images, labels }
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the labels of some images.
    pub fn labels(&self, images: Range<usize>) -> &[u8] {
        &self.labels[images]
    }
}

/// Classifies all images with a single network, in batches, in their order. Calls `see` with the numbers of the images
/// of each batch, and with their class scores, `[image][class]`: the logits; or, for a network that was trained with
/// [`LossKind::BatchAxis`], their log-softmax over the batch.
///
/// # Errors
/// The images cannot be read, the device fails, or the first error of `see`.
pub fn scores<E: From<TrainerError>>(
    network: &Population,
    images: &NetworkImages,
    batch_size: usize,
    loss: LossKind,
    mut see: impl FnMut(Range<usize>, &[f64]) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = 0;
    each_batch(network, &images.images, batch_size, loss, |scores, _| {
        let [_, count, _] = scores.dims();
        let of_batch = next..next + count;
        next = of_batch.end;
        see(of_batch, &read(scores, "classifying the images")?)
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use rayclip_model::Graph;

    use super::*;

    #[test]
    fn the_scores_of_all_batches_are_those_of_all_images() {
        let device = Device::flex();
        let weight = Tensor::<3>::from_data([[[1.0, 0.0, 2.0], [0.0, 1.0, -2.0]]], &device);
        let graph = Graph::perceptron(2, &[], 3, false);
        let tensor = |_: &str, _| Ok::<_, TrainerError>(weight.clone());
        let network = Population::from_tensors(&graph, 1, tensor).unwrap();
        let split = Split { images: vec![255, 0, 0, 255, 51, 51].into(), labels: vec![2, 0, 1] };
        let statistics = Statistics { mean: 0.2.into(), deviation: 0.4.into() };
        let images = NetworkImages::new(split, statistics, &network, usize::MAX);
        let all = |batch_size, loss| {
            let mut all = vec![];
            let mut labels = vec![];
            scores(&network, &images, batch_size, loss, |of_batch, scores| {
                assert_eq!(scores.len(), 3 * of_batch.len());
                labels.extend_from_slice(images.labels(of_batch));
                all.extend_from_slice(scores);
                Ok::<(), TrainerError>(())
            })
            .unwrap();
            assert_eq!(labels, [2, 0, 1]);
            all
        };
        let logits = all(2, LossKind::CrossEntropy);
        let expected = [2.0, -0.5, 5.0, -0.5, 2.0, -5.0, 0.0, 0.0, 0.0];
        assert!(logits.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{logits:?}");
        assert_eq!(all(99, LossKind::CrossEntropy), logits);
        // The scores of an image alone are the logarithm of 1.
        assert_eq!(all(2, LossKind::BatchAxis)[6..], [0.0; 3]);
        let refused = scores(&network, &images, 2, LossKind::CrossEntropy, |_, _| {
            Err(TrainerError::NoTestImages)
        });
        assert!(refused.is_err() && images.len() == 3);
    }
}
