//! How long the network takes to classify, at the widths that a run led through.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use rayclip_model::{Mlp, MlpShape};
use serde::Serialize;

use crate::TrainerError;
use crate::device::read;
use crate::images::DeviceImages;
use crate::streams::{Purpose, stream};

/// All widths are timed in turn so many times, or until the time is up, but a few times at least.
const ROUNDS: usize = 20;
const ENOUGH: Duration = Duration::from_millis(500);
const LEAST: usize = 5;

/// A line of `latency.csv`: one network at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyRow {
    /// The clip that leads to the network; none for the network before the first.
    pub cycle: Option<usize>,
    /// Its hidden neurons.
    pub neurons: usize,
    /// Images that are classified at once.
    pub images: usize,
    /// Timings.
    pub rounds: usize,
    /// Milliseconds from images on the device to class scores on the host: the median,
    pub median_ms: f64,
    /// the shortest,
    pub least_ms: f64,
    /// and the longest.
    pub most_ms: f64,
}

/// Times one fresh network of every rung `(cycle, widths)`, alone and with a batch of `images`.
///
/// All are timed in turn, so that a machine that is busy for a while is so for all of them.
///
/// # Errors
/// The device fails.
pub(crate) fn latencies(
    rungs: &[(Option<usize>, Vec<usize>)],
    (shape, device): (&MlpShape, &Device),
    images: &DeviceImages,
    batch_size: usize,
) -> Result<Vec<LatencyRow>, TrainerError> {
    let mut networks = Vec::new();
    for (cycle, widths) in rungs {
        let shape = MlpShape { replicas: 1, hidden: widths.clone(), ..shape.clone() };
        let network =
            Mlp::init(&shape, device, |_, layer| stream(0, Purpose::Weights, [layer, 0]))?;
        let batch = batch_size.min(images.len());
        for count in [1, batch].into_iter().take(batch.min(2)) {
            let images = images.batch(&[(0..count).collect()]).images;
            networks.push((*cycle, widths.iter().sum(), count, network.clone(), images));
        }
    }
    let mut times: Vec<Vec<f64>> = vec![vec![]; networks.len()];
    let began = Instant::now();
    // The first round compiles kernels and is not counted.
    for round in 0..=ROUNDS {
        for ((.., network, images), times) in networks.iter().zip(&mut times) {
            let began = Instant::now();
            read(network.forward(images.clone()), "timing the network")?;
            if round > 0 {
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        if round >= LEAST && began.elapsed() > ENOUGH {
            break;
        }
    }
    let row = |((cycle, neurons, images, ..), mut times): (&(_, _, _, Mlp, _), Vec<f64>)| {
        times.sort_by(f64::total_cmp);
        LatencyRow {
            cycle: *cycle,
            neurons: *neurons,
            images: *images,
            rounds: times.len(),
            median_ms: times[times.len() / 2],
            least_ms: times[0],
            most_ms: times[times.len() - 1],
        }
    };
    Ok(networks.iter().zip(times).map(row).collect())
}

#[cfg(test)]
mod tests {
    use rayclip_data::Split;

    use super::*;
    use crate::images::PixelScale;

    #[test]
    fn every_width_is_timed_alone_and_in_a_batch() {
        let device = Device::flex();
        let split = Split { images: vec![7; 3 * 4], labels: vec![0, 1, 0] };
        let scale = PixelScale { mean: 0.0, deviation: 1.0 };
        let images = DeviceImages::upload(split, 4, scale, &device);
        let shape = MlpShape { replicas: 6, inputs: 4, hidden: vec![8, 8], outputs: 2, bias: true };
        let rungs = [(None, vec![8, 8]), (Some(0), vec![7, 7])];
        let rows = latencies(&rungs, (&shape, &device), &images, 512).unwrap();
        let what: Vec<_> = rows.iter().map(|row| (row.cycle, row.neurons, row.images)).collect();
        assert_eq!(what, [(None, 16, 1), (None, 16, 3), (Some(0), 14, 1), (Some(0), 14, 3)]);
        for row in &rows {
            assert!(0.0 < row.least_ms && row.least_ms <= row.median_ms);
            assert!(row.median_ms <= row.most_ms && row.rounds >= LEAST);
        }
    }
}
