//! Solutions with their certificates.

use crate::answer::{Answer, Column, Start, Units, in_units};
use crate::certificate::{Certificate, Demand, PRODUCTS, certify_for};
use crate::operator::{Operator, product_flops};
use crate::settings::Algorithm;
use crate::status::Status;
use crate::vector::{max_norm, times_power_of_two};

/// The solution of one column. It always has a certificate.
#[derive(Debug, Clone)]
pub struct Solution {
    x: Vec<f64>,
    nu: Vec<f64>,
    certificate: Certificate,
    iterations: usize,
    flops: f64,
    status: Status,
    polished: bool,
}

impl Solution {
    /// Certifies an answer. It has converged if the certified gap says so; the algorithm's own opinion does not count.
    pub(crate) fn certified(
        a: &dyn Operator,
        column: &Column<'_>,
        answer: Answer,
        tolerance: f64,
    ) -> Self {
        let demand = Demand { lambda: column.lambda, tolerance, again: false };
        Self::judged(a, column, answer, demand)
    }

    /// Certifies coefficients that the caller has, and a dual point that may come from an earlier certificate.
    pub(crate) fn checked(
        a: &dyn Operator,
        column: &Column<'_>,
        answer: Answer,
        tolerance: f64,
    ) -> Self {
        let demand = Demand { lambda: column.lambda, tolerance, again: true };
        Self::judged(a, column, answer, demand)
    }

    fn judged(a: &dyn Operator, column: &Column<'_>, answer: Answer, demand: Demand) -> Self {
        let Answer { x, nu, iterations, flops, status } = answer;
        let units = column.units;
        // The certificate is for the numbers that the caller gets. In its units, the smallest ones may lose digits.
        let x = in_units(&x, units.x());
        let at = in_units(&x, -units.x());
        let (mut certificate, mut nu) = certify_for(a, column.y, demand, &at, &nu);
        let mut certified = in_units(&nu, units.y);
        if in_units(&certified, -units.y) != nu {
            let kept = in_units(&certified, -units.y);
            let demand = Demand { again: true, ..demand };
            (certificate, nu) = certify_for(a, column.y, demand, &at, &kept);
            certified = in_units(&nu, units.y);
        }
        let shown = certificate.shows(demand.tolerance);
        for objective in [&mut certificate.primal, &mut certificate.dual] {
            *objective = times_power_of_two(*objective, units.objective());
        }
        let finite = certificate.primal.is_finite() && certificate.relative_gap.is_finite();
        let status = match status {
            _ if !finite => Status::NonFinite,
            _ if shown => Status::Converged,
            Status::Converged => Status::Stalled,
            other => other,
        };
        let flops = flops + PRODUCTS * product_flops(a);
        Self { x, nu: certified, certificate, iterations, flops, status, polished: false }
    }

    /// Returns the solution as a starting point for a column.
    pub(crate) fn start(&self, units: Units) -> Start {
        Start::of(&self.x, &self.nu, units)
    }

    /// Returns the same solution, with the iterations and operations of an earlier answer added.
    pub(crate) fn after(self, earlier: &Self) -> Self {
        let iterations = self.iterations + earlier.iterations;
        Self { iterations, polished: true, ..self }.with_flops_of(earlier)
    }

    /// Returns the same solution, with the operations of another answer added.
    pub(crate) fn with_flops_of(self, other: &Self) -> Self {
        Self { flops: self.flops + other.flops, ..self }
    }

    /// Returns the coefficients, `[m]`, exactly zero off the support.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Returns the feasible dual point ν of the certificate, `[n]`.
    pub fn nu(&self) -> &[f64] {
        &self.nu
    }

    /// Returns objective, dual bound, gap and KKT violation, computed in f64.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the iterations; for the homotopy the pieces of the path, for SSNAL the Newton steps.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Returns the floating-point operations of the algorithm (with the column's share of work that was done once
    /// for several columns), of the polish, and of the certificates. A product with A counts 2 n m, even if a
    /// transform computes it faster.
    pub fn flops(&self) -> f64 {
        self.flops
    }

    /// Returns how the column ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether the polish gave this solution.
    pub fn polished(&self) -> bool {
        self.polished
    }

    /// Returns the number of non-zero coefficients.
    pub fn support_size(&self) -> usize {
        self.x.iter().filter(|value| **value != 0.0).count()
    }
}

/// The solutions of a batch.
#[derive(Debug, Clone)]
pub struct Solutions {
    pub(crate) columns: Vec<Solution>,
    pub(crate) algorithm: Algorithm,
    pub(crate) seconds: f64,
}

impl Solutions {
    /// Returns the seconds for finding and certifying the solutions.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Returns one solution per column, group after group.
    pub fn columns(&self) -> &[Solution] {
        &self.columns
    }

    /// Returns the algorithm that was used; `Auto` if coefficients were only certified.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether every column has converged.
    pub fn converged(&self) -> bool {
        self.columns.iter().all(|column| column.status == Status::Converged)
    }

    /// Returns the most iterations of a column.
    pub fn iterations(&self) -> usize {
        self.columns.iter().map(|column| column.iterations).max().unwrap_or(0)
    }

    /// Returns the largest relative gap of a column; NaN if a column has none.
    pub fn relative_gap(&self) -> f64 {
        let gaps: Vec<f64> =
            self.columns.iter().map(|column| column.certificate.relative_gap).collect();
        max_norm(&gaps)
    }

    /// Returns the worst status of a column.
    pub fn status(&self) -> Status {
        self.columns.iter().map(|column| column.status).max().unwrap_or(Status::Converged)
    }
}
