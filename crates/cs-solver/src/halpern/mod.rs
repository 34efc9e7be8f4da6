//! Halpern–Douglas–Rachford: ADMM with one cached factorisation, on any device.
//!
//! With `A Aᵀ = V Λ Vᵀ` computed once for an operator, an iteration is two products and a few cheap
//! steps; ρ may differ from column to column:
//!
//! ```text
//! z = soft(w, λ/ρ)        v = 2z − w        t = V (ρ/2 + Λ)⁻¹ Vᵀ (y − A v)        x = v + Aᵀt
//! f = x − z               w⁺ = b (w + 1.96 f) + (1 − b) w₀        b = (j + 1)/(j + 2)
//! ```
//!
//! z is exactly sparse, and the dual point is free: `ν = ρ t`, `Aᵀν = ρ (x − v)`. The anchor `w₀` is
//! set anew (a restart, `j = 0`) when ‖f‖ has fallen enough. On a device the whole iteration runs on
//! the rotated problem `(VᵀA, Vᵀy)`, which has the same solutions.
//!
//! # References
//! Douglas–Rachford splitting in graph form: Parikh, Boyd, *Block splitting for distributed
//! optimization* (Mathematical Programming Computation 6, 2014); Halpern iteration with restarts:
//! Lu, Yang, *Restarted Halpern PDHG for linear programming* (arXiv:2407.16144, 2024), here applied to
//! the Douglas–Rachford operator.

mod host;
mod spectrum;
mod tensors;

pub(crate) use host::solve;
pub(crate) use tensors::Batch;

/// Relaxation of the reflected step.
pub(crate) const RELAXATION: f64 = 1.96;
/// Restart when ‖f‖ has fallen to this fraction of what it was after the last restart, …
pub(crate) const SUFFICIENT: f64 = 0.3;
/// … or to this one, …
pub(crate) const NECESSARY: f64 = 0.8;
/// … with this fraction of all iterations behind it.
pub(crate) const LONG: f64 = 0.36;
/// Iterations between two looks at the gap.
const BLOCK: usize = 50;

/// ρ of a column, so that the threshold λ/ρ is the mean size of the coefficients of `A⁺y`.
fn rho(least_norm: &[f64], lambda: f64) -> f64 {
    let mean = least_norm.iter().map(|x| x.abs()).sum::<f64>() / least_norm.len() as f64;
    if mean > 0.0 { lambda / mean } else { 1.0 }
}
