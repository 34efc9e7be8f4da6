//! Training: one batch, forward and back.

use burn::tensor::Tensor;
use rayclip_model::Mlp;

use crate::config::LossKind;
use crate::images::Batch;
use crate::loss::{class_scores, cross_entropy};
use crate::optimizer::Optimizer;

/// The network after one batch, and the loss of every replica, `[replica]`. Nothing is read from the device.
pub(crate) fn step(
    network: Mlp,
    optimizer: &mut Optimizer,
    batch: Batch,
    loss: LossKind,
) -> (Mlp, Tensor<1>) {
    let tracked = network.tracked();
    let scores = class_scores(loss, tracked.forward(batch.images));
    let losses = cross_entropy(scores, batch.labels);
    let gradients = losses.clone().sum().backward();
    (optimizer.step(tracked, &gradients), losses.inner())
}
