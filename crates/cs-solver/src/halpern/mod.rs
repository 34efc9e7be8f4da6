//! Halpern–Douglas–Rachford: ADMM with one cached factorisation, on any device.
//!
//! `A Aᵀ = V Λ Vᵀ` is computed once per operator. Then an iteration is two products and a few cheap steps, and
//! each column can have its own ρ:
//!
//! ```text
//! z = soft(w, λ/ρ)        v = 2z − w        t = V (ρ/2 + Λ)⁻¹ Vᵀ (y − A v)        x = v + Aᵀt
//! f = x − z               w⁺ = b (w + 1.96 f) + (1 − b) w₀        b = (j + 1)/(j + 2)
//! ```
//!
//! z is exactly sparse, and the dual point needs no extra product: `ν = ρ t`, `Aᵀν = ρ (x − v)`. When ‖f‖ has fallen
//! enough, the anchor `w₀` is set again (a restart, `j = 0`). On a device the whole iteration runs on the rotated
//! problem `(VᵀA, Vᵀy)`, which has the same solutions.
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
const RELAXATION: f64 = 1.96;
/// Restart when ‖f‖ has fallen to this fraction of its value at the last restart, …
const SUFFICIENT: f64 = 0.3;
/// … or to this one, …
const NECESSARY: f64 = 0.8;
/// … if this fraction of all iterations came after the last restart.
const LONG: f64 = 0.36;
/// Iterations between two evaluations of the gap.
const BLOCK: usize = 50;

/// Returns ρ of a column: the threshold λ/ρ is the mean size of the coefficients of `A⁺y`.
fn rho(least_norm: &[f64], lambda: f64) -> f64 {
    let mean = least_norm.iter().map(|x| x.abs()).sum::<f64>() / least_norm.len() as f64;
    if mean > 0.0 { lambda / mean } else { 1.0 }
}
