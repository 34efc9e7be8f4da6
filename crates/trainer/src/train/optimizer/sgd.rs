//! Stochastic gradient descent with momentum.
//!
//! # References
//! Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep learning* (ICML
//! 2013), in the form of PyTorch: the learning rate is not part of the momentum.

use burn::tensor::Tensor;

/// The rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    pub(super) momentum: f64,
    pub(super) nesterov: bool,
}

impl Sgd {
    /// Updates one parameter. Returns it with its velocity.
    pub(super) fn step(
        self,
        learning_rate: f64,
        value: Tensor<3>,
        gradient: Tensor<3>,
        velocity: Option<Tensor<3>>,
    ) -> (Tensor<3>, Tensor<3>) {
        let velocity = match velocity {
            Some(velocity) => velocity * self.momentum + gradient.clone(),
            None => gradient.clone(),
        };
        let step = if self.nesterov {
            gradient + velocity.clone() * self.momentum
        } else {
            velocity.clone()
        };
        (value - step * learning_rate, velocity)
    }
}
