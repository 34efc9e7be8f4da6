//! Convolution: the patches of one image, and a product.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::vector::vectorised;
use super::{Matrices, Primitive, for_each_image, sum_over_images};
use crate::window::Window;

/// See [`crate::conv`].
pub(crate) fn conv(x: &Primitive, weight: &Primitive, window: &Window) -> Primitive {
    let (x, weight) = (Matrices::of(x), Matrices::of(weight));
    let (positions, places) = (window.positions(), window.output_positions());
    let (inputs, outputs, images) = (weight.rows, weight.columns, x.rows / positions);
    let extents = [weight.replicas.max(x.replicas), images, places, outputs];
    let runs = Runs::of(window, x.columns);
    for_each_image(extents, scratch(window, inputs), |patches, out, replica, image| {
        let image = x.rows(replica, image * positions, positions);
        let patches = runs.gather(image, patches);
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
    let runs = Runs::of(window, channels);
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
            runs.fold(patches, out);
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
    let runs = Runs::of(window, x.columns);
    sum_over_images(extents, scratch(window, inputs), |patches, sum, replica, image| {
        let of_image = x.rows(replica, image * positions, positions);
        let patches = runs.gather(of_image, patches);
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

/// How the patches of an image, `[place, tap · channel]`, are copied from the image, `[position, channel]`.
struct Runs {
    /// The image is its patches.
    pointwise: bool,
    /// Place by place.
    runs: Vec<Run>,
}

/// Taps of one row of the window that lie in the image. They see neighbouring positions, so they are neighbours in both.
struct Run {
    /// Where it begins in the patches and in the image.
    patches: usize,
    image: usize,
    /// Its numbers.
    length: usize,
}

impl Runs {
    /// Returns the runs of all places.
    fn of(window: &Window, channels: usize) -> Self {
        let pointwise = window.is_pointwise();
        if pointwise {
            return Self { pointwise, runs: vec![] };
        }
        let [height, width] = window.output().unwrap_or_default();
        let [kernel_height, kernel_width] = window.kernel;
        // With a dilation, neighbouring taps see positions apart: a run has one tap.
        let parts = if window.dilation[1] == 1 { 1 } else { kernel_width };
        let length = kernel_width / parts;
        let mut runs = Vec::with_capacity(height * width * kernel_height * parts);
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        for (row, column) in places {
            for tap_row in 0..kernel_height {
                let Some(source_row) = window.source(0, row, tap_row) else { continue };
                for part in 0..parts {
                    let first = column * window.stride[1] + part * window.dilation[1];
                    let before = window.padding[1].saturating_sub(first).min(length);
                    let source = (first + before).saturating_sub(window.padding[1]);
                    let taps = window.input[1].saturating_sub(source).min(length - before);
                    if taps == 0 {
                        continue;
                    }
                    let tap = tap_row * kernel_width + part * length + before;
                    let place = row * width + column;
                    runs.push(Run {
                        patches: (place * window.taps() + tap) * channels,
                        image: (source_row * window.input[1] + source) * channels,
                        length: taps * channels,
                    });
                }
            }
        }
        Self { pointwise, runs }
    }

    /// Copies the patches of an image into `patches`; returns the image itself if it is its patches. Taps in the padding
    /// are not written: they are zero in `patches` before, and stay so.
    fn gather<'a>(&self, image: &'a [f32], patches: &'a mut [f32]) -> &'a [f32] {
        if self.pointwise {
            return image;
        }
        for Run { patches: to, image: from, length } in &self.runs {
            copy(&mut patches[*to..to + length], &image[*from..from + length]);
        }
        patches
    }

    /// Adds the patches of an image at the positions that they see; `image` is zero before.
    fn fold(&self, patches: &[f32], image: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                for Run { patches: from, image: to, length } in &self.runs {
                    let from = &patches[*from..from + length];
                    for (to, from) in image[*to..to + length].iter_mut().zip(from) {
                        *to += from;
                    }
                }
            },
        );
    }
}

/// Copies a run. A call of `memmove` would take longer than the copy of a short one.
#[inline(always)]
fn copy(to: &mut [f32], from: &[f32]) {
    const LONG: usize = 64;
    if to.len() >= LONG {
        to.copy_from_slice(from);
        return;
    }
    for (to, from) in to.as_chunks_mut::<4>().0.iter_mut().zip(from.as_chunks().0) {
        *to = *from;
    }
    match (to.last_chunk_mut::<4>(), from.last_chunk()) {
        // What is left, and before it what is copied already.
        (Some(to), Some(from)) => *to = *from,
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}
