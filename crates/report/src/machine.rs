//! The record of a machine: what it can do at best, and how fast rayclip is on it. `rayclip bench all --json` writes it.

use serde::{Deserialize, Serialize};

/// A machine, and everything that was timed on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The version of rayclip.
    pub rayclip: String,
    /// Backend, adapter and driver.
    pub device: String,
    /// The operating system.
    pub system: String,
    /// The model of the processor.
    pub cpu: String,
    /// Threads that can run at the same time.
    pub cores: usize,
    /// Seconds of the whole benchmark.
    pub seconds: f64,
    /// The fastest of single operations.
    pub ceilings: Ceilings,
    /// Batches of training.
    pub train: Vec<TimedBatch>,
    /// Clips.
    pub cycle: Vec<TimedClip>,
    /// LASSO problems.
    pub solver: Vec<TimedSolver>,
}

/// Rates of single operations.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Ceilings {
    /// Floating-point operations per second of a product in f32 on the device.
    pub product_f32: f64,
    /// The same in f64 on the host.
    pub host_product_f64: f64,
    /// Bytes per second that an addition reads and writes on the device.
    pub bandwidth: f64,
    /// Seconds of an operation on one number, until the host has it.
    pub latency: f64,
}

/// A batch of training of the networks that train at the same time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimedBatch {
    /// The name of the network.
    pub network: String,
    /// Networks of the run.
    pub replicas: usize,
    /// Those that train at the same time.
    pub at_once: usize,
    /// Images of the batch of each.
    pub images: usize,
    /// How often it was timed.
    pub repetitions: usize,
    /// Median of the repetitions.
    pub median_seconds: f64,
    /// Fastest repetition.
    pub least_seconds: f64,
    /// Slowest repetition.
    pub most_seconds: f64,
    /// Images of all networks per second, at the median.
    pub images_per_second: f64,
    /// Floating-point operations of its products; `None` if there are too many to count.
    pub product_flops: Option<f64>,
}

/// A clip of the networks that are clipped at the same time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimedClip {
    /// The name of the network.
    pub network: String,
    /// Networks of the run.
    pub replicas: usize,
    /// Those that are clipped at the same time.
    pub at_once: usize,
    /// The method that ranks the neurons.
    pub method: String,
    /// How often it was timed.
    pub repetitions: usize,
    /// Median of the repetitions.
    pub median_seconds: f64,
    /// Fastest repetition.
    pub least_seconds: f64,
    /// Slowest repetition.
    pub most_seconds: f64,
    /// Median of the seconds in the solver.
    pub solver_seconds: f64,
}

/// A LASSO problem, solved by one algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimedSolver {
    /// Coefficients.
    pub m: usize,
    /// Measurements.
    pub n: usize,
    /// Problems that are solved together.
    pub columns: usize,
    /// The name of the algorithm.
    pub algorithm: String,
    /// Backend and adapter.
    pub device: String,
    /// Columns per second, at the median.
    pub problems_per_second: f64,
    /// Median of the repetitions.
    pub seconds: f64,
    /// Median over the columns.
    pub iterations: usize,
    /// The largest duality gap of a column, relative to its objective.
    pub relative_gap: f64,
    /// Columns that reached the tolerance.
    pub converged: usize,
    /// Seconds of its products with the matrix, at the rate of a large product; `None` if they cannot be counted.
    pub floor_seconds: Option<f64>,
}

impl Ceilings {
    /// Returns the better of both, of each rate.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        Self {
            product_f32: self.product_f32.max(other.product_f32),
            host_product_f64: self.host_product_f64.max(other.host_product_f64),
            bandwidth: self.bandwidth.max(other.bandwidth),
            latency: self.latency.min(other.latency),
        }
    }
}

impl TimedBatch {
    /// Returns the operations of its products per second, as a fraction of the rate of a large product.
    pub fn fraction_of_product_rate(&self, ceilings: &Ceilings) -> Option<f64> {
        self.product_flops.map(|flops| flops / self.median_seconds / ceilings.product_f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_rates_are_high_and_the_best_latency_is_low() {
        let one =
            Ceilings { product_f32: 2.0, host_product_f64: 1.0, bandwidth: 4.0, latency: 3.0 };
        let other =
            Ceilings { product_f32: 1.0, host_product_f64: 5.0, bandwidth: 3.0, latency: 2.0 };
        let Ceilings { product_f32, host_product_f64, bandwidth, latency } = one.best(other);
        assert_eq!([product_f32, host_product_f64, bandwidth, latency], [2.0, 5.0, 4.0, 2.0]);
    }
}
