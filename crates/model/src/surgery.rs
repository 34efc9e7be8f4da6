//! Rebuilding a network with fewer hidden neurons.

use burn::module::Param;
use burn::tensor::{Int, Tensor, TensorData};

use crate::{Layer, Mlp};

/// Keeps, in replica `r`, the entries `kept[r]` along `dimension`; on the device.
///
/// # Shapes
/// `[replica, a, b] → [replica, k, b]` (dimension 1) or `[replica, a, k]` (dimension 2), where every
/// replica keeps `k` entries.
pub fn select(tensor: &Tensor<3>, dimension: usize, kept: &[Vec<usize>]) -> Tensor<3> {
    let device = tensor.device();
    let replicas = kept.iter().enumerate().map(|(replica, ids)| {
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let count = ids.len();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &device);
        tensor.clone().narrow(0, replica, 1).select(dimension, ids)
    });
    Tensor::cat(replicas.collect(), 0)
}

impl Mlp {
    /// Keeps, in replica `r`, the neurons `kept[r]` of hidden layer `hidden`: columns of the weights
    /// that feed them, their biases, and rows of the weights that leave them.
    ///
    /// The parameters keep their identity, so what is stored beside them (optimizer moments) can be
    /// cut the same way with [`select`].
    ///
    /// # Panics
    /// If there is no such hidden layer or neuron.
    #[must_use]
    pub fn keep_neurons(mut self, hidden: usize, kept: &[Vec<usize>]) -> Self {
        let cut = |param: &Param<Tensor<3>>, dimension| {
            Param::initialized(param.id, select(&param.val(), dimension, kept))
        };
        let feeding = &mut self.layers[hidden];
        feeding.weight = cut(&feeding.weight, 2);
        feeding.bias = feeding.bias.as_ref().map(|bias| cut(bias, 2));
        let leaving = &mut self.layers[hidden + 1];
        leaving.weight = cut(&leaving.weight, 1);
        self
    }
}

impl Mlp {
    /// The network of some replicas.
    ///
    /// # Panics
    /// If there is no such replica.
    #[must_use]
    pub fn keep_replicas(&self, replicas: &[usize]) -> Self {
        let cut = |parameter: &Param<Tensor<3>>| {
            Param::initialized(parameter.id, select_replicas(&parameter.val(), replicas))
        };
        let layers = self.layers.iter();
        let layers = layers
            .map(|layer| Layer { weight: cut(&layer.weight), bias: layer.bias.as_ref().map(cut) })
            .collect();
        Self { layers }
    }

    /// The replicas of several networks of one shape, one network after the other.
    ///
    /// # Panics
    /// If there is none, or the shapes differ in more than the replicas.
    #[must_use]
    pub fn cat(networks: &[Self]) -> Self {
        let join = |parameter: &dyn Fn(&Self) -> Tensor<3>| {
            Param::from_tensor(Tensor::cat(networks.iter().map(parameter).collect(), 0))
        };
        let layers = networks[0].layers.iter().enumerate().map(|(index, layer)| Layer {
            weight: join(&|network| network.layers[index].weight.val()),
            bias: layer.bias.as_ref().map(|_| {
                join(&|network| {
                    let bias = network.layers[index].bias.as_ref();
                    bias.expect("networks of one shape all have biases, or none").val()
                })
            }),
        });
        Self { layers: layers.collect() }
    }
}

/// Keeps some replicas of a tensor, on the device.
pub fn select_replicas(tensor: &Tensor<3>, replicas: &[usize]) -> Tensor<3> {
    let ids: Vec<i32> = replicas.iter().map(|&id| id as i32).collect();
    let ids = TensorData::new(ids, [replicas.len()]);
    tensor.clone().select(0, Tensor::<1, Int>::from_data(ids, &tensor.device()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tolerance};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::MlpShape;

    #[test]
    fn the_smaller_network_is_the_larger_with_clipped_neurons_silenced() {
        let device = Device::flex();
        let shape = MlpShape { replicas: 2, inputs: 6, hidden: vec![9, 5], outputs: 3, bias: true };
        let network = Mlp::init(&shape, &device, |replica, layer| {
            ChaCha8Rng::seed_from_u64((10 * replica + layer) as u64)
        })
        .unwrap();
        let kept = [vec![0, 2, 3, 8], vec![1, 2, 6, 7]];
        let smaller = network.clone().keep_neurons(0, &kept);
        assert_eq!(smaller.shape(), MlpShape { hidden: vec![4, 5], ..shape });

        let mut alive = vec![0.0_f32; 2 * 9];
        for (replica, ids) in kept.iter().enumerate() {
            for id in ids {
                alive[replica * 9 + id] = 1.0;
            }
        }
        let mask = Tensor::<3>::from_data(TensorData::new(alive, [2, 9, 1]), &device);
        let mut silenced = network;
        let leaving = silenced.layers[1].weight.val() * mask;
        silenced.layers[1].weight = Param::from_tensor(leaving);
        let both = Mlp::cat(&[smaller.keep_replicas(&[1]), smaller.keep_replicas(&[0])]);
        let swapped = both.keep_replicas(&[1, 0]).layers[1].weight.val().into_data();
        swapped.assert_eq(&smaller.layers[1].weight.val().into_data(), true);
        let images = Tensor::random([2, 11, 6], Distribution::Default, &device);
        let expected = silenced.forward(images.clone()).into_data();
        smaller
            .forward(images)
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::default());
    }
}
