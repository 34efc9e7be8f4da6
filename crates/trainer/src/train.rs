//! Training between two clips.

use std::time::Instant;

use burn::tensor::Tensor;
use rayclip_model::Mlp;

use crate::TrainerError;
use crate::batches::BatchOrder;
use crate::config::TrainingConfig;
use crate::device::read;
use crate::events::{Event, Observer};
use crate::images::DeviceImages;
use crate::loss::{class_scores, cross_entropy};
use crate::optimizer::Optimizer;

/// What training one cycle gave.
pub(crate) struct Trained {
    pub(crate) network: Mlp,
    /// Mean loss of every replica over the batches that were done.
    pub(crate) losses: Vec<f64>,
    pub(crate) seconds: f64,
    /// Whether the observer ended it before all batches were done.
    pub(crate) interrupted: bool,
}

/// Trains on the batches of a cycle. Nothing is read from the device before the last of them.
///
/// # Errors
/// The device fails.
pub(crate) fn train(
    mut network: Mlp,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    order: &mut BatchOrder,
    (cycle, config): (usize, &TrainingConfig),
    observer: &mut dyn Observer,
) -> Result<Trained, TrainerError> {
    let began = Instant::now();
    let widths = network.shape().hidden;
    let mut total: Option<Tensor<1>> = None;
    let mut done = 0;
    while done < config.batches_per_cycle && !observer.interrupted() {
        let batch = images.batch(&order.batch(cycle, config.batches_per_cycle, done));
        let tracked = network.tracked();
        let scores = class_scores(config.loss, tracked.forward(batch.images));
        let losses = cross_entropy(scores, batch.labels);
        let gradients = losses.clone().sum().backward();
        network = optimizer.step(tracked, &gradients);
        let losses = losses.inner();
        total = Some(match total {
            Some(total) => total + losses,
            None => losses,
        });
        done += 1;
        observer.notify(&Event::Batch { cycle, widths: &widths });
    }
    let sums = total.map(|total| read(total, "training")).transpose()?.unwrap_or_default();
    Ok(Trained {
        network,
        losses: sums.into_iter().map(|sum| sum / done as f64).collect(),
        seconds: began.elapsed().as_secs_f64(),
        interrupted: done < config.batches_per_cycle,
    })
}
