//! The operations for tensors, and how each backend computes them.

#![expect(deprecated, reason = "Burn 0.23 drops ndarray; until then it is one of ours")]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, NdArray, backend_extension};
use burn::tensor::Tensor;
#[cfg(feature = "gpu")]
use burn_cubecl::CubeBackend;

use crate::window::Window;
use crate::{anywhere, host};

/// The operations and their gradients. The bodies here are for every backend; `flex` has its own.
#[backend_extension(NdArray, Flex, Cube: cfg(feature = "gpu"), Fusion: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait NetworkOps: Backend {
    #[fusion(default)]
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        anywhere::conv::<Self>(x, weight, &window)
    }

    #[fusion(default)]
    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::conv_input_gradient::<Self>(gradient, weight, &window)
    }

    #[fusion(default)]
    fn conv_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::conv_weight_gradient::<Self>(x, gradient, &window)
    }

    #[fusion(default)]
    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::depthwise::<Self>(x, weight, &window)
    }

    #[fusion(default)]
    fn depthwise_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::depthwise_input_gradient::<Self>(gradient, weight, &window)
    }

    #[fusion(default)]
    fn depthwise_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::depthwise_weight_gradient::<Self>(x, gradient, &window)
    }

    #[fusion(default)]
    fn patches(x: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        anywhere::rows::<Self>(x, &window)
    }

    #[fusion(default)]
    fn max_pool(x: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        anywhere::max_pool::<Self>(x, &window)
    }

    #[fusion(default)]
    fn max_pool_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        anywhere::max_pool_gradient::<Self>(x, gradient, &window)
    }

    #[fusion(default)]
    fn batch_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        anywhere::batch_moments::<Self>(x)
    }

    #[fusion(default)]
    fn normalise(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        anywhere::batch_norm::<Self>(x, moments, scale, shift, epsilon)
    }

    #[fusion(default)]
    fn batch_norm_sums(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        anywhere::batch_norm_sums::<Self>(x, moments, gradient, epsilon)
    }

    #[fusion(default)]
    fn batch_norm_input_gradient(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        anywhere::batch_norm_input_gradient::<Self>(x, moments, scale, gradient, sums, epsilon)
    }
}

impl NetworkOps for NdArray {}

#[cfg(feature = "gpu")]
impl NetworkOps for CubeBackend {}

impl NetworkOps for Flex {
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        host::conv(&x, &weight, &window)
    }

    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::conv_input_gradient(&gradient, &weight, &window)
    }

    fn conv_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::conv_weight_gradient(&x, &gradient, &window)
    }

    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::depthwise(&x, &weight, &window)
    }

    fn depthwise_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::depthwise_input_gradient(&gradient, &weight, &window)
    }

    fn depthwise_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::depthwise_weight_gradient(&x, &gradient, &window)
    }

    fn max_pool(x: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        host::max_pool(&x, &window)
    }

    fn max_pool_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        host::max_pool_gradient(&x, &gradient, &window)
    }

    fn batch_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        host::batch_moments(&x)
    }

    fn normalise(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        host::batch_norm(&x, &moments, &scale, &shift, epsilon)
    }

    fn batch_norm_sums(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        host::batch_norm_sums(&x, &moments, &gradient, epsilon)
    }

    fn batch_norm_input_gradient(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        host::batch_norm_input_gradient(&x, &moments, &scale, &gradient, &sums, epsilon)
    }
}

/// Convolves images, without a bias.
///
/// # Shapes
/// `x [replica or 1, image · position, channel]`, `weight [replica, tap · channel, output channel]` →
/// `[replica, image · place, output channel]`. The position and the places are those of the window.
///
/// # Panics
/// If the window does not fit the images, or the shapes do not match.
pub fn conv(x: Tensor<3>, weight: Tensor<3>, window: Window) -> Tensor<3> {
    let ([_, rows, channels], [_, inputs, _]) = (x.dims(), weight.dims());
    assert_fits(&window, rows);
    assert_eq!(inputs, channels * window.taps(), "the weight has a row per tap and channel");
    Tensor::from_dispatch(<Dispatch as NetworkOps>::conv(
        x.into_dispatch(),
        weight.into_dispatch(),
        window,
    ))
}

/// Convolves every channel with a window of its own, without a bias.
///
/// # Shapes
/// `x [replica or 1, image · position, channel]`, `weight [replica, tap, channel]` →
/// `[replica, image · place, channel]`.
///
/// # Panics
/// If the window does not fit the images, or the shapes do not match.
pub fn depthwise(x: Tensor<3>, weight: Tensor<3>, window: Window) -> Tensor<3> {
    let ([_, rows, channels], [_, taps, outputs]) = (x.dims(), weight.dims());
    assert_fits(&window, rows);
    assert_eq!([taps, outputs], [window.taps(), channels], "the weight has a row per tap");
    Tensor::from_dispatch(<Dispatch as NetworkOps>::depthwise(
        x.into_dispatch(),
        weight.into_dispatch(),
        window,
    ))
}

/// Returns what a convolution multiplies by its weight. It has no gradient of its own: use it on tensors without
/// autodiff.
///
/// # Shapes
/// `[replica, image · position, channel] → [replica, image · place, tap · channel]`.
///
/// # Panics
/// If the window does not fit the images.
pub fn patches(x: Tensor<3>, window: Window) -> Tensor<3> {
    assert_fits(&window, x.dims()[1]);
    Tensor::from_dispatch(<Dispatch as NetworkOps>::patches(x.into_dispatch(), window))
}

/// Returns the maximum of every window. What lies in the padding does not count.
///
/// # Shapes
/// `[replica, image · position, channel] → [replica, image · place, channel]`.
///
/// # Panics
/// If the window does not fit the images.
pub fn max_pool(x: Tensor<3>, window: Window) -> Tensor<3> {
    assert_fits(&window, x.dims()[1]);
    Tensor::from_dispatch(<Dispatch as NetworkOps>::max_pool(x.into_dispatch(), window))
}

/// Mean and variance of every channel over all images and positions, `[replica, 2, channel]`. The variance is that
/// of the population (divided by n).
#[derive(Debug, Clone)]
pub struct Moments(Tensor<3>);

/// Returns the moments of a batch, without a gradient: [`batch_norm`] has the gradient of both.
///
/// # Shapes
/// `[replica, image · position, channel] → [replica, 2, channel]`.
pub fn batch_moments(x: Tensor<3>) -> Moments {
    let x = x.without_autodiff().into_dispatch();
    Moments(Tensor::from_dispatch(<Dispatch as NetworkOps>::batch_moments(x)))
}

impl Moments {
    /// Returns the mean, `[replica, 1, channel]`.
    pub fn mean(&self) -> Tensor<3> {
        self.0.clone().narrow(1, 0, 1)
    }

    /// Returns the variance, `[replica, 1, channel]`.
    pub fn variance(&self) -> Tensor<3> {
        self.0.clone().narrow(1, 1, 1)
    }
}

/// Normalises a batch by its own `moments`: `(x − mean) / √(variance + epsilon) · scale + shift`.
///
/// # Shapes
/// `x [replica, image · position, channel]`, `scale` and `shift` `[replica, 1, channel]`.
///
/// # References
/// Ioffe, Szegedy, *Batch normalization* (ICML 2015), algorithm 1.
pub fn batch_norm(
    x: Tensor<3>,
    moments: &Moments,
    scale: Tensor<3>,
    shift: Tensor<3>,
    epsilon: f32,
) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as NetworkOps>::normalise(
        x.into_dispatch(),
        moments.0.clone().into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
        epsilon,
    ))
}

fn assert_fits(window: &Window, rows: usize) {
    assert!(window.output().is_some(), "the window does not fit: {window:?}");
    assert!(rows.is_multiple_of(window.positions()), "{rows} rows are no images of {window:?}");
}
