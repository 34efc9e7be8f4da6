//! Computes the result of one node.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::activation::{leaky_relu, relu, sigmoid, silu, tanh};
use burn::tensor::{Device, Tensor, TensorData};
use rayclip_ops::{Window, batch_moments, batch_norm, conv, depthwise, max_pool};

use crate::graph::{Activation, Op, Shape, Slide};

/// What a node computes with: its parameters and its state, in the order of [`crate::sizes`].
pub(crate) struct Matrices {
    pub(crate) parameters: Vec<Tensor<3>>,
    pub(crate) state: Vec<Tensor<3>>,
}

/// The new running statistics of a batch normalisation: mean and variance.
pub(crate) type Running = [Tensor<3>; 2];

/// Computes the result of an operation on values, of which the first has the extents `input`. `mask` draws the
/// factors of a dropout; without it, the networks are evaluated. In training, the second result is the new state.
pub(crate) fn apply(
    op: Op,
    input: Shape,
    mut values: Vec<Tensor<3>>,
    matrices: Matrices,
    mask: Option<&mut dyn FnMut([usize; 3]) -> Tensor<3>>,
) -> (Tensor<3>, Option<Running>) {
    let first = values.remove(0);
    let mut parameters = matrices.parameters.into_iter();
    let mut parameter = || parameters.next();
    let result = match op {
        Op::Linear { .. } => {
            let product = with(first, parameter(), Tensor::matmul);
            with(product, parameter(), |x, bias| x + bias)
        }
        Op::Conv2d { slide, .. } => {
            let window = slide.over(input);
            let product = with(first, parameter(), |x, weight| conv(x, weight, window));
            with(product, parameter(), |x, bias| x + bias)
        }
        Op::DepthwiseConv2d { slide, .. } => {
            let window = slide.over(input);
            let product = with(first, parameter(), |x, weight| depthwise(x, weight, window));
            with(product, parameter(), |x, bias| x + bias)
        }
        Op::BatchNorm { epsilon, momentum } => {
            let (scale, shift) = (parameter(), parameter());
            let norm = Norm { epsilon, momentum };
            let parameters = scale.into_iter().chain(shift);
            return norm.apply(first, parameters.collect(), matrices.state, mask.is_some());
        }
        Op::LayerNorm { epsilon } => {
            let normalised = layer_norm(first, epsilon);
            let scaled = with(normalised, parameter(), |x, scale| x * scale);
            with(scaled, parameter(), |x, shift| x + shift)
        }
        Op::Activation(function) => activation(first, function),
        Op::MaxPool(slide) => max_pool(first, slide.over(input)),
        Op::AveragePool { slide, count_padding } => average(first, slide, input, count_padding),
        Op::GlobalAveragePool => mean_of_positions(first, input.positions()),
        Op::Flatten => flatten(first, input.numbers()),
        Op::Add => values.into_iter().fold(first, |sum, other| sum + other),
        Op::Mul => values.into_iter().fold(first, gate),
        Op::Concat => side_by_side(std::iter::once(first).chain(values).collect()),
        Op::Dropout { .. } => match mask {
            Some(mask) => {
                let factors = mask(first.dims());
                first * factors
            }
            None => first,
        },
    };
    (result, None)
}

/// Applies `operation` if there is a parameter.
fn with(
    x: Tensor<3>,
    parameter: Option<Tensor<3>>,
    operation: impl FnOnce(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    match parameter {
        Some(parameter) => operation(x, parameter),
        None => x,
    }
}

fn activation(x: Tensor<3>, function: Activation) -> Tensor<3> {
    match function {
        Activation::Relu => relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } => leaky_relu(x, slope),
        Activation::Gelu => {
            // The gradient of Burn's own is an approximation on some backends.
            let distribution = ((x.clone() * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
            x * distribution
        }
        Activation::Silu => silu(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSwish => {
            let factor = hard_sigmoid(x.clone());
            x * factor
        }
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::Tanh => tanh(x),
    }
}

fn hard_sigmoid(x: Tensor<3>) -> Tensor<3> {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

/// A batch normalisation.
#[derive(Clone, Copy)]
struct Norm {
    epsilon: f64,
    momentum: f64,
}

impl Norm {
    /// Normalises by the batch's own moments in training, otherwise by the running statistics. In training, the
    /// second result is the new running statistics; as in PyTorch, their variance is divided by n − 1.
    fn apply(
        self,
        x: Tensor<3>,
        parameters: Vec<Tensor<3>>,
        state: Vec<Tensor<3>>,
        training: bool,
    ) -> (Tensor<3>, Option<Running>) {
        let ([scale, shift], [mean, variance]) = (pair(parameters), pair(state));
        if !training {
            let factor = scale / (variance + self.epsilon).sqrt();
            let constant = shift - mean * factor.clone();
            return (x * factor + constant, None);
        }
        let rows = x.dims()[1] as f64;
        let moments = batch_moments(x.clone());
        let unbiased = moments.variance() * (rows / (rows - 1.0).max(1.0));
        let next = |before: Tensor<3>, of_batch: Tensor<3>| {
            before * (1.0 - self.momentum) + of_batch * self.momentum
        };
        let running = [next(mean, moments.mean()), next(variance, unbiased)];
        (batch_norm(x, &moments, scale, shift, self.epsilon as f32), Some(running))
    }
}

#[expect(clippy::expect_used, reason = "crate::sizes has two matrices of each kind")]
fn pair(matrices: Vec<Tensor<3>>) -> [Tensor<3>; 2] {
    matrices.try_into().expect("a normalisation has two parameters and two matrices of state")
}

/// Normalises the channels of every position.
fn layer_norm(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    centred / (variance + epsilon).sqrt()
}

/// The mean of every window: a depthwise convolution with equal weights.
fn average(x: Tensor<3>, slide: Slide, input: Shape, count_padding: bool) -> Tensor<3> {
    let (window, device) = (slide.over(input), x.device());
    let weight = |value: f32| Tensor::full([1, slide.taps(), input.channels], value, &device);
    if count_padding || slide.padding == [0; 4] {
        return depthwise(x, weight(1.0 / slide.taps() as f32), window);
    }
    let sums = depthwise(x, weight(1.0), window);
    let [replicas, rows, channels] = sums.dims();
    let shares = shares(&window);
    let places = shares.len();
    let shares = Tensor::<4>::from_data(TensorData::new(shares, [1, 1, places, 1]), &device);
    let sums = sums.reshape([replicas, rows / places, places, channels]);
    (sums * shares).reshape([replicas, rows, channels])
}

/// Returns, for every place of a window, one divided by the number of taps in the image.
fn shares(window: &Window) -> Vec<f32> {
    window.taps_inside().into_iter().map(|taps| 1.0 / taps.max(1) as f32).collect()
}

/// The mean over all positions of every image.
fn mean_of_positions(x: Tensor<3>, positions: usize) -> Tensor<3> {
    if positions == 1 {
        return x;
    }
    let [replicas, rows, channels] = x.dims();
    let images = rows / positions;
    let of_images = x.reshape([replicas, images, positions, channels]);
    of_images.mean_dim(2).reshape([replicas, images, channels])
}

/// Merges the positions of an image into one, which then has `channels` channels.
fn flatten(value: Tensor<3>, channels: usize) -> Tensor<3> {
    let [replicas, rows, of_position] = value.dims();
    if of_position == channels {
        return value;
    }
    value.reshape([replicas, rows * of_position / channels, channels])
}

/// Multiplies two values. If one has fewer rows, it has one position, and multiplies all positions of the other.
fn gate(x: Tensor<3>, other: Tensor<3>) -> Tensor<3> {
    let (one, two) = (x.dims(), other.dims());
    if one[1] == two[1] {
        return x * other;
    }
    let ([x, gate], images) =
        if one[1] > two[1] { ([x, other], two[1]) } else { ([other, x], one[1]) };
    let [replicas, rows, channels] = x.dims();
    let shape = |value: &Tensor<3>, positions| [value.dims()[0], images, positions, channels];
    let gates = gate.clone().reshape(shape(&gate, 1));
    let product = x.clone().reshape(shape(&x, rows / images)) * gates;
    product.reshape([replicas.max(gate.dims()[0]), rows, channels])
}

/// Concatenates the channels of values.
fn side_by_side(values: Vec<Tensor<3>>) -> Tensor<3> {
    let replicas = values.iter().map(|value| value.dims()[0]).max().unwrap_or(1);
    // Images shared by all replicas have a first extent of 1.
    let spread = |value: Tensor<3>| {
        if value.dims()[0] < replicas { value.repeat_dim(0, replicas) } else { value }
    };
    Tensor::cat(values.into_iter().map(spread).collect(), 2)
}

/// Returns the factors of a dropout with these numbers: zero with the `probability`, otherwise `1 / (1 −
/// probability)`. `uniform` draws a number from 0 to less than 1.
///
/// # References
/// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout* (JMLR 15, 2014), scaled in training.
pub fn dropout_factors(
    extents: [usize; 3],
    probability: f64,
    mut uniform: impl FnMut(usize) -> f64,
    device: &Device,
) -> Tensor<3> {
    let [replicas, rows, columns] = extents;
    let kept = (1.0 / (1.0 - probability)) as f32;
    let mut factor = |replica| if uniform(replica) < probability { 0.0 } else { kept };
    let of_replica = |replica| std::iter::repeat_n(replica, rows * columns);
    let factors: Vec<f32> = (0..replicas).flat_map(of_replica).map(&mut factor).collect();
    Tensor::from_data(TensorData::new(factors, extents), device)
}
