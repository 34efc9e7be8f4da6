//! One file a command.

pub(crate) mod bench_solver;
pub(crate) mod compare;
mod configure;
pub(crate) mod devices;
pub(crate) mod run;
pub(crate) mod solve;
mod train;
