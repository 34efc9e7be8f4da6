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

    /// The replicas of several networks of one shape, one network after the other; of none, a network
    /// without a layer. Where only some have biases, those of the others are zero.
    ///
    /// # Panics
    /// If the shapes differ in more than the replicas and biases.
    #[must_use]
    pub fn cat(networks: &[Self]) -> Self {
        let layers = networks.first().map_or(0, |network| network.layers.len());
        let layers = (0..layers).map(|index| {
            let layers = || networks.iter().map(move |network| &network.layers[index]);
            let join = |of_layer: &dyn Fn(&Layer) -> Tensor<3>| {
                Param::from_tensor(Tensor::cat(layers().map(of_layer).collect(), 0))
            };
            let bias = |layer: &Layer| match &layer.bias {
                Some(bias) => bias.val(),
                None => layer.weight.val().narrow(1, 0, 1).zeros_like(),
            };
            let has_bias = layers().any(|layer| layer.bias.is_some());
            Layer { weight: join(&|layer| layer.weight.val()), bias: has_bias.then(|| join(&bias)) }
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

    #[test]
    fn a_network_without_biases_has_biases_of_zero_beside_one_with_them() {
        let device = Device::flex();
        let shape = |bias| MlpShape { replicas: 1, inputs: 3, hidden: vec![4], outputs: 2, bias };
        let network = |bias| {
            let seeded = |_, layer| ChaCha8Rng::seed_from_u64(layer as u64);
            Mlp::init(&shape(bias), &device, seeded).unwrap()
        };
        let both = Mlp::cat(&[network(false), network(true)]);
        assert_eq!(both.shape(), MlpShape { replicas: 2, ..shape(true) });
        let logits = |network: &Mlp, replicas| {
            network.forward(Tensor::ones([replicas, 1, 3], &device)).narrow(0, 0, 1).into_data()
        };
        logits(&both, 2).assert_eq(&logits(&network(false), 1), true);
        assert_eq!(Mlp::cat(&[]).layers.len(), 0);
    }
}
