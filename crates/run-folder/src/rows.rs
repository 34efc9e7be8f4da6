//! The rows of a run's tables.

use serde::{Deserialize, Serialize};

use crate::config::Method;
use crate::config::SolverStatus;
use crate::config::is_from_scratch;

/// A line of `cycles.csv`: one clip of one group of one replica. It is the same when a run is repeated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleRow {
    /// The replica.
    pub replica: usize,
    /// The name of its [`Method`].
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// The name of the group; its neurons are clipped together.
    pub group: String,
    /// Neurons before the clip.
    pub width_before: usize,
    /// Neurons after the clip.
    pub width_after: usize,
    /// Fraction of the group's first neurons that are gone.
    pub sparsity: f64,
    /// Test accuracy before the clip, after this cycle's training; `None` for `scratch`.
    pub accuracy_before_clip: Option<f64>,
    /// Test accuracy right after the clip of all groups; for `scratch`, after the budget spent so far.
    pub accuracy_after_clip: f64,
    /// Test accuracy after the training that follows the clip; `None` if the run ended before.
    pub accuracy_after_training: Option<f64>,
    /// As `accuracy_after_clip`, on the held-out images; `None` if there are none.
    pub validation_after_clip: Option<f64>,
    /// As `accuracy_after_training`, on the held-out images; `None` if there are none.
    pub validation_after_training: Option<f64>,
    /// Mean training loss over this cycle's batches; `None` if it is not finite.
    pub train_loss: Option<f64>,
    /// Weights and biases of the replica after the clip of all groups.
    pub parameters: usize,
    /// Replicas that trained at the same time, including this one.
    pub at_once: Option<usize>,
    /// The algorithm that reconstructed the rays; empty for criteria without a solver.
    #[serde(default)]
    pub solver: String,
    /// The most iterations of any of the replica's rays of the group.
    pub solver_iterations: Option<usize>,
    /// The worst status of any of these rays.
    pub solver_status: Option<SolverStatus>,
    /// Floating-point operations of all rays of the group, as the solver counts them.
    pub solver_flops: Option<f64>,
    /// Neurons of the group with the same score as another neuron of the group; 0 for `scratch`, which has no
    /// scores.
    pub ties: Option<usize>,
    /// Bytes of the parameters, as f32.
    pub bytes: Option<usize>,
    /// Multiply-accumulates to classify an image, after the clip of all groups.
    pub macs: Option<usize>,
    /// Batches of the network's training, up to the clip.
    pub batches: Option<usize>,
    /// Images in these batches.
    pub images: Option<usize>,
    /// Floating-point operations of this training (see [`training_flops`](crate::operations::training_flops)).
    pub training_flops: Option<f64>,
    /// Floating-point operations to train the network before the first clip on the same images.
    pub full_width_flops: Option<f64>,
}

impl CycleRow {
    /// Returns whether this is a fresh network with the width that others were clipped to.
    pub fn is_scratch(&self) -> bool {
        is_from_scratch(&self.method)
    }

    /// Returns whether the method reconstructs rays.
    pub fn has_rays(&self) -> bool {
        self.method.split('-').next() == Some("dtc")
    }
}

/// A line of `timings.csv`: the cost of a cycle of a replica. It differs when a run is repeated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// The replica.
    pub replica: usize,
    /// The cycle.
    pub cycle: usize,
    /// Seconds of this cycle's training, for all replicas of the chunk together; for `scratch`, of all training so
    /// far.
    pub train_seconds: f64,
    /// Seconds of scoring, clipping and rebuilding, for all replicas of the chunk together.
    pub compress_seconds: f64,
    /// Joules of the machine since the chunk's last clip, or since its start, including measurements; for
    /// `scratch`, since the start of the network's training; `None` if no counter can be read.
    pub joules: Option<f64>,
    /// Seconds of scoring by the replica's method, including its solver, for all replicas of the chunk with this
    /// method together; 0 for `scratch`.
    pub score_seconds: Option<f64>,
    /// Seconds of the method's solver among these; `None` if it has no solver.
    pub solve_seconds: Option<f64>,
}

/// A line of `latency.csv`: one network at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// The clip that leads to the network; `None` for the network before the first clip.
    pub cycle: Option<usize>,
    /// Its hidden neurons.
    pub neurons: usize,
    /// Images in the batch.
    pub images: usize,
    /// Number of timings.
    pub rounds: usize,
    /// Median milliseconds from images on the device to class scores on the host.
    pub median_ms: f64,
    /// Shortest time, in milliseconds.
    pub least_ms: f64,
    /// Longest time, in milliseconds.
    pub most_ms: f64,
}

/// The kept neurons of a replica after a clip, in a file of [`paths::KEPT`](crate::paths::KEPT).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptRow {
    /// The replica.
    pub replica: usize,
    /// The method that ranks its neurons.
    pub method: Method,
    /// Its seed.
    pub seed: u64,
    /// Original numbers of the kept neurons, `[neuron]` by group.
    pub groups: std::collections::BTreeMap<String, Vec<usize>>,
}

/// The measurements and rays of a group of a replica in a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRays {
    /// The replica.
    pub replica: usize,
    /// The group.
    pub group: String,
    /// Measurements of the incoming and of the outgoing weight sums, `[2][n]`.
    pub y: [Vec<f64>; 2],
    /// Rays of both sums, `[2][m]`, as cosine coefficients.
    pub x: [Vec<f64>; 2],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::{from_csv, header, to_csv};

    #[test]
    fn every_bit_of_a_row_survives() {
        let row = CycleRow {
            method: "dtc-l2".into(),
            seed: u64::MAX,
            group: "layer_1".into(),
            sparsity: 0.1 + 0.2,
            accuracy_before_clip: Some(f64::MIN_POSITIVE / 3.0),
            accuracy_after_clip: 1.0 / 3.0,
            train_loss: Some(1e300 / 7.0),
            solver_status: Some(SolverStatus::MaxIterations),
            solver_flops: Some(-0.0),
            ..CycleRow::default()
        };
        let rows = vec![row, CycleRow::default()];
        let read: Vec<CycleRow> = from_csv(&to_csv(&rows).unwrap()).unwrap();
        assert_eq!(read, rows);
        assert!(read[0].solver_flops.unwrap().is_sign_negative());
        assert_eq!(from_csv::<CycleRow>(b"").unwrap(), []);
        assert_eq!(from_csv::<CycleRow>(&header::<CycleRow>().unwrap()).unwrap(), []);
        assert!(from_csv::<CycleRow>(b"replica,method\n1").is_err());
    }
}
