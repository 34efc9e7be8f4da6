//! The extents of a replicated network.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The most weights and biases of all replicas together: 16 GiB of f32.
const MOST_PARAMETERS: usize = 1 << 32;

/// Extents of `replicas` networks `inputs → hidden… → outputs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpShape {
    /// Independent networks that train as one.
    pub replicas: usize,
    /// Pixels of an image.
    pub inputs: usize,
    /// Neurons of every hidden layer; empty for a linear classifier.
    pub hidden: Vec<usize>,
    /// Classes.
    pub outputs: usize,
    /// Whether layers add a bias.
    pub bias: bool,
}

impl MlpShape {
    /// `(fan_in, fan_out)` of every layer, from the input on.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> {
        let fan_in = std::iter::once(self.inputs).chain(self.hidden.iter().copied());
        let fan_out = self.hidden.iter().copied().chain(std::iter::once(self.outputs));
        fan_in.zip(fan_out)
    }

    /// Weights and biases of one replica.
    pub fn parameters(&self) -> usize {
        self.layers().map(|(fan_in, fan_out)| (fan_in + usize::from(self.bias)) * fan_out).sum()
    }

    /// Refuses extents of zero, and networks that no memory takes.
    ///
    /// # Errors
    /// [`ModelError::Zero`], naming the extent, or [`ModelError::TooLarge`].
    pub fn validate(&self) -> Result<(), ModelError> {
        let hidden =
            self.hidden.iter().enumerate().map(|(layer, &m)| (m, format!("hidden layer {layer}")));
        let ends =
            [(self.replicas, "replicas"), (self.inputs, "inputs"), (self.outputs, "outputs")];
        match ends
            .into_iter()
            .map(|(extent, name)| (extent, name.to_owned()))
            .chain(hidden)
            .find(|(extent, _)| *extent == 0)
        {
            Some((_, what)) => Err(ModelError::Zero { what }),
            None if self.checked_parameters().is_none_or(|count| count > MOST_PARAMETERS) => {
                let Self { replicas, inputs, hidden, outputs, .. } = self;
                let hidden = match hidden.len() {
                    0..=16 => format!("{hidden:?}"),
                    count => format!("{count} hidden layers"),
                };
                let shape = format!("{inputs} → {hidden} → {outputs} of {replicas} replicas");
                Err(ModelError::TooLarge { shape, most: MOST_PARAMETERS })
            }
            None => Ok(()),
        }
    }

    /// Weights and biases of all replicas; nothing where there is no such number.
    fn checked_parameters(&self) -> Option<usize> {
        let one = self.layers().try_fold(0_usize, |all, (fan_in, fan_out)| {
            let weights = fan_in.checked_add(usize::from(self.bias))?.checked_mul(fan_out)?;
            all.checked_add(weights)
        })?;
        one.checked_mul(self.replicas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_parameters_of_one_replica() {
        let mut shape =
            MlpShape { replicas: 3, inputs: 784, hidden: vec![512], outputs: 10, bias: false };
        assert_eq!(shape.parameters(), 784 * 512 + 512 * 10);
        shape.bias = true;
        assert_eq!(shape.parameters(), 785 * 512 + 513 * 10);
    }

    #[test]
    fn names_the_extent_that_is_zero() {
        let shape = MlpShape { replicas: 1, inputs: 4, hidden: vec![8, 0], outputs: 2, bias: true };
        assert!(shape.validate().unwrap_err().to_string().contains("hidden layer 1"));
    }

    #[test]
    fn a_network_that_no_memory_takes_is_refused() {
        let shape = MlpShape { replicas: 1, inputs: 4, hidden: vec![8], outputs: 2, bias: true };
        let huge = [
            MlpShape { inputs: usize::MAX, ..shape.clone() },
            MlpShape { hidden: vec![1 << 20, 1 << 20], ..shape.clone() },
            MlpShape { hidden: vec![usize::MAX, usize::MAX], ..shape.clone() },
            MlpShape { replicas: usize::MAX, ..shape.clone() },
        ];
        for shape in huge {
            let message = shape.validate().unwrap_err().to_string();
            assert!(message.contains("4294967296 weights"), "{message}");
        }
        assert!(shape.validate().is_ok());
    }
}
