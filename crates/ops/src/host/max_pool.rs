//! Max pooling.

use super::vector::vectorised;
use super::{Matrices, Primitive, for_each_image};
use crate::window::Window;

/// See [`crate::max_pool`].
pub(crate) fn max_pool(x: &Primitive, window: &Window) -> Primitive {
    let x = Matrices::of(x);
    let (positions, places, channels) = (window.positions(), window.output_positions(), x.columns);
    let extents = [x.replicas, x.rows / positions, places, channels];
    let mut seen = vec![];
    window.each(|place, _, position| {
        seen.extend(position.map(|position| [place * channels, position * channels]));
    });
    for_each_image(extents, 0, |_, out, replica, image| {
        let image = x.rows(replica, image * positions, positions);
        out.fill(f32::NEG_INFINITY);
        vectorised(
            #[inline(always)]
            || {
                for &[place, position] in &seen {
                    let out = &mut out[place..place + channels];
                    for (out, x) in out.iter_mut().zip(&image[position..position + channels]) {
                        // NaN stays, so that a diverged network is noticed.
                        *out = if *x > *out || x.is_nan() { *x } else { *out };
                    }
                }
            },
        );
    })
}

/// Returns the gradient of the input: that of the result, at the first tap with the maximum.
pub(crate) fn max_pool_gradient(x: &Primitive, gradient: &Primitive, window: &Window) -> Primitive {
    let (x, gradient) = (Matrices::of(x), Matrices::of(gradient));
    let (positions, places, channels) = (window.positions(), window.output_positions(), x.columns);
    let extents = [gradient.replicas, x.rows / positions, positions, channels];
    for_each_image(extents, 0, |_, out, replica, image| {
        let gradient = gradient.rows(replica, image * places, places);
        let image = x.rows(replica, image * positions, positions);
        // The maximum of a place, and the position of its first tap that has it.
        let (mut largest, mut at) = (vec![f32::NEG_INFINITY; channels], vec![usize::MAX; channels]);
        let taps = window.taps();
        window.each(|place, tap, position| {
            if let Some(position) = position {
                let image = &image[position * channels..][..channels];
                for ((largest, at), x) in largest.iter_mut().zip(&mut at).zip(image) {
                    if *x > *largest || x.is_nan() || *at == usize::MAX {
                        (*largest, *at) = (*x, position);
                    }
                }
            }
            if tap + 1 == taps {
                let gradient = &gradient[place * channels..][..channels];
                for (channel, at) in at.iter().enumerate().filter(|(_, at)| **at != usize::MAX) {
                    out[at * channels + channel] += gradient[channel];
                }
                largest.fill(f32::NEG_INFINITY);
                at.fill(usize::MAX);
            }
        });
    })
}
