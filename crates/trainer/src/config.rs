//! The resolved configuration of a run: everything that its result depends on.
//!
//! The keys are those of the preset files in `assets/presets/`, which hold every default and say
//! what each key means; [`presets`](crate::presets) reads and merges them.

pub use cs_solver::Algorithm;
use cs_solver::Settings;
use serde::{Deserialize, Serialize};

pub use crate::method::Method;

/// Everything that a run's result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The preset that the other keys started from.
    pub preset: String,
    /// Seed of the first replica; replica `r` has `seed + r`.
    pub seed: u64,
    /// Independent networks of every method.
    pub replicas: usize,
    /// The backend that was asked for.
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
    /// The first real GPU, else `ndarray`.
    Auto,
    /// A GPU through Vulkan, Metal or DX12; a software adapter if there is no other.
    Wgpu,
    /// The CPU through the `ndarray` crate.
    Ndarray,
    /// The CPU through Burn's own kernels.
    Flex,
    /// An NVIDIA GPU through CUDA, where this was built with the feature `cuda`.
    Cuda,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `digits`, `mnist`, or a folder.
    pub source: String,
    /// What pixels are normalised with.
    pub normalization: Normalization,
    /// Mean pixel, as a fraction of 255, where `normalization` is fixed.
    pub mean: f64,
    /// Standard deviation, likewise.
    pub deviation: f64,
    /// Fraction of the training images that is held out, to choose settings by.
    pub validation: f64,
}

/// What pixels are normalised with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// Mean and deviation of the training pixels.
    TrainingPixels,
    /// The configured mean and deviation.
    Fixed,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Neurons of every hidden layer.
    pub hidden: Vec<usize>,
    /// Whether layers add a bias.
    pub bias: bool,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The training loss.
    pub loss: LossKind,
    /// The order of the images.
    pub order: OrderKind,
    /// Images a batch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Batches between two clips.
    pub batches_per_cycle: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Adam's moments across a clip.
    pub moments: Moments,
}

/// The training loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Softmax cross-entropy over the classes.
    CrossEntropy,
    /// Log-softmax over the batch (in testing too), then cross-entropy over the classes.
    BatchAxis,
}

/// The order in which training images are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// A new permutation every epoch, going on across cycles.
    Shuffled,
    /// As stored, from the first image at the beginning of every cycle.
    Sequential,
}

/// What becomes of Adam's moments at a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moments {
    /// Those of the kept neurons are kept.
    Carry,
    /// The optimizer starts anew.
    Reset,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionConfig {
    /// What neurons are ranked by; replicas of every method train side by side.
    pub methods: Vec<Method>,
    /// Fraction of the neurons that a clip keeps, between 0 and 1.
    pub keep: f64,
    /// A layer is clipped until it has at most this many neurons.
    pub min_width: usize,
    /// A replica that has reached this validation accuracy is clipped no more once it is below; 0 for never.
    #[serde(default)]
    pub until_accuracy: f64,
    /// Which side of the ranking is clipped.
    pub clip: Side,
    /// What `dtc` ranks.
    pub domain: Domain,
    /// What `dtc` measures of a neuron's weights.
    pub reduction: Reduction,
    /// Weight of the ℓ₁ norm in the reconstruction.
    pub lambda: f64,
    /// Whether the weights that leave a clipped layer are refitted.
    pub compensate: bool,
    /// Batches of training images for the criteria that look at activations, and for the refit.
    pub calibration_batches: usize,
    /// Clips at which `scratch` trains a network.
    pub scratch_at: ScratchAt,
}

/// A side of a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The neurons with the smallest scores.
    Smallest,
    /// The neurons with the largest scores.
    Largest,
}

/// What the ray sum is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Ψ applied to the rays: one reconstructed weight sum a neuron.
    Neuron,
    /// The rays themselves: cosine coefficients, entry `j` taken for neuron `j`.
    Coefficient,
}

/// What a neuron's weights on one side are reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Their sum.
    Signed,
    /// The sum of their absolute values.
    L1,
    /// The root of the sum of their squares.
    L2,
}

/// Clips at which `scratch` trains a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"halvings\", \"all\" or numbers of hidden neurons")]
pub enum ScratchAt {
    /// By rule.
    Rule(ScratchRule),
    /// Those after which a network has one of these numbers of hidden neurons.
    Neurons(Vec<usize>),
}

/// A rule for [`ScratchAt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScratchRule {
    /// The first, those at which the hidden neurons have halved again, and the last.
    Halvings,
    /// All.
    All,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementConfig {
    /// Where Φ comes from.
    pub matrix: MatrixKind,
    /// How many measurements are taken.
    pub count: CountKind,
    /// Measurements as a fraction of the neurons, where `count` is rounded.
    pub ratio: f64,
}

/// Where the measurement matrix Φ comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatrixKind {
    /// Own stream for every seed, cycle and layer.
    Keyed,
    /// Own stream for every cycle and layer, the same for all seeds.
    Shared,
    /// NumPy's legacy generator, seeded with 42424242 at every solve.
    Numpy,
}

/// How many measurements are taken of `m` neurons.
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
pub struct SolverConfig {
    /// What reconstructs the rays.
    pub algorithm: Algorithm,
    /// Certified relative duality gap of every ray.
    pub tolerance: f64,
    /// Iterations of Halpern and FISTA at most.
    pub max_iterations: usize,
}

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// What an accuracy is the mean of.
    pub accuracy: AccuracyKind,
}

/// What an accuracy is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccuracyKind {
    /// All test images alike.
    AllImages,
    /// The accuracies of the batches, though the last is smaller.
    MeanOfBatches,
}

impl SolverConfig {
    /// What the solver is asked for.
    pub(crate) fn settings(&self) -> Settings {
        let Self { algorithm, tolerance, max_iterations } = *self;
        Settings { algorithm, tolerance, max_iterations, ..Settings::default() }
    }
}

impl MeasurementConfig {
    /// Number of measurements of `m` neurons.
    pub fn count(&self, m: usize, keep: f64) -> usize {
        match self.count {
            CountKind::Rounded => ((self.ratio * m as f64).round() as usize).max(1),
            // Paper: n = m·s; the supplement truncates in float64, where 1 − 0.9 is below 0.1.
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
