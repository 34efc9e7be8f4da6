//! Accuracy on the test images and on the held-out images, counted on the device.

use burn::tensor::{Int, Tensor};
use rayclip_model::Population;
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::config::{AccuracyKind, LossKind, TrainingConfig};
use rayon::prelude::*;
use tracing::info_span;

use super::class_scores;
use crate::data::{Batch, DeviceImages, Splits};
use crate::device::{is_host, read};
use crate::error::TrainerError;
use crate::trace::traced;

/// The most batches that a CPU classifies at the same time: each needs memory of its own.
const AT_ONCE: usize = 4;

/// The accuracies of one replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accuracy {
    /// On the test images. It is reported, and nothing is chosen by it.
    pub(crate) test: f64,
    /// On the held-out images, if there are any. Settings are chosen by it.
    pub(crate) validation: Option<f64>,
}

/// Measures the accuracies of every replica.
///
/// # Errors
/// The device fails.
pub(crate) fn accuracies(
    network: &Population,
    splits: &Splits,
    config: &RunConfig,
) -> Result<Vec<Accuracy>, TrainerError> {
    measured(network, splits, config, &mut |_| {})
}

/// Accuracies and predictions of the networks of all replicas.
pub(crate) struct Tested {
    pub(crate) accuracies: Vec<Accuracy>,
    /// Predicted classes of the test images, `[replica][image]`.
    pub(crate) predictions: Vec<Vec<u8>>,
}

/// Measures the accuracies of every replica and returns its predictions.
///
/// # Errors
/// The device fails.
pub(crate) fn tested(
    network: &Population,
    splits: &Splits,
    config: &RunConfig,
) -> Result<Tested, TrainerError> {
    let mut batches = Vec::new();
    let accuracies = measured(network, splits, config, &mut |batch| batches.push(batch.clone()))?;
    let classes: Vec<i32> = Tensor::cat(batches, 1).try_into_vec_as().map_err(|error| {
        TrainerError::Device { doing: "reading the predictions", reason: error.to_string() }
    })?;
    // Labels are bytes, so a class fits into a byte.
    let predictions = classes.chunks(splits.test.len());
    let predictions = predictions.map(|of_replica| of_replica.iter().map(|c| *c as u8).collect());
    Ok(Tested { accuracies, predictions: predictions.collect() })
}

/// Measures the accuracies of every replica. Calls `see` with the predictions of each batch of test images,
/// `[replica, image, 1]`.
fn measured(
    network: &Population,
    splits: &Splits,
    config: &RunConfig,
    see: &mut dyn FnMut(&Tensor<3, Int>),
) -> Result<Vec<Accuracy>, TrainerError> {
    let how = How { training: &config.training, kind: config.evaluation.accuracy };
    let device = &network.device();
    let of = |split| {
        let span = info_span!("evaluation", of = "validation");
        traced(&span, device, || accuracy(network, split, how, &mut |_| {}))
    };
    let validation = splits.validation.as_ref().map(of).transpose()?;
    let together = |(replica, test)| {
        let validation = validation.as_ref().map(|validation| validation[replica]);
        Accuracy { test, validation }
    };
    let test = traced(&info_span!("evaluation", of = "test"), device, || {
        accuracy(network, &splits.test, how, see)
    })?;
    Ok(test.into_iter().enumerate().map(together).collect())
}

/// How an accuracy is measured.
#[derive(Clone, Copy)]
struct How<'a> {
    training: &'a TrainingConfig,
    kind: AccuracyKind,
}

/// Measures the accuracy of every replica on one split. Calls `see` with the predictions of each batch.
///
/// # Errors
/// The split is empty, its images cannot be read, or the device fails.
fn accuracy(
    network: &Population,
    test: &DeviceImages,
    How { training, kind }: How<'_>,
    see: &mut dyn FnMut(&Tensor<3, Int>),
) -> Result<Vec<f64>, TrainerError> {
    let mut total: Option<Tensor<1>> = None;
    let mut batches = 0;
    each_batch(network, test, training.batch_size, training.loss, |scores, labels| {
        let predictions = scores.argmax(2);
        see(&predictions);
        let [replicas, count, _] = predictions.dims();
        let correct = predictions.equal(labels).float().sum_dim(1).reshape([replicas]);
        let correct = match kind {
            AccuracyKind::AllImages => correct,
            AccuracyKind::MeanOfBatches => correct / count as f64,
        };
        batches += 1;
        total = Some(match total.take() {
            Some(total) => total + correct,
            None => correct,
        });
        Ok::<(), TrainerError>(())
    })?;
    let divisor = match kind {
        AccuracyKind::AllImages => test.len(),
        AccuracyKind::MeanOfBatches => batches,
    };
    let total = total.ok_or(TrainerError::NoTestImages)?;
    Ok(read(total, "measuring the accuracy")?.into_iter().map(|sum| sum / divisor as f64).collect())
}

/// Classifies the images of a split, in batches, in their order. Calls `see` with the class scores of each batch,
/// `[replica, image, class]`, and its labels, `[1, image, 1]`. On a CPU, several cores classify a batch each.
///
/// # Errors
/// The images cannot be read, or the first error of `see`.
pub(super) fn each_batch<E: From<TrainerError>>(
    network: &Population,
    images: &DeviceImages,
    batch_size: usize,
    loss: LossKind,
    mut see: impl FnMut(Tensor<3>, Tensor<3, Int>) -> Result<(), E>,
) -> Result<(), E> {
    let batch_size = batch_size.min(images.len()).max(1);
    let classify = |batch: usize| {
        let of_batch = batch * batch_size..((batch + 1) * batch_size).min(images.len());
        let Batch { images, labels } = images.batch(&[of_batch.collect()])?;
        Ok::<_, TrainerError>((class_scores(loss, network.forward(images)), labels))
    };
    let batches = images.len().div_ceil(batch_size);
    let cores = rayon::current_num_threads().min(AT_ONCE);
    let at_once = if is_host(&network.device()) { cores } else { 1 };
    for first in (0..batches).step_by(at_once) {
        let classified: Vec<_> = match first..batches.min(first + at_once) {
            one if one.len() == 1 => vec![classify(first)],
            several => several.into_par_iter().map(classify).collect(),
        };
        for scores in classified {
            let (scores, labels) = scores?;
            see(scores, labels)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::{Graph, Shape};
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::data::PixelScale;

    #[test]
    fn the_two_means_weigh_a_short_last_batch_differently() {
        let device = Device::flex();
        let weight =
            Tensor::<3>::from_data([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], &device);
        let graph = Graph::perceptron(2, &[], 2, false);
        let tensor = |_: &str, _| Ok::<_, TrainerError>(weight.clone());
        let network = Population::from_tensors(&graph, 2, tensor).unwrap();
        // Replica 0 predicts which pixel is brighter: right, right, wrong.
        let split = Split { images: vec![9, 0, 0, 9, 9, 0].into(), labels: vec![0, 1, 1] };
        let scale = &PixelScale::all(0.0, 1.0);
        let test = DeviceImages::upload(split, Shape::vector(2), scale, &device);
        let settings = vec![Setting::parse("training.batch_size=2").unwrap()];
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let measure = |images, kind| {
            let mut seen = vec![];
            let how = How { training: &config.training, kind };
            let accuracy = accuracy(&network, images, how, &mut |batch| {
                seen.extend(
                    batch.clone().into_data().convert::<i32>().try_to_vec::<i32>().unwrap(),
                );
            });
            (accuracy, seen)
        };
        let by = |kind| measure(&test, kind).0.unwrap();
        let all = by(AccuracyKind::AllImages);
        assert!((all[0] - 2.0 / 3.0).abs() < 1e-6 && (all[1] - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(by(AccuracyKind::MeanOfBatches), [0.5, 0.5]);
        // Two images of both replicas, then the third.
        assert_eq!(measure(&test, AccuracyKind::AllImages).1, [0, 1, 1, 0, 0, 1]);
        let none = Split { images: vec![0; 0].into(), labels: vec![] };
        let none = DeviceImages::upload(none, Shape::vector(2), scale, &device);
        let refused = measure(&none, AccuracyKind::AllImages).0;
        assert!(refused.unwrap_err().to_string().contains("no image"));
    }
}
