//! Loops over channels, compiled for the vector units of the machine.

use pulp::Arch;

/// Runs `action`, compiled for the widest vector unit of this machine. All functions that it calls must be inlined.
#[inline]
pub(super) fn vectorised<T>(action: impl FnOnce() -> T) -> T {
    Arch::new().dispatch(action)
}

/// `to += from`.
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        },
    );
}
