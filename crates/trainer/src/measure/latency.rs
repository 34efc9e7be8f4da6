//! How long a network takes to classify, at the widths of a run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use rayclip_model::{Graph, Population};
use rayclip_run_folder::LatencyRow;

use crate::data::DeviceImages;
use crate::device::read;
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

/// All widths are timed in turn: for `ROUNDS` rounds, or until `ENOUGH` time has passed, but for at least `LEAST`
/// rounds.
const ROUNDS: usize = 20;
const ENOUGH: Duration = Duration::from_millis(500);
const LEAST: usize = 5;

/// A network that is timed.
pub(crate) struct TimedRung {
    /// The clip that leads to the network; `None` for the network before the first clip.
    pub(crate) clip: Option<usize>,
    pub(crate) graph: Graph,
}

/// A network and the images that it classifies.
struct Timed {
    clip: Option<usize>,
    neurons: usize,
    count: usize,
    network: Population,
    images: Tensor<3>,
    milliseconds: Vec<f64>,
}

/// Times one fresh network of every rung, with the first images in batches of these sizes.
///
/// All are timed in turn, so a machine that is busy for a while slows all of them.
///
/// # Errors
/// The device fails.
pub(crate) fn latencies(
    rungs: &[TimedRung],
    device: &Device,
    images: &DeviceImages,
    batch_sizes: &BTreeSet<usize>,
) -> Result<Vec<LatencyRow>, TrainerError> {
    let mut all = Vec::new();
    for TimedRung { clip, graph } in rungs {
        let weights = |_, layer| stream(0, Purpose::Weights, [layer, 0]);
        let network = Population::init(graph, 1, device, weights)?;
        for &count in batch_sizes {
            let images = images.batch(&[(0..count).collect()])?.images;
            let (network, neurons) = (network.clone(), graph.widths().iter().sum());
            all.push(Timed { clip: *clip, neurons, count, network, images, milliseconds: vec![] });
        }
    }
    time_in_turn(&mut all)?;
    Ok(all.into_iter().map(Timed::row).collect())
}

/// Returns the median milliseconds in which a fresh network of each graph classifies `count` images. All are timed
/// in turn.
///
/// # Errors
/// The device fails.
pub(crate) fn medians(
    graphs: &[Graph],
    device: &Device,
    count: usize,
) -> Result<Vec<f64>, TrainerError> {
    let timed = |graph: &Graph| {
        let weights = |_, layer| stream(0, Purpose::Weights, [layer, 0]);
        let network = Population::init(graph, 1, device, weights)?;
        let extents = [1, count * graph.input.positions(), graph.input.channels];
        let (images, neurons) = (Tensor::zeros(extents, device), graph.widths().iter().sum());
        Ok(Timed { clip: None, neurons, count, network, images, milliseconds: vec![] })
    };
    let mut all = graphs.iter().map(timed).collect::<Result<Vec<Timed>, TrainerError>>()?;
    time_in_turn(&mut all)?;
    Ok(all.into_iter().map(|timed| timed.row().median_ms).collect())
}

fn time_in_turn(all: &mut [Timed]) -> Result<(), TrainerError> {
    let began = Instant::now();
    // The first round compiles kernels and does not count.
    for round in 0..=ROUNDS {
        for timed in &mut *all {
            let milliseconds = timed.classify()?;
            if round > 0 {
                timed.milliseconds.push(milliseconds);
            }
        }
        if round >= LEAST && began.elapsed() > ENOUGH {
            break;
        }
    }
    Ok(())
}

/// Times one classification of images on the device, in milliseconds, until the host has the logits.
pub(super) fn time_one(network: &Population, images: &Tensor<3>) -> Result<f64, TrainerError> {
    let began = Instant::now();
    read(network.forward(images.clone()), "timing the network")?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

impl Timed {
    /// Times one classification, in milliseconds.
    fn classify(&self) -> Result<f64, TrainerError> {
        time_one(&self.network, &self.images)
    }

    fn row(self) -> LatencyRow {
        let mut times = self.milliseconds;
        times.sort_by(f64::total_cmp);
        LatencyRow {
            cycle: self.clip,
            neurons: self.neurons,
            images: self.count,
            rounds: times.len(),
            median_ms: times[times.len() / 2],
            least_ms: times[0],
            most_ms: times[times.len() - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use rayclip_data::Split;
    use rayclip_model::Shape;

    use super::*;
    use crate::data::PixelScale;

    #[test]
    fn every_width_is_timed_alone_and_in_a_batch() {
        let device = Device::flex();
        let split = Split { images: vec![7; 3 * 4].into(), labels: vec![0, 1, 0] };
        let scale = &PixelScale::all(0.0, 1.0);
        let images = DeviceImages::upload(split, Shape::vector(4), scale, &device);
        let rung = |clip, widths: [usize; 2]| {
            let graph = Graph::perceptron(4, &widths, 2, true);
            TimedRung { clip, graph }
        };
        let rungs = [rung(None, [8, 8]), rung(Some(0), [7, 7])];
        let rows = latencies(&rungs, &device, &images, &BTreeSet::from([1, 3])).unwrap();
        let what: Vec<_> = rows.iter().map(|row| (row.cycle, row.neurons, row.images)).collect();
        assert_eq!(what, [(None, 16, 1), (None, 16, 3), (Some(0), 14, 1), (Some(0), 14, 3)]);
        for row in &rows {
            assert!(0.0 < row.least_ms && row.least_ms <= row.median_ms);
            assert!(row.median_ms <= row.most_ms && row.rounds >= LEAST);
        }
    }
}
