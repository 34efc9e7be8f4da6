//! The extents of a replicated network.

use serde::{Deserialize, Serialize};

use crate::ModelError;

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

    /// Weights and biases of one replica; `usize::MAX` where they are more, which
    /// [`validate`](Self::validate) refuses.
    pub fn parameters(&self) -> usize {
        let of_layer = |(fan_in, fan_out): (usize, usize)| {
            fan_in.saturating_add(usize::from(self.bias)).saturating_mul(fan_out)
        };
        self.layers().map(of_layer).fold(0, usize::saturating_add)
    }

    /// Refuses extents of zero, and a network that is too large: what it lets pass has extents within
    /// 32 bits, and an eighth of what memory can address holds the parameters of all replicas as f32, so
    /// that their gradients and moments can be counted too.
    ///
    /// # Errors
    /// [`ModelError::Zero`] or [`ModelError::TooLarge`], naming the extent.
    pub fn validate(&self) -> Result<(), ModelError> {
        const MOST: usize = isize::MAX as usize / 8 / size_of::<f32>();
        let hidden =
            self.hidden.iter().enumerate().map(|(layer, &m)| (m, format!("hidden layer {layer}")));
        let ends =
            [(self.replicas, "replicas"), (self.inputs, "inputs"), (self.outputs, "outputs")];
        let ends = ends.into_iter().map(|(extent, name)| (extent, name.to_owned()));
        for (extent, what) in ends.chain(hidden) {
            if extent == 0 {
                return Err(ModelError::Zero { what });
            }
            // Devices number entries by i32.
            if i32::try_from(extent).is_err() {
                return Err(ModelError::TooLarge { what: format!("{what} of {extent}") });
            }
        }
        if self.replicas.saturating_mul(self.parameters()) > MOST {
            let Self { replicas, inputs, hidden, outputs, .. } = self;
            let what = format!("{replicas} × ({inputs} → {hidden:?} → {outputs})");
            return Err(ModelError::TooLarge { what });
        }
        Ok(())
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
    fn refuses_what_no_memory_holds() {
        let huge = i32::MAX as usize;
        let shape = MlpShape { replicas: 1, inputs: 4, hidden: vec![8, 9], outputs: 2, bias: true };
        let message = |hidden: &[usize], replicas: usize| {
            let shape = MlpShape { hidden: hidden.to_vec(), replicas, ..shape.clone() };
            shape.validate().unwrap_err().to_string()
        };
        let wide = message(&[8, huge + 1], 1);
        assert!(wide.contains("hidden layer 1 of 2147483648"), "{wide}");
        assert!(message(&[huge, huge], 1).contains("1 × (4 → [2147483647, 2147483647] → 2)"));
        assert!(message(&[1 << 28, 1 << 28], 9).contains("9 × (4"));
        let uncountable = MlpShape { hidden: vec![usize::MAX; 2], ..shape };
        assert_eq!(uncountable.parameters(), usize::MAX);
    }
}
