//! Ends a solve early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a solve early, from another thread; clones end the same solve. See
/// [`Problem::interrupted_by`](crate::Problem::interrupted_by).
#[derive(Debug, Clone, Default)]
pub struct Interrupter(Arc<AtomicBool>);

impl Interrupter {
    /// Ends the solve after its current iterations.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the solve should end.
    pub fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
