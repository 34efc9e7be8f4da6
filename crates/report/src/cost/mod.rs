//! The cost of networks and of their training.

pub(crate) mod costs;
mod spent;
pub(crate) mod widths;
