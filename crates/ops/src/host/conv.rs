//! Convolution: the patches of one image, and a product.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::{Matrices, Primitive, for_each_image, sum_over_images, vector};
use crate::window::Window;

/// See [`crate::conv`].
pub(crate) fn conv(x: &Primitive, weight: &Primitive, window: &Window) -> Primitive {
    let (x, weight) = (Matrices::of(x), Matrices::of(weight));
    let (positions, places) = (window.positions(), window.output_positions());
    let (inputs, outputs, images) = (weight.rows, weight.columns, x.rows / positions);
    let extents = [weight.replicas.max(x.replicas), images, places, outputs];
    for_each_image(extents, scratch(window, inputs), |patches, out, replica, image| {
        let image = x.rows(replica, image * positions, positions);
        let patches = gather(image, x.columns, window, patches);
        matmul(
            MatMut::from_row_major_slice_mut(out, places, outputs),
            Accum::Replace,
            MatRef::from_row_major_slice(patches, places, inputs),
            MatRef::from_row_major_slice(weight.matrix(replica), inputs, outputs),
            1.0,
            Par::Seq,
        );
    })
}

/// Returns the gradient of the input, from that of the result.
pub(crate) fn conv_input_gradient(
    gradient: &Primitive,
    weight: &Primitive,
    window: &Window,
) -> Primitive {
    let (gradient, weight) = (Matrices::of(gradient), Matrices::of(weight));
    let (positions, places) = (window.positions(), window.output_positions());
    let (inputs, outputs, images) = (weight.rows, weight.columns, gradient.rows / places);
    let channels = inputs / window.taps();
    let extents = [gradient.replicas, images, positions, channels];
    for_each_image(extents, scratch(window, inputs), |patches, out, replica, image| {
        let pointwise = window.is_pointwise();
        let product = if pointwise { &mut *out } else { &mut *patches };
        matmul(
            MatMut::from_row_major_slice_mut(product, places, inputs),
            Accum::Replace,
            MatRef::from_row_major_slice(
                gradient.rows(replica, image * places, places),
                places,
                outputs,
            ),
            MatRef::from_row_major_slice(weight.matrix(replica), inputs, outputs).transpose(),
            1.0,
            Par::Seq,
        );
        if !pointwise {
            fold(patches, channels, window, out);
        }
    })
}

/// Returns the gradient of the weight, from that of the result.
pub(crate) fn conv_weight_gradient(
    x: &Primitive,
    gradient: &Primitive,
    window: &Window,
) -> Primitive {
    let (x, gradient) = (Matrices::of(x), Matrices::of(gradient));
    let (positions, places) = (window.positions(), window.output_positions());
    let (inputs, outputs) = (x.columns * window.taps(), gradient.columns);
    let extents = [gradient.replicas, x.rows / positions, inputs, outputs];
    sum_over_images(extents, scratch(window, inputs), |patches, sum, replica, image| {
        let of_image = x.rows(replica, image * positions, positions);
        let patches = gather(of_image, x.columns, window, patches);
        matmul(
            MatMut::from_row_major_slice_mut(sum, inputs, outputs),
            Accum::Add,
            MatRef::from_row_major_slice(patches, places, inputs).transpose(),
            MatRef::from_row_major_slice(
                gradient.rows(replica, image * places, places),
                places,
                outputs,
            ),
            1.0,
            Par::Seq,
        );
    })
}

/// Numbers in the patches of an image.
fn scratch(window: &Window, inputs: usize) -> usize {
    if window.is_pointwise() { 0 } else { window.output_positions() * inputs }
}

/// Calls `segment` with every run of taps of a window row that lie in the image: the place, the first tap, the
/// position that it sees, and the number of taps. Such taps see neighbouring positions.
fn each_segment(window: &Window, mut segment: impl FnMut(usize, usize, usize, usize)) {
    let [height, width] = window.output().unwrap_or_default();
    let [kernel_height, kernel_width] = window.kernel;
    // With a dilation, neighbouring taps see positions apart: a run has one tap.
    let runs = if window.dilation[1] == 1 { 1 } else { kernel_width };
    let length = kernel_width / runs;
    for row in 0..height {
        for tap_row in 0..kernel_height {
            let Some(source_row) = window.source(0, row, tap_row) else { continue };
            for column in 0..width {
                for run in 0..runs {
                    let first = column * window.stride[1] + run * window.dilation[1];
                    let before = window.padding[1].saturating_sub(first).min(length);
                    let source = first + before - window.padding[1].min(first + before);
                    let inside = (window.input[1].saturating_sub(source)).min(length - before);
                    if inside > 0 {
                        let tap = tap_row * kernel_width + run * length + before;
                        let position = source_row * window.input[1] + source;
                        segment(row * width + column, tap, position, inside);
                    }
                }
            }
        }
    }
}

/// Copies the patches of an image into `patches`, `[place, tap · channel]`; the image itself if it is its patches.
fn gather<'a>(
    image: &'a [f32],
    channels: usize,
    window: &Window,
    patches: &'a mut [f32],
) -> &'a [f32] {
    if window.is_pointwise() {
        return image;
    }
    let columns = window.taps() * channels;
    if window.padding != [0; 4] {
        patches.fill(0.0);
    }
    each_segment(window, |place, tap, position, taps| {
        let to = place * columns + tap * channels;
        let length = taps * channels;
        patches[to..to + length].copy_from_slice(&image[position * channels..][..length]);
    });
    patches
}

/// Adds the patches of an image at the positions that they see; `image` is zero before.
fn fold(patches: &[f32], channels: usize, window: &Window, image: &mut [f32]) {
    let columns = window.taps() * channels;
    vector::vectorised(
        #[inline(always)]
        || {
            each_segment(window, |place, tap, position, taps| {
                let from = place * columns + tap * channels;
                let length = taps * channels;
                let to = &mut image[position * channels..][..length];
                for (to, from) in to.iter_mut().zip(&patches[from..from + length]) {
                    *to += from;
                }
            });
        },
    );
}
