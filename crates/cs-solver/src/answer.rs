//! The input of an algorithm for a column, and its answer before the certificate.

use crate::interrupter::Interrupter;
use crate::status::Status;
use crate::vector::times_power_of_two;

/// One right-hand side. It is scaled so that the largest entries of A and of y are about 1.
#[derive(Debug, Clone)]
pub(crate) struct Column<'a> {
    /// `[n]`.
    pub(crate) y: &'a [f64],
    pub(crate) lambda: f64,
    pub(crate) units: Units,
    pub(crate) start: Option<Start>,
    /// Ends the iterations early.
    pub(crate) interrupter: &'a Interrupter,
}

#[cfg(test)]
impl<'a> Column<'a> {
    /// Makes a column in the caller's units, without a starting point.
    pub(crate) fn new(y: &'a [f64], lambda: f64, interrupter: &'a Interrupter) -> Self {
        Self { y, lambda, units: Units::default(), start: None, interrupter }
    }
}

/// The scale between a column and the caller's units. All factors are powers of two, so no digit is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Units {
    /// The caller's A is `2^a` times as large.
    pub(crate) a: i32,
    /// The caller's y and ν are `2^y` times as large.
    pub(crate) y: i32,
}

impl Units {
    /// Returns the exponent for x: the caller's x is two to this power times as large.
    pub(crate) fn x(self) -> i32 {
        self.y - self.a
    }

    /// The same for the caller's λ.
    pub(crate) fn lambda(self) -> i32 {
        self.y + self.a
    }

    /// The same for the caller's objective.
    pub(crate) fn objective(self) -> i32 {
        2 * self.y
    }
}

/// A starting point: the solution of a similar problem, in the units of the column.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// `[n]`.
    pub(crate) nu: Vec<f64>,
}

impl Start {
    /// Converts from the caller's units.
    pub(crate) fn of(x: &[f64], nu: &[f64], units: Units) -> Self {
        Self { x: in_units(x, -units.x()), nu: in_units(nu, -units.y) }
    }
}

/// Returns the values times a power of two; zeros become positive.
pub(crate) fn in_units(values: &[f64], exponent: i32) -> Vec<f64> {
    values.iter().map(|value| times_power_of_two(*value, exponent) + 0.0).collect()
}

/// The answer of an algorithm for a column.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `[m]`.
    pub(crate) x: Vec<f64>,
    /// The algorithm's own dual point, `[n]`; not necessarily feasible.
    pub(crate) nu: Vec<f64>,
    pub(crate) iterations: usize,
    /// Floating-point operations, with the column's share of work that is done once for several columns.
    pub(crate) flops: f64,
    /// How the algorithm itself says that it ended.
    pub(crate) status: Status,
}
