//! Compares the scores of two networks.

use burn::tensor::{Tensor, TensorData};
use rayclip_data::{DataError, Statistics, Values};
use rayclip_model::{Graph, ModelError, Population};

use crate::images::ImageDescription;

impl ImageDescription {
    /// Returns the normalised numbers of the first `count` images, of which each has as many as the description says.
    ///
    /// # Errors
    /// The images stay in a file, and it cannot be read.
    pub fn normalised(&self, images: &Values, count: usize) -> Result<Vec<f32>, DataError> {
        let statistics = Statistics { mean: self.mean.clone(), deviation: self.deviation.clone() };
        let numbers = self.shape.iter().product::<usize>().saturating_mul(count).min(images.len());
        let of_bytes = |bytes: &[u8]| {
            let tables = statistics.tables();
            let value = |(table, byte): (&[f32; 256], &u8)| table[usize::from(*byte)];
            tables.iter().cycle().zip(bytes).map(value).collect()
        };
        Ok(match images {
            Values::Bytes(bytes) => of_bytes(&bytes[..numbers]),
            Values::Stored(stored) => of_bytes(&stored.read(&(0..count).collect::<Vec<_>>())?),
            Values::Floats(floats) => {
                let mut floats = floats[..numbers].to_vec();
                statistics.normalise(&mut floats);
                floats
            }
        })
    }
}

/// Returns the largest difference between the scores of two networks for some images, which are normalised: the
/// numbers of each, row by row, pixel by pixel.
///
/// # Errors
/// A device fails.
///
/// # Panics
/// If the first network reads other numbers than the images have.
pub fn largest_difference(
    one: &Population,
    other: &Population,
    images: &[f32],
) -> Result<f32, ModelError> {
    let scores = |network: &Population| -> Result<Vec<f32>, ModelError> {
        let Graph { input, .. } = network.graph();
        let extents = [1, images.len() / input.channels, input.channels];
        let images = TensorData::new(images.to_vec(), extents);
        let scores = network.forward(Tensor::from_data(images, &network.device()));
        scores.try_into_vec_as().map_err(|error| ModelError::Device {
            what: "the scores".into(),
            reason: error.to_string(),
        })
    };
    if one.graph().input.numbers() != other.graph().input.numbers() {
        return Ok(f32::INFINITY);
    }
    let (one, other) = (scores(one)?, scores(other)?);
    let difference = |(a, b): (&f32, &f32)| (a - b).abs();
    // A number that is none differs from everything.
    let largest =
        |largest: f32, next: f32| if next.is_nan() { f32::INFINITY } else { largest.max(next) };
    let alike = one.len() == other.len();
    Ok(if alike {
        one.iter().zip(&other).map(difference).fold(0.0, largest)
    } else {
        f32::INFINITY
    })
}
