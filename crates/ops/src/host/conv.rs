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
    let runs = runs(window);
    for_each_image(extents, scratch(window, inputs), |patches, out, replica, image| {
        let image = x.rows(replica, image * positions, positions);
        let patches = gather(image, x.columns, window, &runs, patches);
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
    let runs = runs(window);
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
            fold(patches, channels, window, &runs, out);
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
    let runs = runs(window);
    sum_over_images(extents, scratch(window, inputs), |patches, sum, replica, image| {
        let of_image = x.rows(replica, image * positions, positions);
        let patches = gather(of_image, x.columns, window, &runs, patches);
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

/// Shorter runs of numbers are copied one by one, which takes less time than a call of `memmove`.
const SHORT: usize = 16;

/// Numbers in the patches of an image.
fn scratch(window: &Window, inputs: usize) -> usize {
    if window.is_pointwise() { 0 } else { window.output_positions() * inputs }
}

/// A run of taps of one row of the window that lie in the image. They see neighbouring positions.
struct Run {
    place: usize,
    /// The first tap, and the position that it sees.
    tap: usize,
    position: usize,
    taps: usize,
}

/// Returns all runs of a window, place by place.
fn runs(window: &Window) -> Vec<Run> {
    let [height, width] = window.output().unwrap_or_default();
    let [kernel_height, kernel_width] = window.kernel;
    // With a dilation, neighbouring taps see positions apart: a run has one tap.
    let parts = if window.dilation[1] == 1 { 1 } else { kernel_width };
    let length = kernel_width / parts;
    let mut runs = Vec::with_capacity(height * width * kernel_height * parts);
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        for tap_row in 0..kernel_height {
            let Some(source_row) = window.source(0, row, tap_row) else { continue };
            for part in 0..parts {
                let first = column * window.stride[1] + part * window.dilation[1];
                let before = window.padding[1].saturating_sub(first).min(length);
                let source = (first + before).saturating_sub(window.padding[1]);
                let taps = window.input[1].saturating_sub(source).min(length - before);
                if taps > 0 {
                    runs.push(Run {
                        place: row * width + column,
                        tap: tap_row * kernel_width + part * length + before,
                        position: source_row * window.input[1] + source,
                        taps,
                    });
                }
            }
        }
    }
    runs
}

/// Copies the patches of an image into `patches`, `[place, tap · channel]`; returns the image itself if it is its
/// patches. Taps in the padding are not written: they are zero in `patches` before, and stay so.
fn gather<'a>(
    image: &'a [f32],
    channels: usize,
    window: &Window,
    runs: &[Run],
    patches: &'a mut [f32],
) -> &'a [f32] {
    if window.is_pointwise() {
        return image;
    }
    let columns = window.taps() * channels;
    for Run { place, tap, position, taps } in runs {
        let (to, length) = (place * columns + tap * channels, taps * channels);
        let (to, from) = (&mut patches[to..to + length], &image[position * channels..][..length]);
        if length < SHORT {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        } else {
            to.copy_from_slice(from);
        }
    }
    patches
}

/// Adds the patches of an image at the positions that they see; `image` is zero before.
fn fold(patches: &[f32], channels: usize, window: &Window, runs: &[Run], image: &mut [f32]) {
    let columns = window.taps() * channels;
    vector::vectorised(
        #[inline(always)]
        || {
            for Run { place, tap, position, taps } in runs {
                let from = place * columns + tap * channels;
                let length = taps * channels;
                let to = &mut image[position * channels..][..length];
                for (to, from) in to.iter_mut().zip(&patches[from..from + length]) {
                    *to += from;
                }
            }
        },
    );
}
