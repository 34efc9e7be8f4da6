//! Class scores from the network's output, and the training loss.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};

use rayclip_run_folder::config::LossKind;

/// Computes the class scores of a batch, `[replica, image, class]`. The loss and the predictions use them.
pub(crate) fn class_scores(kind: LossKind, logits: Tensor<3>) -> Tensor<3> {
    match kind {
        LossKind::CrossEntropy => logits,
        // Paper: the supplement's network ends with a log-softmax over the batch, in training and in testing, and
        // PyTorch's cross-entropy follows. The text has the cross-entropy alone. With the log-softmax, the loss
        // leaves one constant per class undetermined, so predictions need the same step.
        LossKind::BatchAxis => log_softmax(logits, 1),
    }
}

/// Computes the mean cross-entropy of every replica over its batch. The part `smoothing` of the target is spread
/// over all classes.
///
/// # References
/// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, *Rethinking the inception architecture* (CVPR 2016), section 7, for the
/// smoothing.
///
/// # Shapes
/// `scores`: `[replica, image, class]`, `labels`: `[replica or 1, image, 1]`; result: `[replica]`.
pub(crate) fn smoothed_cross_entropy(
    scores: Tensor<3>,
    labels: Tensor<3, Int>,
    smoothing: f64,
) -> Tensor<1> {
    let [replicas, images, classes] = scores.dims();
    let ids = Tensor::<1, Int>::arange(0..classes as i64, &labels.device());
    // A mask instead of a gather: its gradient needs no scatter, so it is the same in every run.
    let mut target = labels.equal(ids.reshape([1, 1, classes])).float();
    if smoothing > 0.0 {
        target = target * (1.0 - smoothing) + smoothing / classes as f64;
    }
    let likelihoods = log_softmax(scores, 2) * target;
    likelihoods.sum_dim(2).sum_dim(1).reshape([replicas]) * (-1.0 / images as f64)
}

/// Computes the mean divergence of every replica's scores from those of a teacher over its batch, at a temperature:
/// `T² Σ p log(p / q)`, where `p` is the softmax of the teacher's scores divided by `T`, and `q` that of the
/// replica's.
///
/// # References
/// Hinton, Vinyals, Dean, *Distilling the knowledge in a neural network* (2015), section 2.
///
/// # Shapes
/// Both scores: `[replica, image, class]`; result: `[replica]`.
pub(crate) fn divergence(scores: Tensor<3>, teacher: Tensor<3>, temperature: f64) -> Tensor<1> {
    let [replicas, images, _] = scores.dims();
    let (scores, teacher) = (scores / temperature, teacher / temperature);
    let difference = log_softmax(teacher.clone(), 2) - log_softmax(scores, 2);
    let of_images = softmax(teacher, 2) * difference;
    of_images.sum_dim(2).sum_dim(1).reshape([replicas]) * (temperature.powi(2) / images as f64)
}

/// Computes the mean cross-entropy of every replica over its batch, as [`smoothed_cross_entropy`].
pub(crate) fn cross_entropy(scores: Tensor<3>, labels: Tensor<3, Int>) -> Tensor<1> {
    smoothed_cross_entropy(scores, labels, 0.0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn losses(kind: LossKind) -> Vec<f32> {
        let device = Device::flex();
        let logits = Tensor::<3>::from_data(
            [[[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]],
            &device,
        );
        let labels = Tensor::<3, Int>::from_data([[[1], [0]]], &device);
        cross_entropy(class_scores(kind, logits), labels).into_data().try_to_vec().unwrap()
    }

    // The expected values come from the formulas in NumPy, f64.

    #[test]
    fn cross_entropy_is_over_the_classes() {
        let losses = losses(LossKind::CrossEntropy);
        assert!((losses[0] - 1.717_571_5).abs() < 1e-5, "{losses:?}");
        assert!((losses[1] - 3_f32.ln()).abs() < 1e-6, "{losses:?}");
    }

    #[test]
    fn smoothing_spreads_a_part_of_the_target() {
        let device = Device::flex();
        let scores = Tensor::<3>::from_data([[[1.0, 2.0, 0.5]]], &device);
        let labels = Tensor::<3, Int>::from_data([[[1]]], &device);
        let loss = smoothed_cross_entropy(scores, labels, 0.3);
        let loss: Vec<f32> = loss.into_data().try_to_vec().unwrap();
        // −Σ t log p with t = (0.1, 0.8, 0.1), in f64.
        assert!((loss[0] - 0.714_368_6).abs() < 1e-6, "{loss:?}");
    }

    #[test]
    fn the_divergence_is_that_of_softened_classes() {
        let device = Device::flex();
        let scores = Tensor::<3>::from_data([[[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]]], &device);
        let teacher = Tensor::<3>::from_data([[[2.0, 1.0, -1.0], [3.0, 0.0, 0.0]]], &device);
        let found: Vec<f32> =
            divergence(scores.clone(), teacher, 2.0).into_data().try_to_vec().unwrap();
        assert!((found[0] - 0.8211145).abs() < 1e-6, "{found:?}");
        let same: Vec<f32> =
            divergence(scores.clone(), scores, 2.0).into_data().try_to_vec().unwrap();
        assert_eq!(same, [0.0]);
    }

    #[test]
    fn the_supplement_normalises_over_the_batch_first() {
        let losses = losses(LossKind::BatchAxis);
        assert!((losses[0] - 1.037_436_6).abs() < 1e-5, "{losses:?}");
        assert!((losses[1] - 3_f32.ln()).abs() < 1e-6, "{losses:?}");
    }
}
