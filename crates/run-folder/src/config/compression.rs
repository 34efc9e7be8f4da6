//! How networks are clipped.

use serde::{Deserialize, Serialize};

use super::Method;

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionConfig {
    /// The methods. Their replicas train in parallel.
    pub methods: Vec<Method>,
    /// Fraction of the neurons that a clip keeps, between 0 and 1.
    pub keep: f64,
    /// A layer is clipped until it has at most this many neurons.
    pub min_width: usize,
    /// Fractions of groups, `GLOB=FRACTION`.
    #[serde(default)]
    pub keep_of: Vec<String>,
    /// Least widths of groups, `GLOB=WIDTH`.
    #[serde(default)]
    pub min_width_of: Vec<String>,
    /// Groups that are not clipped, by globs.
    #[serde(default)]
    pub protect: Vec<String>,
    /// Widths are multiples of this number.
    #[serde(default = "one")]
    pub round_to: usize,
    /// The part of the first network's multiply-accumulates that the last one may have; 0 means no target.
    #[serde(default)]
    pub target_macs: f64,
    /// The part of the first network's parameters that the last one may have; 0 means no target.
    #[serde(default)]
    pub target_parameters: f64,
    /// Milliseconds that the last network may take to classify `latency_images` images; 0 means no target.
    #[serde(default)]
    pub target_latency: f64,
    /// Images that are classified at once, for `target_latency`.
    #[serde(default = "one")]
    pub latency_images: usize,
    /// Clips to the target; 0 means as many as `keep` needs.
    #[serde(default)]
    pub steps: usize,
    /// Widths after each clip, resolved with the network if groups have widths of their own or there is a target.
    #[serde(default)]
    pub ladder: Vec<Vec<usize>>,
    /// A replica that has reached this validation accuracy stops being clipped when it falls below it; 0 means
    /// never.
    #[serde(default)]
    pub until_accuracy: f64,
    /// A replica stops being clipped when its validation accuracy is lower than before the first clip by more than
    /// this; 0 means never.
    #[serde(default)]
    pub max_drop: f64,
    /// Which neurons are ranked together.
    #[serde(default)]
    pub ranking: Ranking,
    /// Which side of the ranking is clipped.
    pub clip: Side,
    /// What `dtc` ranks.
    pub domain: Domain,
    /// What `dtc` measures of a neuron's weights.
    pub reduction: Reduction,
    /// Weight of the ℓ₁ norm in the reconstruction.
    pub lambda: f64,
    /// Whether each clipped neuron is merged into the kept one that is the most similar to it.
    #[serde(default)]
    pub merge: bool,
    /// Whether the weights that leave a clipped layer are refitted.
    pub compensate: bool,
    /// Whether what reads a clipped layer is rescaled to the mean and the variance of before the clip.
    #[serde(default)]
    pub rescale: bool,
    /// Batches of training images for the refit and for criteria that need activations.
    pub calibration_batches: usize,
    /// Clips at which `scratch` trains a network.
    pub scratch_at: ScratchAt,
    /// What `scratch` may spend.
    #[serde(default)]
    pub budget: Budget,
    /// Floating-point operations to train on an image, of the network before the first clip and of those after every
    /// clip; resolved with the network if `budget` depends on them.
    #[serde(default)]
    pub training_flops: Vec<f64>,
    /// Floating-point operations of the network from which the others learn, for each image of each batch; resolved with
    /// the network if `budget` depends on them.
    #[serde(default)]
    pub teacher_flops: f64,
    /// Its floating-point operations for all training images, if they are done only once.
    #[serde(default)]
    pub teacher_once: f64,
}

fn one() -> usize {
    1
}

impl CompressionConfig {
    /// Returns whether the widths depend on the groups or on a target, so that the ladder is resolved with the
    /// network.
    pub fn has_own_widths(&self) -> bool {
        let lists = [&self.keep_of, &self.min_width_of, &self.protect];
        lists.iter().any(|list| !list.is_empty()) || self.round_to > 1 || self.has_target()
    }

    /// Returns whether networks are repaired after a clip, before they train again.
    pub fn repairs(&self) -> bool {
        self.merge || self.compensate || self.rescale
    }

    /// Returns whether the last network has a size or a time to reach.
    pub fn has_target(&self) -> bool {
        [self.target_macs, self.target_parameters, self.target_latency].iter().any(|t| *t > 0.0)
    }
}

/// Which neurons are ranked together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// Those of each group. All networks have the widths of the ladder.
    #[default]
    Group,
    /// Those of all groups, by normalised scores. Every network has its own widths.
    Global,
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

/// What the ray sum is interpreted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Ψ applied to the rays: one reconstructed weight sum per neuron.
    Neuron,
    /// The rays themselves: cosine coefficients, where entry `j` ranks neuron `j`.
    Coefficient,
}

/// How a neuron's weights on one side are reduced to one number.
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
#[serde(
    untagged,
    expecting = "expected \"halvings\", \"all\", \"last\" or numbers of hidden neurons"
)]
pub enum ScratchAt {
    /// A rule.
    Rule(ScratchRule),
    /// The clips that lead to these numbers of hidden neurons.
    Neurons(Vec<usize>),
}

/// What `scratch` may spend to train a network with the widths after a clip. In each case, it spends as much as the
/// clipped networks up to this clip and in the cycle that follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// As many batches.
    #[default]
    Batches,
    /// As many floating-point operations: as its network is smaller, more batches.
    Operations,
    /// As many operations as after the first cycle, because the network before the first clip is given.
    Parent,
}

/// A rule for [`ScratchAt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScratchRule {
    /// The first clip, each clip at which the number of hidden neurons has halved again, and the last clip.
    Halvings,
    /// All clips.
    All,
    /// The last clip.
    Last,
}
