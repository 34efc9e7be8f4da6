//! A block of FISTA iterations.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::steps::{UNITS, column_product, is_closed, row_products, soft_threshold, workgroup_sum};

/// Runs `iterations` for the open columns.
///
/// # Shapes
/// `a`: `[group, n, m]`, `a_transposed`: `[group, m, n]`, `y`: `[group, column, n]`,
/// `parameters`: `[group, column, 3]`, the step, the threshold and whether the column is open;
/// `state` and `next`: `[group, column, 2m + 1]`, x, v and t of a column, one after the other.
#[cube(launch)]
pub(crate) fn fista_kernel(
    a: &Tensor<f32>,
    a_transposed: &Tensor<f32>,
    y: &Tensor<f32>,
    parameters: &Tensor<f32>,
    state: &Tensor<f32>,
    next: &mut Tensor<f32>,
    n: u32,
    m: u32,
    columns: u32,
    iterations: u32,
    #[comptime] rows_at_most: usize,
    #[comptime] coefficients_at_most: usize,
) {
    let n = n as usize;
    let m = m as usize;
    let column = CUBE_POS_X as usize;
    let group = column / columns as usize;
    let offset = group * n * m;
    let state_at = column * (2 * m + 1);
    let step = parameters[3 * column];
    let threshold = parameters[3 * column + 1];

    let mut x = Shared::<[f32]>::new_slice(coefficients_at_most);
    let mut v = Shared::<[f32]>::new_slice(coefficients_at_most);
    let mut residual = Shared::<[f32]>::new_slice(rows_at_most);
    let mut partial = Shared::<[f32]>::new_slice(comptime!(rows_at_most.max(UNITS)));
    let mut adders = Shared::<[f32]>::new_slice(16usize);

    let mut j = UNIT_POS as usize;
    while j < m {
        x[j] = state[state_at + j];
        v[j] = state[state_at + m + j];
        j += UNITS;
    }
    let mut t = state[state_at + 2 * m];
    sync_cube();

    let mut rounds = iterations;
    if is_closed(parameters[3 * column + 2]) {
        rounds = 0u32;
    }
    let mut round = 0u32;
    while round < rounds {
        row_products(a_transposed, offset, &v, &mut residual, &mut partial, n, m);
        let mut i = UNIT_POS as usize;
        while i < n {
            residual[i] -= y[column * n + i];
            i += UNITS;
        }
        sync_cube();

        let mut against = 0.0f32;
        let mut j = UNIT_POS as usize;
        while j < m {
            let gradient = 2.0f32 * column_product(a, offset, &residual, j, n, m);
            let moved = soft_threshold(v[j] - step * gradient, threshold);
            let change = moved - x[j];
            against += (v[j] - moved) * change;
            x[j] = moved;
            v[j] = change;
            j += UNITS;
        }
        let against = workgroup_sum(against, &mut partial, &mut adders);

        let t_next = 0.5f32 + (0.25f32 + t * t).sqrt();
        let mut momentum = (t - 1.0f32) / t_next;
        t = t_next;
        if against > 0.0f32 {
            momentum = 0.0f32;
            t = 1.0f32;
        }
        let mut j = UNIT_POS as usize;
        while j < m {
            v[j] = x[j] + momentum * v[j];
            j += UNITS;
        }
        sync_cube();
        round += 1;
    }

    let mut j = UNIT_POS as usize;
    while j < m {
        next[state_at + j] = x[j];
        next[state_at + m + j] = v[j];
        j += UNITS;
    }
    if UNIT_POS == 0 {
        next[state_at + 2 * m] = t;
    }
}
