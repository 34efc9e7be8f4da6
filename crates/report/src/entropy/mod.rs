//! Gibbs entropies of the measurements and of noise of the same size, and their correlations.

pub(crate) mod correlation;
pub(crate) mod gibbs;
pub(crate) mod noise;
pub(crate) mod tracks;
