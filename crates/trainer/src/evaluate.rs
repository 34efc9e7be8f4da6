//! Accuracy on the test images and those held out, counted on the device.

use burn::tensor::{Int, Tensor};
use rayclip_model::Mlp;

use crate::config::{AccuracyKind, TrainingConfig};
use crate::device::read;
use crate::images::{DeviceImages, Splits};
use crate::loss::class_scores;
use crate::{RunConfig, TrainerError};

/// Accuracies of one replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accuracy {
    /// Reported; nothing is chosen by it.
    pub(crate) test: f64,
    /// What settings are chosen by, where images are held out.
    pub(crate) validation: Option<f64>,
}

/// Accuracies of every replica.
///
/// # Errors
/// The device fails.
pub(crate) fn accuracies(
    network: &Mlp,
    splits: &Splits,
    config: &RunConfig,
) -> Result<Vec<Accuracy>, TrainerError> {
    measured(network, splits, config, &mut |_| {})
}

/// What the networks of every replica make of the images.
pub(crate) struct Tested {
    pub(crate) accuracies: Vec<Accuracy>,
    /// Classes of the test images, `[replica][image]`.
    pub(crate) predictions: Vec<Vec<u8>>,
}

/// Accuracies and predictions of every replica.
///
/// # Errors
/// The device fails.
pub(crate) fn tested(
    network: &Mlp,
    splits: &Splits,
    config: &RunConfig,
) -> Result<Tested, TrainerError> {
    let mut batches = Vec::new();
    let accuracies = measured(network, splits, config, &mut |batch| batches.push(batch.clone()))?;
    let classes: Vec<i32> = Tensor::cat(batches, 1).try_into_vec_as().map_err(|error| {
        TrainerError::Device { doing: "reading the predictions", reason: error.to_string() }
    })?;
    // Labels are bytes, so that there are no more classes.
    let predictions = classes.chunks(splits.test.len());
    let predictions = predictions.map(|of_replica| of_replica.iter().map(|c| *c as u8).collect());
    Ok(Tested { accuracies, predictions: predictions.collect() })
}

/// Accuracies of every replica; `see` is shown the predictions of each batch of test images,
/// `[replica, image, 1]`.
fn measured(
    network: &Mlp,
    splits: &Splits,
    config: &RunConfig,
    see: &mut dyn FnMut(&Tensor<3, Int>),
) -> Result<Vec<Accuracy>, TrainerError> {
    let how = (&config.training, config.evaluation.accuracy);
    let of = |split| accuracy(network, split, how, &mut |_| {});
    let validation = splits.validation.as_ref().map(of).transpose()?;
    let together = |(replica, test)| {
        let validation = validation.as_ref().map(|validation| validation[replica]);
        Accuracy { test, validation }
    };
    let test = accuracy(network, &splits.test, how, see)?;
    Ok(test.into_iter().enumerate().map(together).collect())
}

/// Accuracy of every replica on one split; `see` is shown the predictions of each batch.
///
/// # Errors
/// The split is empty, or the device fails.
fn accuracy(
    network: &Mlp,
    test: &DeviceImages,
    (training, kind): (&TrainingConfig, AccuracyKind),
    see: &mut dyn FnMut(&Tensor<3, Int>),
) -> Result<Vec<f64>, TrainerError> {
    let batch_size = training.batch_size.min(test.len()).max(1);
    let batches = test.len().div_ceil(batch_size);
    let mut of_batch = |batch: usize| -> Tensor<1> {
        let images = batch * batch_size..((batch + 1) * batch_size).min(test.len());
        let count = images.len();
        let batch = test.batch(&[images.collect()]);
        let scores = class_scores(training.loss, network.forward(batch.images));
        let predictions = scores.argmax(2);
        see(&predictions);
        let [replicas, ..] = predictions.dims();
        let correct = predictions.equal(batch.labels).float().sum_dim(1).reshape([replicas]);
        match kind {
            AccuracyKind::AllImages => correct,
            AccuracyKind::MeanOfBatches => correct / count as f64,
        }
    };
    let divisor = match kind {
        AccuracyKind::AllImages => test.len(),
        AccuracyKind::MeanOfBatches => batches,
    };
    let Some(total) = (0..batches).map(&mut of_batch).reduce(|a, b| a + b) else {
        let reason = "there is no image to measure the accuracy on".into();
        return Err(TrainerError::Value { key: "data.source".into(), reason });
    };
    Ok(read(total, "measuring the accuracy")?.into_iter().map(|sum| sum / divisor as f64).collect())
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::Layer;

    use super::*;
    use crate::images::PixelScale;
    use crate::presets::{Layers, Setting, resolve};

    #[test]
    fn the_two_means_weigh_a_short_last_batch_differently() {
        let device = Device::flex();
        let weight =
            Tensor::from_data([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], &device);
        let network =
            Mlp { layers: vec![Layer { weight: Param::from_tensor(weight), bias: None }] };
        // Replica 0 says which pixel is brighter: right, right, wrong.
        let split = Split { images: vec![9, 0, 0, 9, 9, 0], labels: vec![0, 1, 1] };
        let scale = PixelScale { mean: 0.0, deviation: 1.0 };
        let test = DeviceImages::upload(split, 2, scale, &device);
        let settings = vec![Setting::parse("training.batch_size=2").unwrap()];
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let measure = |images, kind| {
            let mut seen = vec![];
            let how = (&config.training, kind);
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
        let none = Split { images: vec![], labels: vec![] };
        let none = DeviceImages::upload(none, 2, scale, &device);
        let refused = measure(&none, AccuracyKind::AllImages).0;
        assert!(refused.unwrap_err().to_string().contains("no image"));
    }
}
