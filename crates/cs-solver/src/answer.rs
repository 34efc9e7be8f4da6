//! What an algorithm is given for a column and what it brings back, before anything is certified.

use crate::Status;
use crate::vector::times_power_of_two;

/// One right-hand side, in units in which the largest entries of A and of y are about 1.
#[derive(Debug, Clone)]
pub(crate) struct Column<'a> {
    /// `[n]`.
    pub(crate) y: &'a [f64],
    pub(crate) lambda: f64,
    pub(crate) units: Units,
    pub(crate) start: Option<Start>,
}

/// The caller's units of a column. All factors are powers of two, so that no digit is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Units {
    /// The caller's A is `2^a` times as large.
    pub(crate) a: i32,
    /// The caller's y and ν are `2^y` times as large.
    pub(crate) y: i32,
}

impl Units {
    /// The caller's x is two to this power times as large.
    pub(crate) fn x(self) -> i32 {
        self.y - self.a
    }

    /// Likewise the caller's λ.
    pub(crate) fn lambda(self) -> i32 {
        self.y + self.a
    }

    /// Likewise the caller's objective.
    pub(crate) fn objective(self) -> i32 {
        2 * self.y
    }
}

/// Where to start from: the solution of a problem like this one, in the units of the column.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// `[n]`.
    pub(crate) nu: Vec<f64>,
}

impl Start {
    /// From the caller's units.
    pub(crate) fn of(x: &[f64], nu: &[f64], units: Units) -> Self {
        Self { x: in_units(x, -units.x()), nu: in_units(nu, -units.y) }
    }
}

/// The same times a power of two, zeros without a sign.
pub(crate) fn in_units(values: &[f64], exponent: i32) -> Vec<f64> {
    values.iter().map(|value| times_power_of_two(*value, exponent) + 0.0).collect()
}

/// What an algorithm says of a column.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// The algorithm's own dual point, `[n]`; not necessarily feasible.
    pub(crate) nu: Vec<f64>,
    pub(crate) iterations: usize,
    /// Floating-point operations, the column's share of what is done once for several included.
    pub(crate) flops: f64,
    /// How the algorithm ended in its own view.
    pub(crate) status: Status,
}
