//! One file a command.

pub(crate) mod bench_solver;
pub(crate) mod devices;
pub(crate) mod run;
pub(crate) mod solve;
