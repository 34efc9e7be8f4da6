//! Adam over a network whose layers shrink.
//!
//! The moments are held here, so that a clip cuts them as it cuts the parameters. The update is Burn's
//! own; on the backend `flex` it is the same rule in one pass ([`flex`]).

mod flex;

use burn::module::Param;
use burn::optim::{Adam, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Gradients, Tensor};
use rayclip_model::{Layer, Mlp, select, select_replicas};

use crate::TrainerError;

// PyTorch's, as in the published runs; Burn's own epsilon is 1e-5.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

type State = Option<AdamState<3>>;

/// Both moments of a parameter, by its name in the network.
pub(crate) type NamedMoments = (String, [Tensor<3>; 2]);

/// Adam and its moments, one a parameter.
pub(crate) struct Optimizer {
    adam: Adam,
    learning_rate: f64,
    layers: Vec<LayerState>,
}

#[derive(Default, Clone)]
struct LayerState {
    weight: State,
    bias: State,
}

impl Optimizer {
    pub(crate) fn new(learning_rate: f64, layers: usize) -> Self {
        let adam = AdamConfig::new().with_beta_1(BETA_1).with_beta_2(BETA_2).with_epsilon(EPSILON);
        let adam = adam.build();
        Self { adam, learning_rate, layers: vec![LayerState::default(); layers] }
    }

    /// One step; `tracked` is the network that the gradients were computed with.
    ///
    /// # Errors
    /// A parameter took no part in the loss, or cannot be read.
    pub(crate) fn step(
        &mut self,
        tracked: Mlp,
        gradients: &Gradients,
    ) -> Result<Mlp, TrainerError> {
        let Self { adam, learning_rate, layers } = self;
        let update = |parameter: Param<Tensor<3>>, state: &mut State| {
            let (id, value, _) = parameter.consume();
            let gradient = value.grad(gradients).ok_or_else(|| TrainerError::Device {
                doing: "training",
                reason: "a parameter has no gradient".into(),
            })?;
            let (value, before) = (value.inner(), state.take());
            let (value, next) = if value.device() == Device::flex() {
                let (value, next) = flex::step(*learning_rate, value, gradient, before)?;
                (value, Some(next))
            } else {
                adam.step(*learning_rate, value, gradient, before)
            };
            *state = next;
            Ok::<_, TrainerError>(Param::initialized(id, value))
        };
        let layers = tracked.layers.into_iter().zip(layers).map(|(layer, state)| {
            let weight = update(layer.weight, &mut state.weight)?;
            let bias = layer.bias.map(|bias| update(bias, &mut state.bias)).transpose()?;
            Ok(Layer { weight, bias })
        });
        Ok(Mlp { layers: layers.collect::<Result<_, TrainerError>>()? })
    }

    /// Forgets all moments.
    pub(crate) fn reset(&mut self) {
        self.layers.fill(LayerState::default());
    }

    /// Steps that the moments are of, and both moments of every parameter by its name in the network; nothing
    /// before the first step.
    pub(crate) fn moments(&self) -> Option<(usize, Vec<NamedMoments>)> {
        let moments = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            [("weight", &layer.weight), ("bias", &layer.bias)].map(|(kind, state)| {
                let AdamState { momentum } = state.as_ref()?;
                let both = [momentum.moment_1.clone(), momentum.moment_2.clone()];
                Some((momentum.time, (format!("layer_{index}.{kind}"), both)))
            })
        });
        let (steps, moments): (Vec<usize>, Vec<_>) = moments.flatten().unzip();
        Some((*steps.first()?, moments))
    }

    /// Takes the moments that `moments` has of every parameter of a network, by its name and extents.
    ///
    /// # Errors
    /// Those of `moments`.
    pub(crate) fn restore<E>(
        &mut self,
        steps: usize,
        network: &Mlp,
        moments: impl Fn(&str, [usize; 3]) -> Result<[Tensor<3>; 2], E>,
    ) -> Result<(), E> {
        let state = |name: String, parameter: &Param<Tensor<3>>| {
            let [first, second] = moments(&name, parameter.val().dims())?;
            Ok(AdamState::new(AdaptiveMomentumState::new(steps, first, second)))
        };
        let layers = network.layers.iter().enumerate().map(|(index, layer)| {
            let bias = layer.bias.as_ref().map(|bias| state(format!("layer_{index}.bias"), bias));
            let weight = state(format!("layer_{index}.weight"), &layer.weight)?;
            Ok(LayerState { weight: Some(weight), bias: bias.transpose()? })
        });
        self.layers = layers.collect::<Result<_, E>>()?;
        Ok(())
    }

    /// Keeps the moments of the neurons `kept[replica]` of hidden layer `hidden`, as
    /// [`Mlp::keep_neurons`] keeps their weights.
    pub(crate) fn keep_neurons(&mut self, hidden: usize, kept: &[Vec<usize>]) {
        let cut = |state: &mut State, dimension| {
            if let Some(AdamState { momentum }) = state {
                momentum.moment_1 = select(&momentum.moment_1, dimension, kept);
                momentum.moment_2 = select(&momentum.moment_2, dimension, kept);
            }
        };
        cut(&mut self.layers[hidden].weight, 2);
        cut(&mut self.layers[hidden].bias, 2);
        cut(&mut self.layers[hidden + 1].weight, 1);
    }
}

impl Optimizer {
    /// Keeps the moments of some replicas.
    pub(crate) fn keep_replicas(&mut self, replicas: &[usize]) {
        let states = self.layers.iter_mut().flat_map(|layer| [&mut layer.weight, &mut layer.bias]);
        for AdamState { momentum } in states.flatten() {
            momentum.moment_1 = select_replicas(&momentum.moment_1, replicas);
            momentum.moment_2 = select_replicas(&momentum.moment_2, replicas);
        }
    }

    /// Says what is wrong where the moments are not exactly those of the network's parameters.
    pub(crate) fn check(&self, network: &Mlp) -> Result<(), String> {
        if self.layers.len() != network.layers.len() {
            let layers = network.layers.len();
            return Err(format!("moments of {} layers, but {layers} layers", self.layers.len()));
        }
        for (index, (state, layer)) in self.layers.iter().zip(&network.layers).enumerate() {
            let check = |name: &str, state: &State, parameter: Option<&Param<Tensor<3>>>| {
                let Some(AdamState { momentum }) = state else { return Ok(()) };
                let extents = parameter.map(|parameter| parameter.val().dims());
                let moments = [momentum.moment_1.dims(), momentum.moment_2.dims()];
                match extents {
                    Some(extents) if moments == [extents; 2] => Ok(()),
                    _ => Err(format!(
                        "the moments of the {name} of layer {index} are {moments:?}, itself {extents:?}"
                    )),
                }
            };
            check("weight", &state.weight, Some(&layer.weight))?;
            check("bias", &state.bias, layer.bias.as_ref())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};
    use rayclip_model::MlpShape;

    use super::*;
    use crate::streams::{Purpose, stream};

    fn stepped(optimizer: &mut Optimizer, network: Mlp) -> Mlp {
        let inputs = network.shape().inputs;
        let images = Tensor::ones([2, 3, inputs], &Device::flex());
        let tracked = network.tracked();
        let gradients = tracked.forward(images).square().sum().backward();
        optimizer.step(tracked, &gradients).unwrap()
    }

    #[test]
    fn the_first_step_moves_every_weight_by_the_learning_rate() {
        let shape = MlpShape { replicas: 2, inputs: 4, hidden: vec![], outputs: 3, bias: true };
        let weights = |_, layer| stream(1, Purpose::Weights, [layer, 0]);
        let before = Mlp::init(&shape, &Device::flex(), weights).unwrap();
        let after = stepped(&mut Optimizer::new(0.01, 1), before.clone());
        let moved = after.layers[0].weight.val() - before.layers[0].weight.val();
        for value in moved.into_data().try_to_vec::<f32>().unwrap() {
            assert!((value.abs() - 0.01).abs() < 1e-5, "{value}");
        }
    }

    #[test]
    fn the_pass_of_flex_is_burns_rule() {
        let device = Device::flex();
        let draw =
            |scale: f64| Tensor::<3>::random([2, 40, 9], Distribution::Normal(0.0, scale), &device);
        let adam = Optimizer::new(0.01, 0).adam;
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
        let shape = MlpShape { replicas: 2, inputs: 4, hidden: vec![6], outputs: 3, bias: true };
        let weights = |replica, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        let mut network = Mlp::init(&shape, &Device::flex(), weights).unwrap();
        let mut optimizer = Optimizer::new(0.01, 2);
        network = stepped(&mut optimizer, network);
        let whole: Vec<f32> = moment(&optimizer, 0).into_data().try_to_vec().unwrap();
        let kept = [vec![1, 4], vec![0, 5]];
        optimizer.keep_neurons(0, &kept);
        assert!(optimizer.check(&network).unwrap_err().contains("weight of layer 0"));
        network = network.keep_neurons(0, &kept);
        assert_eq!(optimizer.check(&network), Ok(()));
        let cut: Vec<f32> = moment(&optimizer, 0).into_data().try_to_vec().unwrap();
        for (replica, ids) in kept.iter().enumerate() {
            for row in 0..4 {
                for (column, id) in ids.iter().enumerate() {
                    let of_cut = cut[(replica * 4 + row) * 2 + column];
                    assert_eq!(of_cut, whole[(replica * 4 + row) * 6 + id]);
                }
            }
        }
        assert_eq!(moment(&optimizer, 1).dims(), [2, 2, 3]);
        optimizer.keep_replicas(&[1]);
        let last: Vec<f32> = moment(&optimizer, 0).into_data().try_to_vec().unwrap();
        assert_eq!(last, cut[4 * 2..]);
        let network = network.keep_replicas(&[1]);
        assert_eq!(stepped(&mut optimizer, network).shape().hidden, [2]);
    }

    fn moment(optimizer: &Optimizer, layer: usize) -> Tensor<3> {
        optimizer.layers[layer].weight.as_ref().unwrap().momentum.moment_1.clone()
    }
}
