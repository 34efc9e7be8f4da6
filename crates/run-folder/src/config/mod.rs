//! The resolved configuration of a run: everything that its result depends on.
//!
//! The keys are those of the preset files in `assets/presets/`, which have every default and explain each key.
//! [`presets`] reads and merges them.

mod compression;
mod data;
mod differing;
mod document;
pub mod grid;
mod keys;
pub(crate) mod ladder;
mod method;
pub mod presets;
mod replica;
mod solver;
mod training;
mod validate;

use serde::{Deserialize, Serialize};

pub use compression::{
    Budget, CompressionConfig, Domain, Ranking, Reduction, ScratchAt, ScratchRule, Side,
};
pub use data::{DataConfig, Normalization};
pub use differing::{described, differing};
pub use keys::{Named, Settings, differences, settings, with_defaults};
pub use method::{METHOD_SCRATCH, METHOD_SCRATCH_DISTILLED, Method, is_from_scratch};
pub use replica::{Replica, by_method, seeds};
pub use solver::{Algorithm, LEAST_TOLERANCE, SolverConfig, SolverStatus};
pub use training::{
    LossKind, Moments, OptimizerKind, OrderKind, ScheduleKind, ScheduleSpan, TrainingConfig,
};

/// Everything that a run's result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The preset that gave the defaults.
    pub preset: String,
    /// Seed of the first replica; replica `r` has `seed + r`.
    pub seed: u64,
    /// Number of networks per method, each with its own seed.
    pub replicas: usize,
    /// The requested backend.
    pub device: DeviceChoice,
    /// Where the images come from.
    pub data: DataConfig,
    /// The network before the first clip.
    pub network: NetworkConfig,
    /// How it is trained.
    pub training: TrainingConfig,
    /// How it is clipped.
    pub compression: CompressionConfig,
    /// How `dtc` measures the weights.
    pub measurement: MeasurementConfig,
    /// How `dtc` reconstructs them.
    pub solver: SolverConfig,
    /// How accuracy is measured.
    pub evaluation: EvaluationConfig,
}

/// A backend by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The first real GPU; without one, `ndarray` (`flex` for `compress`, `compare`, `sweep` and `reproduce`).
    Auto,
    /// A GPU through Vulkan, Metal or DX12; a software adapter if there is no other.
    Wgpu,
    /// The CPU through the `ndarray` crate.
    Ndarray,
    /// The CPU through Burn's own kernels.
    Flex,
    /// An NVIDIA GPU through CUDA, if rayclip was built with the feature `cuda`.
    Cuda,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// `mlp`, another network with a name, or a file with a graph.
    #[serde(default = "mlp")]
    pub name: String,
    /// Neurons of every hidden layer of `mlp`.
    pub hidden: Vec<usize>,
    /// Whether layers of `mlp` add a bias.
    pub bias: bool,
    /// Names of the groups of another network, resolved with the images.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Channels of these groups.
    #[serde(default)]
    pub widths: Vec<usize>,
    /// SHA-256 of the graph of another network, resolved with the images.
    #[serde(default)]
    pub digest: String,
    /// The file with the graph, if the file `name` has only weights; empty for one that has both.
    #[serde(default)]
    pub graph: String,
    /// Whether training starts from the weights in the file `name`; `scratch` starts from fresh ones.
    #[serde(default)]
    pub pretrained: bool,
    /// SHA-256 of the copy of this network in the run folder, resolved with the images.
    #[serde(default)]
    pub weights: String,
}

/// The name of the multilayer perceptron.
pub const MLP: &str = "mlp";

fn mlp() -> String {
    MLP.to_owned()
}

impl NetworkConfig {
    /// Returns whether it is a multilayer perceptron, whose groups are its hidden layers.
    pub fn is_mlp(&self) -> bool {
        self.name == MLP
    }

    /// Returns the number of channels of every group before the first clip; none if the network is not `mlp` and
    /// not resolved.
    pub fn first_widths(&self) -> &[usize] {
        if self.is_mlp() { &self.hidden } else { &self.widths }
    }
}

impl RunConfig {
    /// Returns whether clipped networks learn from another network in a cycle: from the original network, or, if the run
    /// starts with fresh ones, after the first cycle.
    pub fn learns_in(&self, cycle: usize) -> bool {
        self.training.distillation > 0.0 && (self.network.pretrained || cycle > 0)
    }

    /// Returns whether a method trains, in its first cycle, the network from which its others learn.
    pub fn trains_teacher(&self, method: Method) -> bool {
        method == Method::ScratchDistilled && !self.network.pretrained
    }

    /// Returns what a method measures; `None` if it is not a variant of `dtc`.
    pub fn measured_by(&self, method: Method) -> Option<Measured> {
        match method {
            Method::Dtc(_, _, of) => Some(of.unwrap_or(self.measurement.of)),
            _ => None,
        }
    }

    /// Returns the number of copies of a clipped network that train in a cycle.
    pub fn copies_in(&self, cycle: usize) -> usize {
        if cycle > 0 { self.training.soup } else { 1 }
    }
}

/// What of a group is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Its weights.
    #[default]
    Weights,
    /// The changes of its weights since the start of the run.
    Changes,
    /// The mean activations of its neurons, and with each its outgoing weights times the mean activation.
    Activations,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementConfig {
    /// What is measured.
    #[serde(default)]
    pub of: Measured,
    /// The source of Φ.
    pub matrix: MatrixKind,
    /// The number of measurements.
    pub count: CountKind,
    /// Measurements as a fraction of the neurons, if `count` is rounded.
    pub ratio: f64,
}

/// The source of the measurement matrix Φ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatrixKind {
    /// A stream of its own for every seed, cycle and group.
    Keyed,
    /// A stream of its own for every cycle and group, the same for all seeds.
    Shared,
    /// NumPy's legacy generator, seeded with 42424242 at every solve.
    Numpy,
}

/// The number of measurements of `m` neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountKind {
    /// `max(1, round(ratio · m))`.
    Rounded,
    /// `int(m · (1 − keep))` in floating point.
    Supplement,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// How accuracy is averaged.
    pub accuracy: AccuracyKind,
}

/// How accuracy is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccuracyKind {
    /// Over all images, with equal weights.
    AllImages,
    /// Over the accuracies of the batches, even though the last batch is smaller.
    MeanOfBatches,
}

impl MeasurementConfig {
    /// Returns the number of measurements of `m` neurons.
    pub fn count(&self, m: usize, keep: f64) -> usize {
        match self.count {
            CountKind::Rounded => ((self.ratio * m as f64).round() as usize).max(1),
            // Paper: n = m·s. The supplement truncates in float64, where 1 − 0.9 is below 0.1.
            CountKind::Supplement => (m as f64 * (1.0 - keep)) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supplement_counts_measurements_in_floating_point() {
        let measurement = MeasurementConfig {
            of: Measured::Weights,
            matrix: MatrixKind::Numpy,
            count: CountKind::Supplement,
            ratio: 0.1,
        };
        for (m, n) in [(512, 51), (460, 45), (300, 29), (17, 1), (10, 0)] {
            assert_eq!(measurement.count(m, 0.9), n, "{m}");
        }
        let rounded = MeasurementConfig { count: CountKind::Rounded, ..measurement };
        assert_eq!([rounded.count(460, 0.9), rounded.count(3, 0.9)], [46, 1]);
    }
}
