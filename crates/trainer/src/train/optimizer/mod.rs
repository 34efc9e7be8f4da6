//! Adam for networks that shrink.
//!
//! The moments are two stores with the names of the parameters, so a clip cuts them in the same way. The update is
//! Burn's own; on the backend `flex` it is the same rule in one pass ([`flex`]).

mod flex;

use burn::optim::{Adam, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Gradients, Tensor};
use rayclip_model::{Group, Population, Store};

use crate::error::TrainerError;

// The values of PyTorch, as in the published runs. Burn's default epsilon is 1e-5.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Adam and its moments.
pub(crate) struct Optimizer {
    adam: Adam,
    learning_rate: f64,
    /// `None` before the first step.
    moments: Option<Moments>,
}

/// Both moments of every parameter, by the name of the parameter.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    /// The number of steps so far.
    pub(crate) steps: usize,
    pub(crate) first: Store,
    pub(crate) second: Store,
}

impl Optimizer {
    pub(crate) fn new(learning_rate: f64) -> Self {
        let adam = AdamConfig::new().with_beta_1(BETA_1).with_beta_2(BETA_2).with_epsilon(EPSILON);
        Self { adam: adam.build(), learning_rate, moments: None }
    }

    /// Makes one step. `tracked` are the networks that the gradients were computed with.
    ///
    /// # Errors
    /// A parameter has no gradient, or cannot be read.
    pub(crate) fn apply_gradients(
        &mut self,
        tracked: Population,
        gradients: &Gradients,
    ) -> Result<Population, TrainerError> {
        let mut before = Before::of(self.moments.take());
        let (mut first, mut second, mut steps) = (Store::default(), Store::default(), 0);
        let network = tracked.try_update(|name, value| {
            let gradient = value.grad(gradients).ok_or_else(|| TrainerError::Device {
                doing: "training",
                reason: format!("{name} has no gradient"),
            })?;
            let (value, state) = self.update(value.inner(), gradient, before.next())?;
            let AdaptiveMomentumState { time, moment_1, moment_2, .. } = state.momentum;
            steps = time;
            first.insert(name.to_owned(), moment_1);
            second.insert(name.to_owned(), moment_2);
            Ok::<_, TrainerError>(value)
        })?;
        self.moments = Some(Moments { steps, first, second });
        Ok(network)
    }

    /// Updates one parameter and its moments.
    fn update(
        &self,
        value: Tensor<3>,
        gradient: Tensor<3>,
        before: Option<AdamState<3>>,
    ) -> Result<(Tensor<3>, AdamState<3>), TrainerError> {
        if value.device() == Device::flex() {
            return flex::step(self.learning_rate, value, gradient, before);
        }
        let (value, state) = self.adam.step(self.learning_rate, value, gradient, before);
        let state = state.ok_or_else(|| TrainerError::Device {
            doing: "training",
            reason: "the optimizer kept no moments".into(),
        })?;
        Ok((value, state))
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
        self.moments = self.moments.take().map(|Moments { steps, first, second }| Moments {
            steps,
            first: change(first),
            second: change(second),
        });
    }

    /// Checks that the moments have exactly the names and shapes of the networks' parameters. The error says what
    /// differs.
    pub(crate) fn check(&self, network: &Population) -> Result<(), String> {
        let Some(Moments { first, second, .. }) = &self.moments else { return Ok(()) };
        let parameters = network.parameters();
        if [first.len(), second.len()] != [parameters.len(); 2] {
            let (moments, parameters) = (first.len(), parameters.len());
            return Err(format!(
                "there are moments for {moments} parameters, but {parameters} parameters"
            ));
        }
        for (name, parameter) in parameters.iter() {
            let extents = parameter.dims();
            let moments = [first, second].map(|store| store.get(name).map(Tensor::dims));
            if moments != [Some(extents); 2] {
                return Err(format!(
                    "the moments of {name} are {moments:?}, but {name} is {extents:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The moments before a step, in the order of the parameters.
struct Before {
    steps: usize,
    pairs: std::vec::IntoIter<(Tensor<3>, Tensor<3>)>,
}

impl Before {
    fn of(moments: Option<Moments>) -> Self {
        let (steps, pairs) = moments.map_or((0, vec![]), |Moments { steps, first, second }| {
            let values = |store: Store| store.into_iter().map(|(_, tensor)| tensor);
            (steps, values(first).zip(values(second)).collect())
        });
        Self { steps, pairs: pairs.into_iter() }
    }

    fn next(&mut self) -> Option<AdamState<3>> {
        let (first, second) = self.pairs.next()?;
        Some(AdamState::new(AdaptiveMomentumState::new(self.steps, first, second)))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};
    use rayclip_model::Graph;

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
        optimizer.apply_gradients(tracked, &gradients).unwrap()
    }

    fn values(tensor: &Tensor<3>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_first_step_moves_every_weight_by_the_learning_rate() {
        let before = network(&Graph::perceptron(4, &[], 3, true), |_| 1);
        let after = stepped(&mut Optimizer::new(0.01), before.clone());
        let weight = |network: &Population| network.parameters().get("layer_0.weight").cloned();
        let moved = weight(&after).unwrap() - weight(&before).unwrap();
        for value in values(&moved) {
            assert!((value.abs() - 0.01).abs() < 1e-5, "{value}");
        }
    }

    #[test]
    fn the_pass_of_flex_is_burns_rule() {
        let device = Device::flex();
        let draw =
            |scale: f64| Tensor::<3>::random([2, 40, 9], Distribution::Normal(0.0, scale), &device);
        let adam = Optimizer::new(0.01).adam;
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
        let mut optimizer = Optimizer::new(0.01);
        network = stepped(&mut optimizer, network);
        let moment = |optimizer: &Optimizer, name: &str| {
            optimizer.moments().unwrap().first.get(name).unwrap().clone()
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
