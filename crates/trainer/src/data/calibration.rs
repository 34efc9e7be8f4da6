//! Training images for criteria and refits that need activations.

use burn::tensor::Tensor;
use rayclip_run_folder::{Replica, RunConfig};

use super::{Batch, DeviceImages};
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

/// Batches of training images for some replicas, drawn from the replicas' own streams.
pub(crate) struct Calibration<'a> {
    images: &'a DeviceImages,
    /// `[replica][image]` of the first batch. There is always one.
    first: Vec<Vec<usize>>,
    /// `[batch][replica][image]` of the other batches.
    others: Vec<Vec<Vec<usize>>>,
}

impl<'a> Calibration<'a> {
    /// Draws as many batches as configured, but at least one.
    pub(crate) fn draw(
        images: &'a DeviceImages,
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
        Self { images, first: draw(0), others }
    }

    /// Returns the mean of `of_batch` over the batches.
    ///
    /// # Errors
    /// The images cannot be read.
    pub(crate) fn mean<const D: usize>(
        &self,
        of_batch: impl Fn(Batch) -> Tensor<D>,
    ) -> Result<Tensor<D>, TrainerError> {
        self.try_mean(|batch| Ok(of_batch(batch)))
    }

    /// Like [`Self::mean`], for an `of_batch` that can fail.
    ///
    /// # Errors
    /// The error of the first batch that fails, or the images cannot be read.
    pub(crate) fn try_mean<const D: usize>(
        &self,
        of_batch: impl Fn(Batch) -> Result<Tensor<D>, TrainerError>,
    ) -> Result<Tensor<D>, TrainerError> {
        let mut sum = of_batch(self.images.batch(&self.first)?)?;
        for order in &self.others {
            sum = sum + of_batch(self.images.batch(order)?)?;
        }
        Ok(sum / (1 + self.others.len()) as f64)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::Shape;
    use rayclip_run_folder::Method;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::data::PixelScale;

    #[test]
    fn a_replica_sees_the_same_images_beside_others_as_alone() {
        let settings = ["compression.calibration_batches=3", "training.batch_size=4"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let split = Split { images: (0..90).collect::<Vec<u8>>().into(), labels: vec![0; 30] };
        let scale = &PixelScale::all(0.0, 1.0);
        let images = DeviceImages::upload(split, Shape::vector(3), scale, &Device::flex());
        let replicas: Vec<Replica> = (0..3)
            .map(|seed| Replica {
                number: seed,
                seed_index: seed,
                method: Method::Taylor,
                seed: seed as u64,
            })
            .collect();
        let mean = |replicas: &[Replica], cycle| -> Vec<f32> {
            let calibration = Calibration::draw(&images, replicas, cycle, &config);
            let mean = calibration.mean(|batch| batch.images.sum_dim(1)).unwrap();
            mean.into_data().try_to_vec().unwrap()
        };
        let all = mean(&replicas, 5);
        assert_eq!(all.len(), 3 * 3);
        assert_eq!(mean(&replicas[1..2], 5), all[3..6]);
        assert_ne!(mean(&replicas[1..2], 6), all[3..6]);
        assert_ne!(all[..3], all[3..6]);
    }
}
