//! Training images that criteria and refits look at, with the networks that see them.

use burn::tensor::Tensor;
use rayclip_model::Mlp;

use crate::RunConfig;
use crate::images::{Batch, DeviceImages};
use crate::replica::Replica;
use crate::streams::{Purpose, stream};

/// Batches of training images of some replicas, drawn from the replicas' own streams.
pub(crate) struct Calibration<'a> {
    pub(crate) network: Mlp,
    images: &'a DeviceImages,
    /// `[batch][replica][image]`
    order: Vec<Vec<Vec<usize>>>,
}

impl<'a> Calibration<'a> {
    /// As many batches as are configured; `network` is that of `replicas`.
    pub(crate) fn draw(
        images: &'a DeviceImages,
        network: Mlp,
        replicas: &[Replica],
        cycle: usize,
        config: &RunConfig,
    ) -> Self {
        let size = config.training.batch_size.min(images.len());
        let draw = |batch: usize, replica: &Replica| {
            let mut rng = stream(replica.seed, Purpose::Calibration, [cycle, batch]);
            rand::seq::index::sample(&mut rng, images.len(), size).into_vec()
        };
        let order = (0..config.compression.calibration_batches)
            .map(|batch| replicas.iter().map(|replica| draw(batch, replica)).collect())
            .collect();
        Self { network, images, order }
    }

    /// The batches, one after the other.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch> {
        self.order.iter().map(|indices| self.images.batch(indices))
    }

    /// Mean over the batches of what `of_batch` makes of one.
    pub(crate) fn mean<const D: usize>(&self, of_batch: impl Fn(Batch) -> Tensor<D>) -> Tensor<D> {
        let sum = self.batches().map(of_batch).reduce(|a, b| a + b);
        sum.expect("there is one batch at least") / self.order.len() as f64
    }
}
