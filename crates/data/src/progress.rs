//! The progress of loading.

/// A callback for the progress of loading: `(done, total)` in the unit of the source (images or files).
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;
