//! Answers, each with its certificate.

use crate::answer::{Answer, Column, Start};
use crate::certificate::{Certificate, certify};
use crate::operator::Operator;
use crate::vector::max_norm;
use crate::{Algorithm, Status};

/// The solution of one column. It cannot be made without a certificate.
#[derive(Debug, Clone)]
pub struct Solution {
    x: Vec<f64>,
    nu: Vec<f64>,
    certificate: Certificate,
    iterations: usize,
    status: Status,
    polished: bool,
}

impl Solution {
    /// Certifies an answer; it has converged if its own gap says so, whatever the algorithm thinks.
    pub(crate) fn certified(
        a: &dyn Operator,
        column: &Column<'_>,
        answer: Answer,
        tolerance: f64,
    ) -> Self {
        let Answer { mut x, nu, iterations, status } = answer;
        let (mut certificate, mut nu) = certify(a, column.y, column.lambda, &x, &nu);
        let finite = certificate.primal.is_finite() && certificate.relative_gap.is_finite();
        let status = match status {
            _ if !finite => Status::NonFinite,
            _ if certificate.relative_gap <= tolerance => Status::Converged,
            Status::Converged => Status::Stalled,
            other => other,
        };
        // Back to the caller's units: a power of two, so that no digit is lost.
        x.iter_mut().chain(&mut nu).for_each(|value| *value *= column.scale);
        certificate.primal *= column.scale * column.scale;
        certificate.dual *= column.scale * column.scale;
        Self { x, nu, certificate, iterations, status, polished: false }
    }

    /// As the start of a column's solve.
    pub(crate) fn start(&self, scale: f64) -> Start {
        let scaled = |values: &[f64]| values.iter().map(|value| value / scale).collect();
        Start { x: scaled(&self.x), nu: scaled(&self.nu) }
    }

    /// The same, as the end of another answer's way.
    pub(crate) fn after(self, earlier: &Self) -> Self {
        let iterations = self.iterations + earlier.iterations;
        Self { iterations, polished: true, ..self }
    }

    /// Coefficients, `[m]`, exactly zero off the support.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// The feasible dual point ν of the certificate, `[n]`.
    pub fn nu(&self) -> &[f64] {
        &self.nu
    }

    /// Objective, dual bound, gap and KKT violation, computed in f64.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Iterations; pieces of the path for the homotopy, Newton steps for SSNAL.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether it was finished by the polish.
    pub fn polished(&self) -> bool {
        self.polished
    }

    /// Number of non-zero coefficients.
    pub fn support_size(&self) -> usize {
        self.x.iter().filter(|value| **value != 0.0).count()
    }
}

/// The solutions of a batch, group after group.
#[derive(Debug, Clone)]
pub struct Solutions {
    pub(crate) columns: Vec<Solution>,
    pub(crate) algorithm: Algorithm,
}

impl Solutions {
    /// One solution a column, group after group.
    pub fn columns(&self) -> &[Solution] {
        &self.columns
    }

    /// The algorithm that was taken; `Auto` for coefficients that were only certified.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether every column has converged.
    pub fn converged(&self) -> bool {
        self.columns.iter().all(|column| column.status == Status::Converged)
    }

    /// Most iterations of a column.
    pub fn iterations(&self) -> usize {
        self.columns.iter().map(|column| column.iterations).max().unwrap_or(0)
    }

    /// Largest relative gap of a column; NaN if a column has none.
    pub fn relative_gap(&self) -> f64 {
        let gaps: Vec<f64> =
            self.columns.iter().map(|column| column.certificate.relative_gap).collect();
        max_norm(&gaps)
    }

    /// The worst ending of a column.
    pub fn status(&self) -> Status {
        self.columns.iter().map(|column| column.status).max().unwrap_or(Status::Converged)
    }
}
