//! FISTA: a gradient step, a soft threshold and momentum; on any device, for the whole batch together.
//!
//! ```text
//! x⁺ = soft(v − ∇f(v)/L, λ_t/L)      ∇f(v) = 2 Aᵀ(A v − y)
//! t⁺ = (1 + √(1 + 4t²)) / 2          v⁺ = x⁺ + (t − 1)/t⁺ · (x⁺ − x)
//! ```
//!
//! Each column restarts its momentum separately (`t = 1` when the step turns against the momentum). Its weight `λ_t`
//! is halved in stages from its own `λ_max` to λ; each stage starts from the previous one.
//!
//! It is the general method, and best if `λ/λ_max` is at least 1e-2. For problems with small `λ/λ_max`, the gap that
//! the device computes in f32 does not fall below 1e-4…2e-3, although the coefficients are better. Such a column
//! stalls, and the polish solves it.
//!
//! # References
//! Beck, Teboulle, *A fast iterative shrinkage-thresholding algorithm for linear inverse problems*
//! (SIAM J. Imaging Sciences 2, 2009), eq. 4.1–4.3; O'Donoghue, Candès, *Adaptive restart for
//! accelerated gradient schemes* (Found. Comput. Math. 15, 2015), §3.2; Hale, Yin, Zhang,
//! *Fixed-point continuation* (SIAM J. Optimization 19, 2008).

mod tensors;

pub(crate) use tensors::Batch;

/// Iterations between two evaluations of the gap, and of one stage of the continuation.
const BLOCK: usize = 100;
/// The most stages of the continuation.
const MAX_STAGES: i32 = 20;
