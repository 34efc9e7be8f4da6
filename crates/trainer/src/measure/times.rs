//! How long a network takes to classify, time after time.

use std::time::{Duration, Instant};

use rayclip_model::Population;

use super::latency::time_one;
use crate::error::TrainerError;
use crate::train::NetworkImages;

/// Repetitions before the first one that counts: they compile kernels and fill caches.
const WARM_UP: usize = 5;

/// Repetitions that count: this many, or until `ENOUGH` time has passed, but at least `LEAST`.
const MOST: usize = 300;
const ENOUGH: Duration = Duration::from_secs(2);
const LEAST: usize = 5;

/// The times of a classification.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// Repetitions before the first one that counts.
    pub warm_up: usize,
    /// Milliseconds of each repetition that counts, in their order.
    pub milliseconds: Vec<f64>,
}

/// Times a network that classifies `count` images at once: the first ones, again and again if there are fewer. The
/// images are on the device and normalised before; the time ends when the host has the logits.
///
/// # Errors
/// There is no image, the images cannot be read, or the device fails.
pub fn classification_times(
    network: &Population,
    images: &NetworkImages,
    count: usize,
) -> Result<Times, TrainerError> {
    if images.is_empty() {
        return Err(TrainerError::NoTestImages);
    }
    let numbers = (0..count).map(|image| image % images.len()).collect();
    let batch = images.images.batch(&[numbers])?.images;
    let repeat = |least: usize, most: usize| -> Result<Vec<f64>, TrainerError> {
        let began = Instant::now();
        let mut times = vec![];
        while times.len() < most && (times.len() < least || began.elapsed() < ENOUGH) {
            times.push(time_one(network, &batch)?);
        }
        Ok(times)
    };
    let warm_up = repeat(1, WARM_UP)?.len();
    Ok(Times { warm_up, milliseconds: repeat(LEAST, MOST)? })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::{Split, Statistics};
    use rayclip_model::Graph;

    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn more_images_than_there_are_can_be_timed() {
        let device = Device::flex();
        let weights = |_, layer| stream(0, Purpose::Weights, [layer, 0]);
        let graph = Graph::perceptron(4, &[3], 2, true);
        let network = Population::init(&graph, 1, &device, weights).unwrap();
        let images = |count: usize| {
            let split = Split { images: vec![7; 4 * count].into(), labels: vec![0; count] };
            let statistics = Statistics { mean: 0.0.into(), deviation: 1.0.into() };
            NetworkImages::new(split, statistics, &network, usize::MAX)
        };
        let times = classification_times(&network, &images(2), 5).unwrap();
        assert_eq!((times.warm_up, times.milliseconds.len()), (WARM_UP, MOST));
        assert!(times.milliseconds.iter().all(|time| *time > 0.0));
        let none = classification_times(&network, &images(0), 5).unwrap_err();
        assert!(none.to_string().contains("no image"), "{none}");
    }
}
