//! What an algorithm is given for a column and what it brings back, before anything is certified.

use crate::Status;

/// One right-hand side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    /// `[n]`.
    pub(crate) y: &'a [f64],
    pub(crate) lambda: f64,
    pub(crate) start: Option<Start<'a>>,
}

/// Where to start from: the solution of a problem like this one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// `[m]`.
    pub(crate) x: &'a [f64],
    /// `[n]`.
    pub(crate) nu: &'a [f64],
}

/// What an algorithm says of a column.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// The algorithm's own dual point, `[n]`; not necessarily feasible.
    pub(crate) nu: Vec<f64>,
    pub(crate) iterations: usize,
    /// How the algorithm ended in its own view.
    pub(crate) status: Status,
}
