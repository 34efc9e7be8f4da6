//! Depthwise convolution: every channel has its own window.

#![expect(clippy::inline_always, reason = "only inlined code is compiled for the vector unit")]

use super::vector::vectorised;
use super::{Matrices, Primitive, for_each_image, sum_over_images};
use crate::window::Window;

/// See [`crate::depthwise`].
pub(crate) fn depthwise(x: &Primitive, weight: &Primitive, window: &Window) -> Primitive {
    let (x, weight) = (Matrices::of(x), Matrices::of(weight));
    let (positions, places, channels) =
        (window.positions(), window.output_positions(), weight.columns);
    let extents = [weight.replicas.max(x.replicas), x.rows / positions, places, channels];
    let seen = seen(window, channels);
    for_each_image(extents, 0, |_, out, replica, image| {
        let (image, weight) =
            (x.rows(replica, image * positions, positions), weight.matrix(replica));
        each_seen(&seen, |place, tap, position| {
            let out = &mut out[place..place + channels];
            let image = &image[position..position + channels];
            for ((out, x), w) in out.iter_mut().zip(image).zip(&weight[tap..tap + channels]) {
                *out += x * w;
            }
        });
    })
}

/// Returns the gradient of the input, from that of the result.
pub(crate) fn depthwise_input_gradient(
    gradient: &Primitive,
    weight: &Primitive,
    window: &Window,
) -> Primitive {
    let (gradient, weight) = (Matrices::of(gradient), Matrices::of(weight));
    let (positions, places, channels) =
        (window.positions(), window.output_positions(), weight.columns);
    let extents = [gradient.replicas, gradient.rows / places, positions, channels];
    let seen = seen(window, channels);
    for_each_image(extents, 0, |_, out, replica, image| {
        let (image, weight) =
            (gradient.rows(replica, image * places, places), weight.matrix(replica));
        each_seen(&seen, |place, tap, position| {
            let out = &mut out[position..position + channels];
            let image = &image[place..place + channels];
            for ((out, g), w) in out.iter_mut().zip(image).zip(&weight[tap..tap + channels]) {
                *out += g * w;
            }
        });
    })
}

/// Returns the gradient of the weight, from that of the result.
pub(crate) fn depthwise_weight_gradient(
    x: &Primitive,
    gradient: &Primitive,
    window: &Window,
) -> Primitive {
    let (x, gradient) = (Matrices::of(x), Matrices::of(gradient));
    let (positions, places, channels) = (window.positions(), window.output_positions(), x.columns);
    let extents = [gradient.replicas, x.rows / positions, window.taps(), channels];
    let seen = seen(window, channels);
    sum_over_images(extents, 0, |_, sum, replica, image| {
        let (from, gradient) = (
            x.rows(replica, image * positions, positions),
            gradient.rows(replica, image * places, places),
        );
        each_seen(&seen, |place, tap, position| {
            let sum = &mut sum[tap..tap + channels];
            let from = &from[position..position + channels];
            for ((sum, x), g) in sum.iter_mut().zip(from).zip(&gradient[place..place + channels]) {
                *sum += x * g;
            }
        });
    })
}

/// What a window sees: indices of the first channel of a place, of a tap, and of a position.
fn seen(window: &Window, channels: usize) -> Vec<[usize; 3]> {
    let mut seen = vec![];
    window.each(|place, tap, position| {
        seen.extend(position.map(|position| [place, tap, position].map(|at| at * channels)));
    });
    seen
}

/// Calls `visit` with the place, the tap and the position of everything that the window sees.
#[inline(always)]
fn each_seen(seen: &[[usize; 3]], mut visit: impl FnMut(usize, usize, usize)) {
    vectorised(
        #[inline(always)]
        || {
            for &[place, tap, position] in seen {
                visit(place, tap, position);
            }
        },
    );
}
