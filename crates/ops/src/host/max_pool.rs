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
    let mut seen = vec![vec![]; places];
    window.each(|place, _, position| seen[place].extend(position.map(|at| at * channels)));
    for_each_image(extents, 0, |_, out, replica, image| {
        let gradient = gradient.rows(replica, image * places, places);
        let image = x.rows(replica, image * positions, positions);
        // The maximum of a place, and the first position that has it.
        let (mut largest, mut at) = (vec![0.0; channels], vec![0; channels]);
        for (seen, gradient) in seen.iter().zip(gradient.chunks(channels)) {
            let Some((first, others)) = seen.split_first() else { continue };
            largest.copy_from_slice(&image[*first..][..channels]);
            at.fill(*first);
            for position in others {
                let image = &image[*position..][..channels];
                for ((largest, at), x) in largest.iter_mut().zip(&mut at).zip(image) {
                    if *x > *largest || x.is_nan() {
                        (*largest, *at) = (*x, *position);
                    }
                }
            }
            for ((channel, at), gradient) in at.iter().enumerate().zip(gradient) {
                out[at + channel] += gradient;
            }
        }
    })
}
