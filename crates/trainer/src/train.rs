//! Training: one batch, forward and back.

use burn::tensor::Tensor;
use rayclip_model::Mlp;

use crate::TrainerError;
use crate::config::LossKind;
use crate::images::Batch;
use crate::loss::{class_scores, cross_entropy};
use crate::optimizer::Optimizer;

/// The network after one batch, and the loss of every replica, `[replica]`. Nothing is read from the device.
///
/// # Errors
/// The device fails.
pub(crate) fn step(
    network: Mlp,
    optimizer: &mut Optimizer,
    batch: Batch,
    loss: LossKind,
) -> Result<(Mlp, Tensor<1>), TrainerError> {
    let tracked = network.tracked();
    let scores = class_scores(loss, tracked.forward(batch.images));
    let losses = cross_entropy(scores, batch.labels);
    // A sum over an axis: that over a whole tensor may add up in any order on a GPU.
    let gradients = losses.clone().sum_dim(0).backward();
    Ok((optimizer.step(tracked, &gradients)?, losses.inner()))
}
