//! Optimizers for networks that shrink: Adam, Adam with decoupled weight decay, and SGD with momentum.
//!
//! The moments are stores with the names of the parameters, so a clip cuts them in the same way. Adam's update is
//! Burn's own; on the backend `flex` it is the same rule in one pass ([`flex`]).
//!
//! # References
//! Loshchilov, Hutter, *Decoupled weight decay regularization* (ICLR 2019), for `adamw`.

mod flex;
mod sgd;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use burn::optim::{Adam, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Gradients, Tensor};
use rayclip_model::{Group, Population, Store};
use rayclip_run_folder::config::{OptimizerKind, TrainingConfig};

use self::sgd::Sgd;
use crate::error::TrainerError;

// The values of PyTorch, as in the published runs. Burn's default epsilon is 1e-5.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// A rule and its moments.
pub(crate) struct Optimizer {
    rule: Rule,
    weight_decay: f64,
    /// The largest norm of a gradient; 0 means no limit.
    clip_norm: f64,
    /// `None` before the first step.
    moments: Option<Moments>,
}

#[derive(Clone)]
enum Rule {
    Adam { adam: Adam, decoupled: bool },
    Sgd(Sgd),
}

/// The moments of every parameter, by the name of the parameter: two of Adam, one of SGD.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    /// The number of steps so far.
    pub(crate) steps: usize,
    pub(crate) stores: Vec<Store>,
}

impl Optimizer {
    pub(crate) fn new(training: &TrainingConfig) -> Self {
        let adam = AdamConfig::new().with_beta_1(BETA_1).with_beta_2(BETA_2).with_epsilon(EPSILON);
        let rule = match training.optimizer {
            OptimizerKind::Adam => Rule::Adam { adam: adam.build(), decoupled: false },
            OptimizerKind::Adamw => Rule::Adam { adam: adam.build(), decoupled: true },
            OptimizerKind::Sgd => {
                Rule::Sgd(Sgd { momentum: training.momentum, nesterov: training.nesterov })
            }
        };
        let TrainingConfig { weight_decay, clip_norm, .. } = *training;
        Self { rule, weight_decay, clip_norm, moments: None }
    }

    /// Returns the same rule with other moments.
    pub(crate) fn with(&self, moments: Option<Moments>) -> Self {
        let Self { ref rule, weight_decay, clip_norm, .. } = *self;
        Self { rule: rule.clone(), weight_decay, clip_norm, moments }
    }

    /// Returns the rule with its moments, and leaves the rule without.
    pub(crate) fn take(&mut self) -> Self {
        let moments = self.moments.take();
        self.with(moments)
    }

    /// Makes one step. `tracked` are the networks that the gradients were computed with.
    ///
    /// # Errors
    /// A parameter has no gradient, or cannot be read.
    pub(crate) fn apply_gradients(
        &mut self,
        tracked: Population,
        gradients: &mut Gradients,
        learning_rate: f64,
    ) -> Result<Population, TrainerError> {
        let decayed =
            if self.weight_decay > 0.0 { tracked.graph().decayed() } else { BTreeSet::new() };
        let factor = (self.clip_norm > 0.0).then(|| self.clip_factor(&tracked, gradients));
        let (steps, mut before) = Moments::take_apart(self.moments.take());
        let mut stores = vec![Store::default(); self.rule.moments()];
        let network = tracked.try_update(|name, value| {
            let gradient = value.grad_remove(gradients).ok_or_else(|| TrainerError::Device {
                doing: "training",
                reason: format!("{name} has no gradient"),
            })?;
            let gradient = match &factor {
                Some(factor) => gradient * factor.clone(),
                None => gradient,
            };
            let decay = if decayed.contains(name) { self.weight_decay } else { 0.0 };
            let moments = Before { steps, moments: before.next() };
            let (value, after) =
                self.rule.update(learning_rate, decay, value.inner(), gradient, moments)?;
            for (store, moment) in stores.iter_mut().zip(after) {
                store.insert(name.to_owned(), moment);
            }
            Ok::<_, TrainerError>(value)
        })?;
        self.moments = Some(Moments { steps: steps + 1, stores });
        Ok(network)
    }

    /// Returns the factor that scales the gradient of every network to the largest norm, `[replica, 1, 1]`; 1 if it
    /// is not above.
    ///
    /// # References
    /// Pascanu, Mikolov, Bengio, *On the difficulty of training recurrent neural networks* (ICML 2013).
    fn clip_factor(&self, tracked: &Population, gradients: &Gradients) -> Tensor<3> {
        let squares = tracked.parameters().iter().filter_map(|(_, value)| value.grad(gradients));
        let squares = squares.map(|gradient| gradient.square().sum_dim(2).sum_dim(1));
        let norm = squares.reduce(|a, b| a + b).map(Tensor::sqrt);
        let norm = norm.unwrap_or_else(|| Tensor::ones([1, 1, 1], &tracked.device()));
        (norm + f64::from(EPSILON)).recip().mul_scalar(self.clip_norm).clamp_max(1.0)
    }

    /// Returns the number of moments of a parameter.
    pub(crate) fn moments_per_parameter(&self) -> usize {
        self.rule.moments()
    }

    /// Forgets all moments.
    pub(crate) fn reset(&mut self) {
        self.moments = None;
    }

    /// Returns the moments; `None` before the first step.
    pub(crate) fn moments(&self) -> Option<&Moments> {
        self.moments.as_ref()
    }

    /// Restores the moments of a checkpoint.
    pub(crate) fn restore(&mut self, moments: Option<Moments>) {
        self.moments = moments;
    }

    /// Keeps the moments of the channels `kept[replica]` of a group, as [`Population::cut`] keeps their weights.
    pub(crate) fn cut(&mut self, group: &Group, kept: &[Vec<usize>]) {
        self.change(|store| store.cut(group, kept));
    }

    /// Keeps the moments of some replicas.
    pub(crate) fn keep_replicas(&mut self, replicas: &[usize]) {
        self.change(|store| store.keep_replicas(replicas));
    }

    pub(crate) fn change(&mut self, change: impl Fn(Store) -> Store) {
        self.moments = self.moments.take().map(|Moments { steps, stores }| Moments {
            steps,
            stores: stores.into_iter().map(&change).collect(),
        });
    }

    /// Checks that the moments have exactly the names and shapes of the networks' parameters. The error says what
    /// differs.
    pub(crate) fn check(&self, network: &Population) -> Result<(), String> {
        let Some(Moments { stores, .. }) = &self.moments else { return Ok(()) };
        let parameters = network.parameters();
        if let Some(store) = stores.iter().find(|store| store.len() != parameters.len()) {
            let (moments, parameters) = (store.len(), parameters.len());
            return Err(format!(
                "there are moments for {moments} parameters, but {parameters} parameters"
            ));
        }
        for (name, parameter) in parameters.iter() {
            let extents = parameter.dims();
            for store in stores {
                let moment = store.get(name).map(Tensor::dims);
                if moment != Some(extents) {
                    return Err(format!(
                        "the moments of {name} are {moment:?}, but {name} is {extents:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Rule {
    /// Returns the number of moments of a parameter.
    fn moments(&self) -> usize {
        match self {
            Self::Adam { .. } => 2,
            Self::Sgd(_) => 1,
        }
    }

    /// Updates one parameter. Returns it with its moments.
    fn update(
        &self,
        learning_rate: f64,
        decay: f64,
        value: Tensor<3>,
        gradient: Tensor<3>,
        before: Before,
    ) -> Result<(Tensor<3>, Vec<Tensor<3>>), TrainerError> {
        let is_decoupled = matches!(self, Self::Adam { decoupled: true, .. });
        let (value, gradient) = match (decay > 0.0, is_decoupled) {
            (false, _) => (value, gradient),
            (true, true) => (value * (1.0 - learning_rate * decay), gradient),
            (true, false) => (value.clone(), gradient + value * decay),
        };
        match self {
            Self::Adam { adam, .. } => {
                let (value, state) = if value.device() == Device::flex() {
                    flex::step(learning_rate, value, gradient, before.of_adam())?
                } else {
                    let (value, state) =
                        adam.step(learning_rate, value, gradient, before.of_adam());
                    let state = state.ok_or_else(|| TrainerError::Device {
                        doing: "training",
                        reason: "the optimizer kept no moments".into(),
                    })?;
                    (value, state)
                };
                let AdaptiveMomentumState { moment_1, moment_2, .. } = state.momentum;
                Ok((value, vec![moment_1, moment_2]))
            }
            Self::Sgd(sgd) => {
                let velocity = before.moments.and_then(|moments| moments.into_iter().next());
                let (value, velocity) = sgd.step(learning_rate, value, gradient, velocity);
                Ok((value, vec![velocity]))
            }
        }
    }
}

/// The moments of one parameter before a step.
struct Before {
    steps: usize,
    moments: Option<Vec<Tensor<3>>>,
}

impl Before {
    fn of_adam(self) -> Option<AdamState<3>> {
        let [first, second] = <[Tensor<3>; 2]>::try_from(self.moments?).ok()?;
        Some(AdamState::new(AdaptiveMomentumState::new(self.steps, first, second)))
    }
}

impl Moments {
    /// Returns the steps, and the moments of every parameter, in their order.
    fn take_apart(moments: Option<Self>) -> (usize, impl Iterator<Item = Vec<Tensor<3>>>) {
        let (steps, stores) =
            moments.map_or((0, vec![]), |moments| (moments.steps, moments.stores));
        let mut stores: Vec<_> = stores.into_iter().map(Store::into_iter).collect();
        let of_parameter = move || {
            let moments: Option<Vec<_>> =
                stores.iter_mut().map(|store| Some(store.next()?.1)).collect();
            moments.filter(|moments| !moments.is_empty())
        };
        (steps, std::iter::from_fn(of_parameter))
    }
}
