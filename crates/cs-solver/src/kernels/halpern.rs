//! A block of Halpern–Douglas–Rachford iterations.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::steps::{UNITS, column_product, is_closed, row_products, soft_threshold, workgroup_sum};

/// Runs `iterations` for the open columns; `done` is the number of earlier iterations.
///
/// # Shapes
/// `a`: `[group, n, m]`, `a_transposed`: `[group, m, n]`, `measured`: `[group, column, 2n]`, y and the
/// inverse; `parameters`: `[group, column, 2]`, the threshold and whether the column is open;
/// `state` and `next`: `[group, column, 2m + 2]`, w, the anchor, the iterations since it was set and ‖f‖² at that
/// time, one after the other. `sufficient` and `necessary` are fractions of ‖f‖².
#[cube(launch)]
pub(crate) fn halpern_kernel(
    a: &Tensor<f32>,
    a_transposed: &Tensor<f32>,
    measured: &Tensor<f32>,
    parameters: &Tensor<f32>,
    state: &Tensor<f32>,
    next: &mut Tensor<f32>,
    sufficient: f32,
    necessary: f32,
    long_fraction: f32,
    relaxation: f32,
    n: u32,
    m: u32,
    columns: u32,
    done: u32,
    iterations: u32,
    #[comptime] rows_at_most: usize,
    #[comptime] coefficients_at_most: usize,
) {
    let n = n as usize;
    let m = m as usize;
    let column = CUBE_POS_X as usize;
    let offset = column / columns as usize * n * m;
    let state_at = column * (2 * m + 2);
    let threshold = parameters[2 * column];

    let mut w = Shared::<[f32]>::new_slice(coefficients_at_most);
    let mut anchor = Shared::<[f32]>::new_slice(coefficients_at_most);
    let mut v = Shared::<[f32]>::new_slice(coefficients_at_most);
    let mut t = Shared::<[f32]>::new_slice(rows_at_most);
    let mut partial = Shared::<[f32]>::new_slice(comptime!(rows_at_most.max(UNITS)));
    let mut adders = Shared::<[f32]>::new_slice(16usize);

    let mut j = UNIT_POS as usize;
    while j < m {
        w[j] = state[state_at + j];
        anchor[j] = state[state_at + m + j];
        v[j] = 2.0f32 * soft_threshold(w[j], threshold) - w[j];
        j += UNITS;
    }
    let mut since = state[state_at + 2 * m];
    let mut square_at_anchor = state[state_at + 2 * m + 1];
    sync_cube();

    let mut rounds = iterations;
    if is_closed(parameters[2 * column + 1]) {
        rounds = 0u32;
    }
    let mut round = 0u32;
    while round < rounds {
        row_products(a_transposed, offset, &v, &mut t, &mut partial, n, m);
        let mut i = UNIT_POS as usize;
        while i < n {
            t[i] = (measured[column * 2 * n + i] - t[i]) * measured[column * 2 * n + n + i];
            i += UNITS;
        }
        sync_cube();

        let mut square = 0.0f32;
        let mut j = UNIT_POS as usize;
        while j < m {
            // f = z − w + Aᵀt, stored in the place of v
            let z = soft_threshold(w[j], threshold);
            let f = z - w[j] + column_product(a, offset, &t, j, n, m);
            v[j] = f;
            square += f * f;
            j += UNITS;
        }
        let square = workgroup_sum(square, &mut partial, &mut adders);

        let ratio = square / square_at_anchor;
        let long = since > long_fraction * f32::cast_from(done + round);
        let anew = ratio <= sufficient || (long && ratio <= necessary);
        if anew {
            since = 0.0f32;
            square_at_anchor = square;
        }
        let rest = 1.0f32 / (since + 2.0f32);
        since += 1.0f32;
        let mut j = UNIT_POS as usize;
        while j < m {
            if anew {
                anchor[j] = w[j];
            }
            let moved = w[j] + relaxation * v[j];
            w[j] = moved + (anchor[j] - moved) * rest;
            v[j] = 2.0f32 * soft_threshold(w[j], threshold) - w[j];
            j += UNITS;
        }
        sync_cube();
        round += 1;
    }

    let mut j = UNIT_POS as usize;
    while j < m {
        next[state_at + j] = w[j];
        next[state_at + m + j] = anchor[j];
        j += UNITS;
    }
    if UNIT_POS == 0 {
        next[state_at + 2 * m] = since;
        next[state_at + 2 * m + 1] = square_at_anchor;
    }
}
