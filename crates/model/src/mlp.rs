//! The network: a multilayer perceptron with rectified hidden layers.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation::relu};
use rand::Rng;

use crate::init::xavier_normal;
use crate::{MlpShape, ModelError};

/// One fully connected layer of every replica.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[replica, fan_in, fan_out]`.
    pub weight: Param<Tensor<3>>,
    /// `[replica, 1, fan_out]`, where the network has biases.
    pub bias: Option<Param<Tensor<3>>>,
}

impl Layer {
    /// `x W + b`, `[replica, image, fan_in] → [replica, image, fan_out]`.
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let product = input.matmul(self.weight.val());
        match &self.bias {
            Some(bias) => product + bias.val(),
            None => product,
        }
    }
}

/// `R` independent multilayer perceptrons of one shape.
#[derive(Module, Debug)]
pub struct Mlp {
    /// From the input on; all but the last are followed by a rectifier.
    pub layers: Vec<Layer>,
}

impl Mlp {
    /// Xavier-normal weights and zero biases; `generator(replica, layer)` is asked once for each.
    ///
    /// # Errors
    /// An extent of the shape is zero, or the network is larger than memory can address.
    pub fn init<G: Rng>(
        shape: &MlpShape,
        device: &Device,
        mut generator: impl FnMut(usize, usize) -> G,
    ) -> Result<Self, ModelError> {
        shape.validate()?;
        let layers = shape
            .layers()
            .enumerate()
            .map(|(layer, (fan_in, fan_out))| {
                let values: Vec<f32> = (0..shape.replicas)
                    .flat_map(|replica| {
                        xavier_normal(fan_in, fan_out, &mut generator(replica, layer))
                    })
                    .collect();
                let values = TensorData::new(values, [shape.replicas, fan_in, fan_out]);
                let bias = || Tensor::zeros([shape.replicas, 1, fan_out], device);
                Layer {
                    weight: Param::from_tensor(Tensor::from_data(values, device)),
                    bias: shape.bias.then(|| Param::from_tensor(bias())),
                }
            })
            .collect();
        Ok(Self { layers })
    }

    /// Logits of a batch of images.
    ///
    /// # Shapes
    /// `[replica, image, input] → [replica, image, class]`.
    pub fn forward(&self, images: Tensor<3>) -> Tensor<3> {
        self.forward_from(0, images)
    }

    /// Logits from the input of layer `first`: the images for 0, the activations of hidden layer
    /// `first − 1` after that, up to the logits themselves after the last layer.
    ///
    /// # Shapes
    /// `[replica, image, fan_in] → [replica, image, class]`.
    pub fn forward_from(&self, first: usize, input: Tensor<3>) -> Tensor<3> {
        match &self.layers[first..] {
            [hidden @ .., last] => {
                last.forward(hidden.iter().fold(input, |input, layer| relu(layer.forward(input))))
            }
            [] => input,
        }
    }

    /// Activations of hidden layer `hidden`, after the rectifier.
    ///
    /// # Shapes
    /// `[replica, image, input] → [replica, image, m]`.
    pub fn activations(&self, hidden: usize, images: Tensor<3>) -> Tensor<3> {
        let layers = &self.layers[..=hidden];
        layers.iter().fold(images, |input, layer| relu(layer.forward(input)))
    }

    /// The same network with every parameter a leaf of a new autodiff graph.
    #[must_use]
    pub fn tracked(self) -> Self {
        let leaf = |parameter: Param<Tensor<3>>| {
            let (id, value, _) = parameter.consume();
            Param::initialized(id, value.autodiff().require_grad())
        };
        let layers = self.layers.into_iter();
        let layers = layers
            .map(|layer| Layer { weight: leaf(layer.weight), bias: layer.bias.map(leaf) })
            .collect();
        Self { layers }
    }

    /// Whether all parameters of a replica are finite, for every replica.
    ///
    /// # Errors
    /// The device fails.
    pub fn finite(&self) -> Result<Vec<bool>, ModelError> {
        let parameters = self
            .layers
            .iter()
            .flat_map(|layer| std::iter::once(&layer.weight).chain(&layer.bias).map(Param::val));
        let sums = parameters.map(|parameter| parameter.abs().sum_dim(2).sum_dim(1));
        let sums: Vec<f32> =
            Tensor::cat(sums.collect(), 2).sum_dim(2).try_into_vec_as().map_err(|error| {
                ModelError::Device { what: "the weights".into(), reason: error.to_string() }
            })?;
        Ok(sums.into_iter().map(f32::is_finite).collect())
    }

    /// The extents as they are now; those of a network without a layer are zero.
    pub fn shape(&self) -> MlpShape {
        let extents: Vec<[usize; 3]> =
            self.layers.iter().map(|layer| layer.weight.val().dims()).collect();
        let [replicas, inputs, _] = extents.first().copied().unwrap_or([0; 3]);
        let mut hidden: Vec<usize> = extents.iter().map(|[_, _, fan_out]| *fan_out).collect();
        let outputs = hidden.pop().unwrap_or(0);
        let bias = self.layers.first().is_some_and(|layer| layer.bias.is_some());
        MlpShape { replicas, inputs, hidden, outputs, bias }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    pub(crate) fn seeded(replica: usize, layer: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(replica as u64);
        rng.set_stream(layer as u64);
        rng
    }

    #[test]
    fn a_replica_is_the_same_network_alone() {
        let device = Device::flex();
        let shape = MlpShape { replicas: 3, inputs: 5, hidden: vec![7, 4], outputs: 2, bias: true };
        let three = Mlp::init(&shape, &device, seeded).unwrap();
        assert_eq!(three.shape(), shape);
        let alone = MlpShape { replicas: 1, ..shape };
        let third = Mlp::init(&alone, &device, |_, layer| seeded(2, layer)).unwrap();
        let images = Tensor::<3>::ones([1, 6, 5], &device);
        let of_three = three.forward(images.clone().repeat_dim(0, 3)).narrow(0, 2, 1);
        of_three.into_data().assert_eq(&third.forward(images.clone()).into_data(), true);

        let hidden = third.activations(1, images.clone());
        assert_eq!(hidden.dims(), [1, 6, 4]);
        let logits = third.forward_from(2, hidden).into_data();
        logits.assert_eq(&third.forward(images.clone()).into_data(), true);
        let logits_again = third.forward_from(3, third.forward(images.clone())).into_data();
        logits_again.assert_eq(&logits, true);
        let kept = three.keep_replicas(&[0, 2]);
        assert_eq!(kept.finite().unwrap(), [true, true]);
        let mut broken = kept.clone();
        let weight = broken.layers[1].weight.val();
        let spoiled = Tensor::<3>::from_data([[[1.0]], [[f32::NAN]]], &device);
        broken.layers[1].weight = Param::from_tensor(weight * spoiled);
        assert_eq!(broken.finite().unwrap(), [true, false]);
        let last = kept.forward(images.repeat_dim(0, 2)).narrow(0, 1, 1);
        last.into_data().assert_eq(&logits, true);
    }

    #[test]
    fn a_network_without_a_layer_has_no_extents() {
        let shape = Mlp { layers: vec![] }.shape();
        assert!(matches!(shape.validate(), Err(ModelError::Zero { what }) if what == "replicas"));
    }
}
