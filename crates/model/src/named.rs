//! The tensors of a network by name.

use burn::module::Param;
use burn::tensor::Tensor;

use crate::{Layer, Mlp, MlpShape};

impl Mlp {
    /// `layer_i.weight`, `[replica, fan_in, fan_out]`, and `layer_i.bias`, `[replica, 1, fan_out]`, from
    /// the input on.
    pub fn named(&self) -> impl Iterator<Item = (String, Tensor<3>)> {
        self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let weight = (format!("layer_{index}.weight"), layer.weight.val());
            let bias = layer.bias.as_ref().map(|bias| (format!("layer_{index}.bias"), bias.val()));
            std::iter::once(weight).chain(bias)
        })
    }

    /// A network of `shape` whose tensors, known by name and extents, `tensor` hands out.
    ///
    /// # Errors
    /// Those of `tensor`.
    pub fn from_named<E>(
        shape: &MlpShape,
        mut tensor: impl FnMut(&str, [usize; 3]) -> Result<Tensor<3>, E>,
    ) -> Result<Self, E> {
        let MlpShape { replicas, bias, .. } = *shape;
        let mut parameter =
            |name: String, extents: [usize; 3]| tensor(&name, extents).map(Param::from_tensor);
        let layers = shape.layers().enumerate().map(|(index, (fan_in, fan_out))| {
            let weight = parameter(format!("layer_{index}.weight"), [replicas, fan_in, fan_out])?;
            let bias =
                bias.then(|| parameter(format!("layer_{index}.bias"), [replicas, 1, fan_out]));
            Ok(Layer { weight, bias: bias.transpose()? })
        });
        Ok(Self { layers: layers.collect::<Result<_, E>>()? })
    }
}
