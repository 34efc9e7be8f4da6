//! How networks are trained.

use serde::{Deserialize, Serialize};

use super::Method;

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The training loss.
    pub loss: LossKind,
    /// The part of the target that is spread over all classes.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The order of the training images.
    pub order: OrderKind,
    /// Images per batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Batches between two clips.
    pub batches_per_cycle: usize,
    /// Batches of the first cycles, one number for each; the cycles that follow have `batches_per_cycle`.
    #[serde(default)]
    pub first_batches: Vec<usize>,
    /// Batches after the last clip; 0 means `batches_per_cycle`.
    #[serde(default)]
    pub final_batches: usize,
    /// Pixels by which a training image is shifted at most, in both directions.
    #[serde(default)]
    pub shift: usize,
    /// Whether half of the training images are mirrored.
    #[serde(default)]
    pub flip: bool,
    /// The rule that updates the weights.
    #[serde(default)]
    pub optimizer: OptimizerKind,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// Largest learning rates of methods, `METHOD=RATE`; the others have `learning_rate`.
    #[serde(default)]
    pub learning_rate_of: Vec<String>,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: ScheduleKind,
    /// What the schedule spans.
    #[serde(default)]
    pub schedule_over: ScheduleSpan,
    /// Batches in which the learning rate rises from zero.
    #[serde(default)]
    pub warmup: usize,
    /// For `step`: fractions of the schedule at which the learning rate falls.
    #[serde(default = "steps")]
    pub step_at: Vec<f64>,
    /// For `step`: the factor by which it falls.
    #[serde(default = "step_factor")]
    pub step_factor: f64,
    /// For `sgd`: the part of the last step that is made again.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// For `sgd`: Nesterov's momentum.
    #[serde(default)]
    pub nesterov: bool,
    /// Pulls weights to zero; normalisations and biases are left alone.
    #[serde(default)]
    pub weight_decay: f64,
    /// The largest norm of a network's gradient; a larger one is scaled down. 0 means no limit.
    #[serde(default)]
    pub clip_norm: f64,
    /// The part of the loss that compares the outputs with those of the original network, or, if the run starts with
    /// fresh networks, with those of the network before the first clip; from 0 to 1.
    #[serde(default)]
    pub distillation: f64,
    /// The temperature of this comparison.
    #[serde(default = "temperature")]
    pub temperature: f64,
    /// Copies of a clipped network that train between clips, each on batches of its own; then they are averaged.
    #[serde(default = "one")]
    pub soup: usize,
    /// What happens to the optimizer's moments at a clip.
    pub moments: Moments,
}

impl TrainingConfig {
    /// Returns the largest learning rate of a method.
    ///
    /// # Errors
    /// An entry of `learning_rate_of` is no rate of a method.
    pub fn rate_of(&self, method: Method) -> Result<f64, String> {
        let rates = self.rates().collect::<Result<Vec<_>, _>>()?;
        let own = rates.into_iter().find(|(of, _)| *of == method);
        Ok(own.map_or(self.learning_rate, |(_, rate)| rate))
    }

    /// Returns the methods with learning rates of their own.
    pub(super) fn rates(&self) -> impl Iterator<Item = Result<(Method, f64), String>> {
        self.learning_rate_of.iter().map(|text| {
            let (method, rate) = text
                .split_once('=')
                .ok_or_else(|| format!("expected METHOD=RATE, found {text:?}"))?;
            let rate = rate.trim().parse::<f64>().ok();
            let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0);
            let rate = rate.ok_or_else(|| format!("expected a positive rate, found {text:?}"))?;
            Ok((method.trim().parse()?, rate))
        })
    }
}

fn one() -> usize {
    1
}

fn steps() -> Vec<f64> {
    vec![0.5, 0.75]
}

fn step_factor() -> f64 {
    0.1
}

fn momentum() -> f64 {
    0.9
}

fn temperature() -> f64 {
    4.0
}

/// The rule that updates the weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam; weight decay is added to the gradient.
    #[default]
    Adam,
    /// Adam with weight decay apart from the gradient.
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// It does not.
    #[default]
    Constant,
    /// It falls to zero as half a period of the cosine.
    Cosine,
    /// It rises from a 25th and falls to almost zero, both as half a period of the cosine.
    OneCycle,
    /// It falls by a factor at some fractions of the schedule.
    Step,
}

/// What a schedule spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleSpan {
    /// All batches of a network.
    #[default]
    Run,
    /// The batches between two clips: it begins anew after each clip. For `scratch`, which is never clipped: all batches.
    Cycle,
    /// The batches after the last clip; before, the learning rate does not change. For `scratch`: all batches.
    Final,
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

/// The order of the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// A new permutation every epoch; epochs continue across cycles.
    Shuffled,
    /// As stored; every cycle starts from the first image.
    Sequential,
}

/// What happens to Adam's moments at a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moments {
    /// The moments of the kept neurons are kept.
    Carry,
    /// All moments are reset.
    Reset,
}
