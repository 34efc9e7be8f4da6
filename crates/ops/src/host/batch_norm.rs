//! Batch normalisation.

use rayon::prelude::*;

use super::vector::vectorised;
use super::{Matrices, PARTS, Primitive, for_each_image, sum_over_images, tensor};

/// Rows that one task handles.
const ROWS: usize = 1 << 10;

/// See [`crate::batch_moments`]. The moments of parts are joined in f64.
///
/// # References
/// Chan, Golub, `LeVeque`, *Updating formulae and a pairwise algorithm for computing sample variances* (COMPSTAT
/// 1982), for the joining.
pub(crate) fn batch_moments(x: &Primitive) -> Primitive {
    let x = Matrices::of(x);
    let parts = x.rows.div_ceil(ROWS);
    let moments: Vec<[Vec<f32>; 2]> = (0..x.replicas * parts)
        .into_par_iter()
        .map(|index| {
            let first = index % parts * ROWS;
            let rows = ROWS.min(x.rows - first);
            moments_of(x.rows(index / parts, first, rows), x.columns)
        })
        .collect();
    let mut values = vec![0.0; x.replicas * 2 * x.columns];
    for (values, parts) in values.chunks_mut(2 * x.columns).zip(moments.chunks(parts)) {
        for channel in 0..x.columns {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for (part, [means, deviations]) in parts.iter().enumerate() {
                let rows = ROWS.min(x.rows - part * ROWS) as f64;
                let difference = f64::from(means[channel]) - mean;
                let all = count + rows;
                mean += difference * rows / all;
                squares +=
                    f64::from(deviations[channel]) + difference * difference * count * rows / all;
                count = all;
            }
            values[channel] = mean as f32;
            values[x.columns + channel] = (squares / count) as f32;
        }
    }
    tensor(values, [x.replicas, 2, x.columns])
}

/// Returns the mean of every channel, and the sum of the squared differences from it.
fn moments_of(rows: &[f32], channels: usize) -> [Vec<f32>; 2] {
    vectorised(
        #[inline(always)]
        || {
            let mut means = vec![0.0; channels];
            for row in rows.chunks_exact(channels) {
                for (mean, x) in means.iter_mut().zip(row) {
                    *mean += x;
                }
            }
            let count = (rows.len() / channels) as f32;
            for mean in &mut means {
                *mean /= count;
            }
            let mut squares = vec![0.0; channels];
            for row in rows.chunks_exact(channels) {
                for ((square, x), mean) in squares.iter_mut().zip(row).zip(&means) {
                    *square += (x - mean) * (x - mean);
                }
            }
            [means, squares]
        },
    )
}

/// See [`crate::batch_norm`].
pub(crate) fn batch_norm(
    x: &Primitive,
    moments: &Primitive,
    scale: &Primitive,
    shift: &Primitive,
    epsilon: f32,
) -> Primitive {
    let (x, moments) = (Matrices::of(x), Matrices::of(moments));
    let (scale, shift) = (Matrices::of(scale), Matrices::of(shift));
    let (parts, rows) = parts(x.rows);
    let channels = x.columns;
    let replicas = x.replicas.max(scale.replicas);
    for_each_image([replicas, parts, rows, channels], 0, |_, out, replica, part| {
        let x = x.rows(replica, part * rows, rows);
        let (mean, deviation) = mean_and_deviation(&moments, replica, epsilon);
        let factor: Vec<f32> =
            scale.matrix(replica).iter().zip(&deviation).map(|(scale, d)| scale / d).collect();
        let shift: Vec<f32> = (shift.matrix(replica).iter().zip(mean).zip(&factor))
            .map(|((shift, mean), factor)| shift - mean * factor)
            .collect();
        vectorised(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    for channel in 0..channels {
                        out[channel] = x[channel] * factor[channel] + shift[channel];
                    }
                }
            },
        );
    })
}

/// Returns the gradients of the shift and of the scale, `[replica, 2, channel]`: the sums of the gradient, and of
/// its products with the normalised input.
pub(crate) fn batch_norm_sums(
    x: &Primitive,
    moments: &Primitive,
    gradient: &Primitive,
    epsilon: f32,
) -> Primitive {
    let (x, moments, gradient) = (Matrices::of(x), Matrices::of(moments), Matrices::of(gradient));
    let (parts, rows) = parts(x.rows);
    let channels = x.columns;
    sum_over_images([gradient.replicas, parts, 2, channels], 0, |_, sums, replica, part| {
        let (x, gradient) =
            (x.rows(replica, part * rows, rows), gradient.rows(replica, part * rows, rows));
        let (mean, deviation) = mean_and_deviation(&moments, replica, epsilon);
        let (mut of_gradient, mut of_product) = (vec![0.0; channels], vec![0.0; channels]);
        vectorised(
            #[inline(always)]
            || {
                for (x, gradient) in x.chunks_exact(channels).zip(gradient.chunks_exact(channels)) {
                    for channel in 0..channels {
                        of_gradient[channel] += gradient[channel];
                        of_product[channel] += gradient[channel] * (x[channel] - mean[channel]);
                    }
                }
            },
        );
        let (sums, products) = sums.split_at_mut(channels);
        for (sum, of_part) in sums.iter_mut().zip(of_gradient) {
            *sum += of_part;
        }
        for ((sum, of_part), deviation) in products.iter_mut().zip(of_product).zip(&deviation) {
            *sum += of_part / deviation;
        }
    })
}

/// Returns the gradient of the input; `sums` are those of [`batch_norm_sums`]. The moments are those of the input.
pub(crate) fn batch_norm_input_gradient(
    x: &Primitive,
    moments: &Primitive,
    scale: &Primitive,
    gradient: &Primitive,
    sums: &Primitive,
    epsilon: f32,
) -> Primitive {
    let (x, moments, scale) = (Matrices::of(x), Matrices::of(moments), Matrices::of(scale));
    let (gradient, sums) = (Matrices::of(gradient), Matrices::of(sums));
    let count = x.rows as f32;
    let (parts, rows) = parts(x.rows);
    let channels = x.columns;
    for_each_image([gradient.replicas, parts, rows, channels], 0, |_, out, replica, part| {
        let (x, gradient) =
            (x.rows(replica, part * rows, rows), gradient.rows(replica, part * rows, rows));
        let (mean, deviation) = mean_and_deviation(&moments, replica, epsilon);
        let (of_gradient, of_product) = sums.matrix(replica).split_at(channels);
        // scale/σ · (g − Σg/n − (x − μ)/σ · Σ(g x̂)/n) = factor · g + slope · (x − μ) + constant
        let scale = scale.matrix(replica);
        let factor: Vec<f32> = scale.iter().zip(&deviation).map(|(scale, d)| scale / d).collect();
        let slope: Vec<f32> = (factor.iter().zip(of_product).zip(&deviation))
            .map(|((factor, sum), deviation)| -factor * sum / (count * deviation))
            .collect();
        let constant: Vec<f32> =
            factor.iter().zip(of_gradient).map(|(factor, sum)| -factor * sum / count).collect();
        vectorised(
            #[inline(always)]
            || {
                let rows = (out.chunks_exact_mut(channels))
                    .zip(x.chunks_exact(channels))
                    .zip(gradient.chunks_exact(channels));
                for ((out, x), gradient) in rows {
                    for channel in 0..channels {
                        out[channel] = factor[channel] * gradient[channel]
                            + slope[channel] * (x[channel] - mean[channel])
                            + constant[channel];
                    }
                }
            },
        );
    })
}

/// Divides rows into equal parts, at most [`PARTS`] times a power of two. Returns the number of parts and their rows.
fn parts(rows: usize) -> (usize, usize) {
    let most = PARTS * 8;
    let parts = (1..=most.min(rows)).rev().find(|parts| rows.is_multiple_of(*parts)).unwrap_or(1);
    (parts, rows / parts)
}

/// Returns the mean and the standard deviation of every channel.
fn mean_and_deviation(moments: &Matrices, replica: usize, epsilon: f32) -> (&[f32], Vec<f32>) {
    let (mean, variance) = moments.matrix(replica).split_at(moments.columns);
    (mean, variance.iter().map(|variance| (variance + epsilon).sqrt()).collect())
}
