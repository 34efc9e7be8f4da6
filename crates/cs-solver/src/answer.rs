//! What an algorithm is given for a column and what it brings back, before anything is certified.

use crate::Status;

/// One right-hand side, in units in which the largest entry of y is about 1.
#[derive(Debug, Clone)]
pub(crate) struct Column<'a> {
    /// `[n]`.
    pub(crate) y: &'a [f64],
    pub(crate) lambda: f64,
    /// The caller's y, λ, x and ν are this many times as large; a power of two.
    pub(crate) scale: f64,
    pub(crate) start: Option<Start>,
}

/// Where to start from: the solution of a problem like this one, in the units of the column.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// `[n]`.
    pub(crate) nu: Vec<f64>,
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
