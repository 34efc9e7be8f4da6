//! Mean and standard deviation of training images, for normalisation.
//!
//! Statistics of bytes are fractions of 255. The deviation of what is constant is 1, so that the normalisation never
//! divides by zero.

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::per_channel::PerChannel;
use crate::values::Values;

/// Mean and standard deviation, for all channels or for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The mean.
    pub mean: PerChannel,
    /// The standard deviation, a positive number.
    pub deviation: PerChannel,
}

impl Statistics {
    /// Returns the mean and the deviation of each channel, or one pair for all channels. Values alternate between
    /// as many channels as there are pairs.
    pub fn pairs(&self) -> Vec<(f64, f64)> {
        let (means, deviations) = (self.mean.numbers(), self.deviation.numbers());
        let pair = |channel| (means[channel % means.len()], deviations[channel % deviations.len()]);
        (0..means.len().max(deviations.len())).map(pair).collect()
    }

    /// Returns the normalised value of every byte, `(byte / 255 − mean) / deviation`, for each channel or for all.
    pub fn tables(&self) -> Vec<[f32; 256]> {
        let table = |(mean, deviation): (f64, f64)| {
            std::array::from_fn(|byte| ((byte as f64 / 255.0 - mean) / deviation) as f32)
        };
        self.pairs().into_iter().map(table).collect()
    }

    /// Normalises floats, `(value − mean) / deviation`, in f64.
    pub fn normalise(&self, floats: &mut [f32]) {
        let pairs = self.pairs();
        for pixel in floats.chunks_mut(pairs.len()) {
            for (value, (mean, deviation)) in pixel.iter_mut().zip(&pairs) {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
    }
}

impl Dataset {
    /// Returns the statistics of all values of the training images together.
    ///
    /// # Errors
    /// The images stay in a file, and it cannot be read.
    pub fn pixel_statistics(&self) -> Result<Statistics, DataError> {
        self.statistics(1)
    }

    /// Returns the statistics of every channel of the training images, or of every column of a table.
    ///
    /// # Errors
    /// As [`pixel_statistics`](Self::pixel_statistics).
    pub fn channel_statistics(&self) -> Result<Statistics, DataError> {
        self.statistics(self.channels())
    }

    /// Returns the statistics of `count` channels, which alternate.
    fn statistics(&self, count: usize) -> Result<Statistics, DataError> {
        let mut histograms = vec![[0; 256]; count];
        match &self.train.images {
            Values::Bytes(bytes) => add_bytes(bytes, &mut histograms),
            Values::Stored(stored) => {
                stored.for_each_chunk(|bytes| add_bytes(bytes, &mut histograms))?;
            }
            Values::Floats(floats) => return Ok(of_moments(of_floats(floats, count))),
        }
        Ok(of_moments(histograms.iter().map(of_histogram).collect()))
    }
}

/// Makes statistics of the mean and the deviation of every channel.
fn of_moments(moments: Vec<(f64, f64)>) -> Statistics {
    let (mean, deviation): (Vec<f64>, Vec<f64>) = moments.into_iter().unzip();
    Statistics { mean: mean.into(), deviation: deviation.into() }
}

/// Counts the bytes of every channel.
fn add_bytes(bytes: &[u8], histograms: &mut [[u64; 256]]) {
    for pixel in bytes.chunks(histograms.len()) {
        for (histogram, byte) in histograms.iter_mut().zip(pixel) {
            histogram[usize::from(*byte)] += 1;
        }
    }
}

fn of_histogram(histogram: &[u64; 256]) -> (f64, f64) {
    let count = histogram.iter().sum::<u64>() as f64;
    let moment = |power: i32| -> f64 {
        let sum: f64 = (0_u32..)
            .zip(histogram)
            .map(|(value, times)| (f64::from(value) / 255.0).powi(power) * *times as f64)
            .sum();
        sum / count
    };
    let mean = moment(1);
    // Of a constant, rounding may leave a small variance.
    if histogram.iter().filter(|times| **times > 0).count() == 1 {
        return (mean, 1.0);
    }
    let variance = (moment(2) - mean * mean).max(0.0);
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Returns mean and deviation of every channel. Differences from the first value are summed: they are exactly zero if
/// the channel is constant, and small if its values have a large offset.
fn of_floats(floats: &[f32], channels: usize) -> Vec<(f64, f64)> {
    let count = (floats.len() / channels) as f64;
    let first: Vec<f64> = floats[..channels].iter().copied().map(f64::from).collect();
    let mut sums = vec![0.0; channels];
    let mut squares = vec![0.0; channels];
    for pixel in floats.chunks(channels) {
        for ((sum, value), first) in sums.iter_mut().zip(pixel).zip(&first) {
            *sum += f64::from(*value) - first;
        }
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    for pixel in floats.chunks(channels) {
        for (channel, square) in squares.iter_mut().enumerate() {
            let difference = f64::from(pixel[channel]) - first[channel] - means[channel];
            *square += difference * difference;
        }
    }
    let channel = |((first, mean), square): ((&f64, f64), f64)| {
        let deviation = (square / count).sqrt();
        (first + mean, if deviation > 0.0 { deviation } else { 1.0 })
    };
    first.iter().zip(means).zip(squares).map(channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Split;

    fn data(shape: &[usize], images: impl Into<Values>, labels: Vec<u8>) -> Dataset {
        let train = Split { images: images.into(), labels };
        let test = train.clone();
        Dataset::new("d", shape.to_vec(), train, test).unwrap()
    }

    fn close(found: &PerChannel, expected: &[f64]) {
        assert_eq!(found.numbers().len(), expected.len());
        let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
        assert!(found.numbers().iter().zip(expected).all(same), "{found} {expected:?}");
    }

    #[test]
    fn statistics_of_bytes_are_fractions_of_255() {
        let all = data(&[2], vec![0, 255, 0, 255], vec![0, 1]).pixel_statistics().unwrap();
        assert_eq!(all, Statistics { mean: 0.5.into(), deviation: 0.5.into() });
        let constant = data(&[2], vec![7; 4], vec![0, 1]).pixel_statistics().unwrap();
        assert_eq!(constant.deviation, PerChannel::All(1.0));
    }

    #[test]
    fn every_channel_has_its_own() {
        // One row of two pixels with three channels; the third is constant.
        let colours = vec![0, 51, 9, 255, 0, 9, 0, 51, 9, 255, 0, 9];
        let Statistics { mean, deviation } =
            data(&[1, 2, 3], colours, vec![0, 1]).channel_statistics().unwrap();
        close(&mean, &[0.5, 0.1, 9.0 / 255.0]);
        close(&deviation, &[0.5, 0.1, 1.0]);
        let grey = data(&[1, 2], vec![0, 255, 0, 255], vec![0, 1]);
        assert_eq!(grey.channel_statistics().unwrap(), grey.pixel_statistics().unwrap());
    }

    #[test]
    fn a_column_with_a_large_offset_keeps_its_deviation_and_a_constant_one_has_1() {
        let rows = vec![1e6_f32, 0.1, -1.0, 1e6 + 1.0, 0.1, 3.0];
        let table = data(&[3], rows, vec![0, 1]);
        let Statistics { mean, deviation } = table.channel_statistics().unwrap();
        close(&mean, &[1e6 + 0.5, f64::from(0.1_f32), 1.0]);
        close(&deviation, &[0.5, 1.0, 2.0]);
        assert_eq!(table.pixel_statistics().unwrap().mean.numbers().len(), 1);
    }
}
