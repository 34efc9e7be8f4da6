//! The normalisation of images.

use burn::tensor::{Device, Tensor, TensorData};
use rayclip_data::Statistics;

/// `(pixel / 255 − mean) / deviation` of bytes, and `(value − mean) / deviation` of floats, with numbers for all
/// channels or for each.
#[derive(Debug, Clone)]
pub(crate) struct PixelScale(Statistics);

impl PixelScale {
    pub(crate) fn new(statistics: Statistics) -> Self {
        Self(statistics)
    }

    /// The same for all channels.
    #[cfg(test)]
    pub(crate) fn all(mean: f64, deviation: f64) -> Self {
        Self(Statistics { mean: mean.into(), deviation: deviation.into() })
    }

    /// Returns the normalised value of every byte, for each channel or for all.
    pub(super) fn tables(&self) -> Vec<[f32; 256]> {
        self.0.tables()
    }

    /// Normalises floats.
    pub(super) fn normalise(&self, floats: &mut [f32]) {
        self.0.normalise(floats);
    }

    /// Returns the normalised value of zero (of bytes: of black), for each channel or for all.
    pub(super) fn zeros(&self) -> Vec<f32> {
        self.0.pairs().iter().map(|(mean, deviation)| ((0.0 - mean) / deviation) as f32).collect()
    }

    /// Returns the normalisation of bytes on a device.
    pub(super) fn on(&self, device: &Device) -> DeviceScale {
        let pairs = self.0.pairs();
        if let [(mean, deviation)] = pairs[..] {
            return DeviceScale::All(1.0 / (255.0 * deviation), mean / deviation);
        }
        let row = |number: fn(&(f64, f64)) -> f64| {
            let numbers: Vec<f32> = pairs.iter().map(|pair| number(pair) as f32).collect();
            Tensor::from_data(TensorData::new(numbers, [1, pairs.len()]), device)
        };
        let factors = row(|(_, deviation)| 1.0 / (255.0 * deviation));
        DeviceScale::Each(Box::new([factors, row(|(mean, deviation)| mean / deviation)]))
    }
}

/// The normalisation of bytes on a device: `byte · factor − offset`.
pub(super) enum DeviceScale {
    /// One factor and one offset.
    All(f64, f64),
    /// Factors and offsets, `[1, channel]`.
    Each(Box<[Tensor<2>; 2]>),
}

impl DeviceScale {
    /// Normalises bytes as floats, `[image, pixel]`.
    pub(super) fn normalise(&self, pixels: Tensor<2>) -> Tensor<2> {
        match self {
            Self::All(factor, offset) => (pixels * *factor).sub_scalar(*offset),
            Self::Each(each) => {
                let [factors, offsets] = each.as_ref();
                let [images, count] = pixels.dims();
                let [_, channels] = factors.dims();
                let pixels = pixels.reshape([images * count / channels, channels]);
                (pixels * factors.clone() - offsets.clone()).reshape([images, count])
            }
        }
    }
}
