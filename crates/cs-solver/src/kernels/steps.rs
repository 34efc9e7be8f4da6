//! The steps that the kernels share: the two products with A, and the sum over a workgroup.
//!
//! All of them are for one column, whose vectors are in workgroup memory. Every function ends with the units of the
//! workgroup synchronised.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// The number of units of a workgroup.
pub(super) const UNITS: usize = 256;
/// The number of units that add the partial sums of the others, [`FAN`] each.
const ADDERS: usize = 16;
/// The number of partial sums per adder.
const FAN: usize = UNITS / ADDERS;

/// Computes `product[i] = Σ_j aᵀ[j, i] v[j]` for `i < n`, with aᵀ `[m, n]` from `offset` on.
///
/// Each unit has its own rows. If there are fewer rows than units, units share the columns of a row. `partial` has as
/// many values as there are units, or n.
#[cube]
pub(super) fn row_products(
    a_transposed: &Tensor<f32>,
    offset: usize,
    v: &Shared<[f32]>,
    product: &mut Shared<[f32]>,
    partial: &mut Shared<[f32]>,
    n: usize,
    m: usize,
) {
    let mut shares = UNITS / n;
    if shares == 0 {
        shares = 1;
    }
    let mut work = UNIT_POS as usize;
    while work < n * shares {
        let i = work % n;
        let mut j = work / n;
        let mut sum = 0.0f32;
        while j < m {
            sum += a_transposed[offset + j * n + i] * v[j];
            j += shares;
        }
        partial[work] = sum;
        work += UNITS;
    }
    sync_cube();
    let mut i = UNIT_POS as usize;
    while i < n {
        let mut sum = 0.0f32;
        let mut share = 0usize;
        while share < shares {
            sum += partial[share * n + i];
            share += 1;
        }
        product[i] = sum;
        i += UNITS;
    }
    sync_cube();
}

/// Returns `Σ_i a[i, j] v[i]` for one `j`, with a `[n, m]` from `offset` on.
#[cube]
pub(super) fn column_product(
    a: &Tensor<f32>,
    offset: usize,
    v: &Shared<[f32]>,
    j: usize,
    n: usize,
    m: usize,
) -> f32 {
    let mut sum = 0.0f32;
    let mut i = 0usize;
    while i < n {
        sum += a[offset + i * m + j] * v[i];
        i += 1;
    }
    sum
}

/// Returns the sum of `value` over all units of the workgroup, to each of them.
///
/// `partial` has as many values as there are units, `adders` has sixteen.
#[cube]
pub(super) fn workgroup_sum(
    value: f32,
    partial: &mut Shared<[f32]>,
    adders: &mut Shared<[f32]>,
) -> f32 {
    partial[UNIT_POS as usize] = value;
    sync_cube();
    if (UNIT_POS as usize) < ADDERS {
        let mut sum = 0.0f32;
        let mut k = 0usize;
        while k < FAN {
            sum += partial[UNIT_POS as usize * FAN + k];
            k += 1;
        }
        adders[UNIT_POS as usize] = sum;
    }
    sync_cube();
    let mut sum = 0.0f32;
    let mut k = 0usize;
    while k < ADDERS {
        sum += adders[k];
        k += 1;
    }
    sync_cube();
    sum
}

/// Whether the column is closed. All units must get the same answer, because the skipped code has barriers.
#[cube]
pub(super) fn is_closed(open: f32) -> bool {
    let mut flag = Shared::<[f32]>::new_slice(1usize);
    if UNIT_POS == 0 {
        flag[0] = open;
    }
    sync_cube();
    workgroup_uniform_load(&flag[0]) == 0.0f32
}

/// Returns `sign(v) · max(|v| − threshold, 0)`.
#[cube]
pub(super) fn soft_threshold(value: f32, threshold: f32) -> f32 {
    value - clamp(value, -threshold, threshold)
}
