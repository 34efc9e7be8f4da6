//! The published values, and the paper's smoothing.

pub(crate) mod lowess;
pub(crate) mod published;
