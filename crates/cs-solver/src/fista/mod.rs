//! FISTA: a gradient step, a soft threshold and momentum; on any device, the whole batch at once.
//!
//! ```text
//! x⁺ = soft(v − ∇f(v)/L, λ_t/L)      ∇f(v) = 2 Aᵀ(A v − y)
//! t⁺ = (1 + √(1 + 4t²)) / 2          v⁺ = x⁺ + (t − 1)/t⁺ · (x⁺ − x)
//! ```
//!
//! Each column restarts its momentum by itself (`t = 1` when the step turns against the momentum),
//! and its weight `λ_t` falls by halves from its own `λ_max` to λ, each stage starting from the last.
//!
//! It is the general method, best where `λ/λ_max` is 1e-2 or more. In f32 the gap that the device can
//! compute floors at 1e-4…2e-3 for problems with small `λ/λ_max`, though the coefficients are better
//! than that; such a column stalls and is finished by the polish.
//!
//! # References
//! Beck, Teboulle, *A fast iterative shrinkage-thresholding algorithm for linear inverse problems*
//! (SIAM J. Imaging Sciences 2, 2009), eq. 4.1–4.3; O'Donoghue, Candès, *Adaptive restart for
//! accelerated gradient schemes* (Found. Comput. Math. 15, 2015), §3.2; Hale, Yin, Zhang,
//! *Fixed-point continuation* (SIAM J. Optimization 19, 2008).

mod tensors;

pub(crate) use tensors::Batch;

/// Iterations between two looks at the gap, and of one stage of the continuation.
const BLOCK: usize = 100;
/// Stages of the continuation at most.
const MAX_STAGES: i32 = 20;
