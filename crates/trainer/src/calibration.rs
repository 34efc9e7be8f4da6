//! Training images that criteria and refits look at, with the networks that see them.

use std::convert::Infallible;

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
    /// `[replica][image]` of the first batch: there is one at least.
    first: Vec<Vec<usize>>,
    /// `[batch][replica][image]` of the others.
    others: Vec<Vec<Vec<usize>>>,
}

impl<'a> Calibration<'a> {
    /// As many batches as are configured, one at least; `network` is that of `replicas`.
    pub(crate) fn draw(
        images: &'a DeviceImages,
        network: Mlp,
        replicas: &[Replica],
        cycle: usize,
        config: &RunConfig,
    ) -> Self {
        let size = config.training.batch_size.min(images.len());
        let draw = |batch: usize| {
            let of_replica = |replica: &Replica| {
                let mut rng = stream(replica.seed, Purpose::Calibration, [cycle, batch]);
                rand::seq::index::sample(&mut rng, images.len(), size).into_vec()
            };
            replicas.iter().map(of_replica).collect()
        };
        let others = (1..config.compression.calibration_batches).map(draw).collect();
        Self { network, images, first: draw(0), others }
    }

    /// Mean over the batches of what `of_batch` makes of one.
    pub(crate) fn mean<const D: usize>(&self, of_batch: impl Fn(Batch) -> Tensor<D>) -> Tensor<D> {
        let Ok(mean) = self.try_mean(|batch| Ok::<_, Infallible>(of_batch(batch)));
        mean
    }

    /// As [`Self::mean`], where `of_batch` may fail.
    ///
    /// # Errors
    /// That of the first batch that fails.
    pub(crate) fn try_mean<const D: usize, E>(
        &self,
        of_batch: impl Fn(Batch) -> Result<Tensor<D>, E>,
    ) -> Result<Tensor<D>, E> {
        let mut sum = of_batch(self.images.batch(&self.first))?;
        for order in &self.others {
            sum = sum + of_batch(self.images.batch(order))?;
        }
        Ok(sum / (1 + self.others.len()) as f64)
    }
}
