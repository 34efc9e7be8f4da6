//! Optimizers for networks that shrink: Adam, Adam with decoupled weight decay, and SGD with momentum.
//!
//! The moments are stores with the names of the parameters, so a clip cuts them in the same way. Adam's update is
//! Burn's own; on the backend `flex` it is the same rule in one pass ([`flex`]).
//!
//! # References
//! Loshchilov, Hutter, *Decoupled weight decay regularization* (ICLR 2019), for `adamw`.

mod flex;
mod sgd;

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

    /// Makes one step. `tracked` are the networks that the gradients were computed with.
    ///
    /// # Errors
    /// A parameter has no gradient, or cannot be read.
    pub(crate) fn apply_gradients(
        &mut self,
        tracked: Population,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<Population, TrainerError> {
        let decayed =
            if self.weight_decay > 0.0 { tracked.graph().decayed() } else { BTreeSet::new() };
        let factor = (self.clip_norm > 0.0).then(|| self.clip_factor(&tracked, gradients));
        let (steps, mut before) = Moments::take_apart(self.moments.take());
        let mut stores = vec![Store::default(); self.rule.moments()];
        let network = tracked.try_update(|name, value| {
            let gradient = value.grad(gradients).ok_or_else(|| TrainerError::Device {
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

    fn change(&mut self, change: impl Fn(Store) -> Store) {
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};
    use rayclip_model::Graph;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::streams::{Purpose, stream};

    fn network(graph: &Graph, seed: impl Fn(usize) -> u64) -> Population {
        let weights = |replica, layer| stream(seed(replica), Purpose::Weights, [layer, 0]);
        Population::init(graph, 2, &Device::flex(), weights).unwrap()
    }

    fn stepped(optimizer: &mut Optimizer, network: Population) -> Population {
        let inputs = network.graph().input.channels;
        let images = Tensor::ones([network.replicas(), 3, inputs], &Device::flex());
        let tracked = network.tracked();
        let gradients = tracked.forward(images).square().sum().backward();
        optimizer.apply_gradients(tracked, &gradients, 0.01).unwrap()
    }

    fn optimizer(settings: &[&str]) -> Optimizer {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        Optimizer::new(&resolve(&Layers { settings, ..Layers::default() }).unwrap().training)
    }

    fn weight(network: &Population) -> Vec<f32> {
        values(network.parameters().get("layer_0.weight").unwrap())
    }

    fn values(tensor: &Tensor<3>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_first_step_moves_every_weight_by_the_learning_rate() {
        let before = network(&Graph::perceptron(4, &[], 3, true), |_| 1);
        let after = stepped(&mut optimizer(&[]), before.clone());
        for (after, before) in weight(&after).iter().zip(weight(&before)) {
            assert!(((after - before).abs() - 0.01).abs() < 1e-5, "{after} {before}");
        }
    }

    #[test]
    fn sgd_and_weight_decay_are_their_formulas() {
        let before = network(&Graph::perceptron(4, &[], 3, true), |_| 1);
        let plain = stepped(&mut optimizer(&["training.optimizer=sgd"]), before.clone());
        let tracked = before.clone().tracked();
        let images = Tensor::ones([2, 3, 4], &Device::flex());
        let gradients = tracked.forward(images).square().sum().backward();
        let gradient =
            values(&tracked.parameters().get("layer_0.weight").unwrap().grad(&gradients).unwrap());
        let start = weight(&before);
        for ((after, before), g) in weight(&plain).iter().zip(&start).zip(&gradient) {
            assert!((after - (before - 0.01 * g)).abs() < 1e-5, "{after} {before} {g}");
        }
        // The second step has the velocity 0.9 v + g; with Nesterov, the step is g + 0.9 v.
        let nesterov = ["training.optimizer=sgd", "training.nesterov=true"];
        let ahead = stepped(&mut optimizer(&nesterov), before.clone());
        for ((after, before), g) in weight(&ahead).iter().zip(&start).zip(&gradient) {
            assert!((after - (before - 0.019 * g)).abs() < 1e-5, "{after} {before} {g}");
        }
        let decay = ["training.optimizer=sgd", "training.weight_decay=0.5"];
        let pulled = stepped(&mut optimizer(&decay), before.clone());
        for ((after, plain), before) in weight(&pulled).iter().zip(weight(&plain)).zip(&start) {
            assert!((after - (plain - 0.01 * 0.5 * before)).abs() < 1e-5, "{after} {before}");
        }
        let decoupled = ["training.optimizer=adamw", "training.weight_decay=0.5"];
        let (adam, adamw) = (
            stepped(&mut optimizer(&[]), before.clone()),
            stepped(&mut optimizer(&decoupled), before.clone()),
        );
        for ((after, plain), before) in weight(&adamw).iter().zip(weight(&adam)).zip(&start) {
            assert!((after - (plain - 0.01 * 0.5 * before)).abs() < 1e-5, "{after} {before}");
        }
        // Biases are not pulled.
        let bias = |network: &Population| values(network.parameters().get("layer_0.bias").unwrap());
        assert_eq!(bias(&pulled), bias(&plain));
    }

    #[test]
    fn a_large_gradient_is_scaled_to_the_limit_and_a_small_one_is_left() {
        let before = network(&Graph::perceptron(4, &[], 3, false), |replica| replica as u64);
        let settings = ["training.optimizer=sgd", "training.clip_norm=0.5"];
        let after = stepped(&mut optimizer(&settings), before.clone());
        let moved: Vec<f32> = weight(&after)
            .iter()
            .zip(weight(&before))
            .map(|(after, before)| after - before)
            .collect();
        for of_replica in moved.chunks(12) {
            let norm = of_replica.iter().map(|step| step * step).sum::<f32>().sqrt();
            assert!((norm - 0.01 * 0.5).abs() < 1e-5, "{norm}");
        }
        let wide = ["training.optimizer=sgd", "training.clip_norm=1e6"];
        let free = stepped(&mut optimizer(&["training.optimizer=sgd"]), before.clone());
        let limited = stepped(&mut optimizer(&wide), before);
        assert_eq!(weight(&free), weight(&limited));
    }

    #[test]
    fn the_pass_of_flex_is_burns_rule() {
        let device = Device::flex();
        let draw =
            |scale: f64| Tensor::<3>::random([2, 40, 9], Distribution::Normal(0.0, scale), &device);
        let Rule::Adam { adam, .. } = optimizer(&[]).rule else { panic!("the default is Adam") };
        let (mut ours, mut ours_state) = (draw(1.0), None);
        let (mut burns, mut burns_state) = (ours.clone(), None);
        for gradient in [draw(1.0), draw(1e-3), draw(10.0)] {
            let (value, state) = flex::step(0.01, ours, gradient.clone(), ours_state).unwrap();
            (ours, ours_state) = (value, Some(state));
            (burns, burns_state) = adam.step(0.01, burns, gradient, burns_state);
        }
        let tolerance = Tolerance::rel_abs(1e-4, 1e-6);
        ours.into_data().assert_approx_eq::<f32>(&burns.into_data(), tolerance);
        let (ours, burns) = (ours_state.unwrap().momentum, burns_state.unwrap().momentum);
        assert_eq!(ours.time, burns.time);
        let moments = (ours.moment_2.into_data(), burns.moment_2.into_data());
        moments.0.assert_approx_eq::<f32>(&moments.1, tolerance);
    }

    #[test]
    fn carried_moments_are_those_of_the_kept_neurons() {
        let mut network = network(&Graph::perceptron(4, &[6], 3, true), |replica| replica as u64);
        let group = network.graph().free_groups().remove(0);
        let mut optimizer = optimizer(&[]);
        network = stepped(&mut optimizer, network);
        let moment = |optimizer: &Optimizer, name: &str| {
            optimizer.moments().unwrap().stores[0].get(name).unwrap().clone()
        };
        let whole = values(&moment(&optimizer, "layer_0.weight"));
        let kept = [vec![1, 4], vec![0, 5]];
        optimizer.cut(&group, &kept);
        assert!(optimizer.check(&network).unwrap_err().contains("layer_0.weight"));
        network = network.cut(&group, &kept);
        assert_eq!(optimizer.check(&network), Ok(()));
        let cut = values(&moment(&optimizer, "layer_0.weight"));
        for (replica, ids) in kept.iter().enumerate() {
            for row in 0..4 {
                for (column, id) in ids.iter().enumerate() {
                    let of_cut = cut[(replica * 4 + row) * 2 + column];
                    assert_eq!(of_cut, whole[(replica * 4 + row) * 6 + id]);
                }
            }
        }
        assert_eq!(moment(&optimizer, "layer_1.weight").dims(), [2, 2, 3]);
        optimizer.keep_replicas(&[1]);
        assert_eq!(values(&moment(&optimizer, "layer_0.weight")), cut[4 * 2..]);
        let network = network.keep_replicas(&[1]);
        assert_eq!(stepped(&mut optimizer, network).graph().widths(), [2]);
    }
}
