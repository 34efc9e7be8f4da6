//! The operations as tensor operations, for every backend.
//!
//! Patches are gathered with a table of positions; what lies in the padding comes from one more row. The gradient of
//! a gather would add with atomics, in any order. Here it is a gather too: a table has the patches that every
//! position is in, and their entries are added along an axis.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata, get_or_init_device_settings};
use burn::tensor::{FloatDType, IndexingUpdateOp, Scalar, Shape, Slice, TensorData};

use crate::window::Window;

/// Extents of an activation: replicas, images, channels.
struct Extents {
    replicas: usize,
    images: usize,
    channels: usize,
}

fn extents<B: Backend>(x: &FloatTensor<B>, positions: usize) -> Extents {
    let shape = x.shape();
    Extents { replicas: shape[0], images: shape[1] / positions, channels: shape[2] }
}

fn reshape<B: Backend, const D: usize>(x: FloatTensor<B>, extents: [usize; D]) -> FloatTensor<B> {
    B::float_reshape(x, Shape::new(extents))
}

fn ids<B: Backend>(ids: Vec<i64>, like: &FloatTensor<B>) -> IntTensor<B> {
    let count = ids.len();
    let data = TensorData::new(ids, [count]);
    let device = like.device();
    let kind = get_or_init_device_settings::<B>(&device).int_dtype;
    B::int_from_data(data.convert_dtype(kind.into()), &device)
}

/// Appends one more position with a value to every image, `[replica, image, position, channel]`.
fn with_one_more<B: Backend>(x: FloatTensor<B>, value: f32) -> FloatTensor<B> {
    let shape = x.shape();
    let one = Shape::new([shape[0], shape[1], 1, shape[3]]);
    let one = B::float_full(one, Scalar::from(value), &x.device(), FloatDType::F32);
    B::float_cat(vec![x, one], 2)
}

/// Gathers patches: `[replica, image · position, channel] → [replica, image · place, tap, channel]`. Taps in the
/// padding see `outside`.
pub(crate) fn patches<B: Backend>(
    x: FloatTensor<B>,
    window: &Window,
    outside: f32,
) -> FloatTensor<B> {
    let positions = window.positions();
    let Extents { replicas, images, channels } = extents::<B>(&x, positions);
    let mut table = vec![];
    window.each(|_, _, position| table.push(position.unwrap_or(positions) as i64));
    let table = ids::<B>(table, &x);
    let x = reshape::<B, 4>(x, [replicas, images, positions, channels]);
    let gathered = B::float_select(with_one_more::<B>(x, outside), 2, table);
    let (places, taps) = (window.output_positions(), window.taps());
    reshape::<B, 4>(gathered, [replicas, images * places, taps, channels])
}

/// The adjoint of [`patches`]: adds the entries of all patches that see a position.
/// `[replica, image · place, tap, channel] → [replica, image · position, channel]`.
pub(crate) fn fold<B: Backend>(patches: FloatTensor<B>, window: &Window) -> FloatTensor<B> {
    let (positions, places, taps) = (window.positions(), window.output_positions(), window.taps());
    let shape = patches.shape();
    let (replicas, images, channels) = (shape[0], shape[1] / places, shape[3]);
    let mut seen = vec![vec![]; positions];
    window.each(|place, tap, position| {
        if let Some(position) = position {
            seen[position].push((place * taps + tap) as i64);
        }
    });
    // At least one, so that an image that no patch sees has a gradient of zero.
    let most = seen.iter().map(Vec::len).max().unwrap_or(0).max(1);
    for entries in &mut seen {
        entries.resize(most, (places * taps) as i64);
    }
    let table = ids::<B>(seen.concat(), &patches);
    let patches = reshape::<B, 4>(patches, [replicas, images, places * taps, channels]);
    let gathered = B::float_select(with_one_more::<B>(patches, 0.0), 2, table);
    let gathered = reshape::<B, 4>(gathered, [replicas, images * positions, most, channels]);
    reshape::<B, 3>(B::float_sum_dim(gathered, 2), [replicas, images * positions, channels])
}

/// Patches as rows of a matrix, `[replica, image · place, tap · channel]`.
pub(crate) fn rows<B: Backend>(x: FloatTensor<B>, window: &Window) -> FloatTensor<B> {
    if window.is_pointwise() {
        return x;
    }
    let patches = patches::<B>(x, window, 0.0);
    let shape = patches.shape();
    reshape::<B, 3>(patches, [shape[0], shape[1], shape[2] * shape[3]])
}

/// See [`crate::conv`].
pub(crate) fn conv<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    B::float_matmul(rows::<B>(x, window), weight)
}

/// Returns the gradient of the input, from that of the result.
pub(crate) fn conv_input_gradient<B: Backend>(
    gradient: FloatTensor<B>,
    weight: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    let shape = gradient.shape();
    let inputs = weight.shape()[1];
    let rows = B::float_matmul(gradient, B::float_swap_dims(weight, 1, 2));
    if window.is_pointwise() {
        return rows;
    }
    let taps = window.taps();
    fold::<B>(reshape::<B, 4>(rows, [shape[0], shape[1], taps, inputs / taps]), window)
}

/// Returns the gradient of the weight, from that of the result.
pub(crate) fn conv_weight_gradient<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    B::float_matmul(B::float_swap_dims(rows::<B>(x, window), 1, 2), gradient)
}

/// See [`crate::depthwise`].
pub(crate) fn depthwise<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    let patches = patches::<B>(x, window, 0.0);
    let product = B::float_mul(patches, per_tap::<B>(weight));
    let shape = product.shape();
    reshape::<B, 3>(B::float_sum_dim(product, 2), [shape[0], shape[1], shape[3]])
}

/// Returns the gradient of the input, from that of the result.
pub(crate) fn depthwise_input_gradient<B: Backend>(
    gradient: FloatTensor<B>,
    weight: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    fold::<B>(B::float_mul(per_place::<B>(gradient), per_tap::<B>(weight)), window)
}

/// Returns the gradient of the weight, from that of the result.
pub(crate) fn depthwise_weight_gradient<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    let product = B::float_mul(patches::<B>(x, window, 0.0), per_place::<B>(gradient));
    let shape = product.shape();
    reshape::<B, 3>(B::float_sum_dim(product, 1), [shape[0], shape[2], shape[3]])
}

/// `[replica, tap, channel] → [replica, 1, tap, channel]`.
fn per_tap<B: Backend>(weight: FloatTensor<B>) -> FloatTensor<B> {
    let shape = weight.shape();
    reshape::<B, 4>(weight, [shape[0], 1, shape[1], shape[2]])
}

/// `[replica, image · place, channel] → [replica, image · place, 1, channel]`.
fn per_place<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let shape = x.shape();
    reshape::<B, 4>(x, [shape[0], shape[1], 1, shape[2]])
}

/// See [`crate::max_pool`].
pub(crate) fn max_pool<B: Backend>(x: FloatTensor<B>, window: &Window) -> FloatTensor<B> {
    let patches = patches::<B>(x, window, f32::NEG_INFINITY);
    let shape = patches.shape();
    reshape::<B, 3>(B::float_max_dim(patches, 2), [shape[0], shape[1], shape[3]])
}

/// Returns the gradient of the input: that of the result, at the first tap with the maximum.
pub(crate) fn max_pool_gradient<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    let patches = patches::<B>(x, window, f32::NEG_INFINITY);
    let (shape, device) = (patches.shape(), patches.device());
    let kind = get_or_init_device_settings::<B>(&device).int_dtype;
    let first = B::float_argmax(patches, 2, kind);
    let none = B::float_zeros(shape, &device, FloatDType::F32);
    let gradient = per_place::<B>(gradient);
    fold::<B>(B::float_scatter(2, none, first, gradient, IndexingUpdateOp::Add), window)
}

/// See [`crate::batch_moments`].
pub(crate) fn batch_moments<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let mean = B::float_mean_dim(x.clone(), 1);
    let centred = B::float_sub(x, mean.clone());
    let variance = B::float_mean_dim(B::float_mul(centred.clone(), centred), 1);
    B::float_cat(vec![mean, variance], 1)
}

/// Row 0 or 1 of `[replica, 2, channel]`.
pub(crate) fn row<B: Backend>(rows: FloatTensor<B>, row: usize) -> FloatTensor<B> {
    let shape = rows.shape();
    let along = |range: std::ops::Range<usize>| Slice::from(range);
    B::float_slice(rows, &[along(0..shape[0]), along(row..row + 1), along(0..shape[2])])
}

/// `(x − mean) / √(variance + epsilon)`, and the divisor.
fn normalised<B: Backend>(
    x: FloatTensor<B>,
    moments: FloatTensor<B>,
    epsilon: f32,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (mean, variance) = (row::<B>(moments.clone(), 0), row::<B>(moments, 1));
    let deviation = B::float_sqrt(B::float_add_scalar(variance, Scalar::from(epsilon)));
    (B::float_div(B::float_sub(x, mean), deviation.clone()), deviation)
}

/// See [`crate::batch_norm`].
pub(crate) fn batch_norm<B: Backend>(
    x: FloatTensor<B>,
    moments: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    epsilon: f32,
) -> FloatTensor<B> {
    let (normalised, _) = normalised::<B>(x, moments, epsilon);
    B::float_add(B::float_mul(normalised, scale), shift)
}

/// Returns the gradients of the shift and of the scale, `[replica, 2, channel]`: the sums of the gradient, and of
/// its products with the normalised input.
pub(crate) fn batch_norm_sums<B: Backend>(
    x: FloatTensor<B>,
    moments: FloatTensor<B>,
    gradient: FloatTensor<B>,
    epsilon: f32,
) -> FloatTensor<B> {
    let (normalised, _) = normalised::<B>(x, moments, epsilon);
    let shift = B::float_sum_dim(gradient.clone(), 1);
    B::float_cat(vec![shift, B::float_sum_dim(B::float_mul(gradient, normalised), 1)], 1)
}

/// Returns the gradient of the input; `sums` are those of [`batch_norm_sums`]. The moments are those of the input.
pub(crate) fn batch_norm_input_gradient<B: Backend>(
    x: FloatTensor<B>,
    moments: FloatTensor<B>,
    scale: FloatTensor<B>,
    gradient: FloatTensor<B>,
    sums: FloatTensor<B>,
    epsilon: f32,
) -> FloatTensor<B> {
    let count = Scalar::from(1.0 / x.shape()[1] as f32);
    let means = B::float_mul_scalar(sums, count);
    let (normalised, deviation) = normalised::<B>(x, moments, epsilon);
    let along = B::float_mul(normalised, row::<B>(means.clone(), 1));
    let rest = B::float_sub(B::float_sub(gradient, row::<B>(means, 0)), along);
    B::float_mul(rest, B::float_div(scale, deviation))
}
