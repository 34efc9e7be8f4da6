//! `rayclip.lasso`.

use cs_solver::{Algorithm, Lambda, Problem, Settings, SolverError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Floats, located_in_y, value_error};
use crate::results::Shapes;
use crate::{device, solve};

/// The options of a solve.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    relative: bool,
    tolerance: f64,
    algorithm: String,
    max_iterations: isize,
    polish: bool,
    device: String,
}

impl Options {
    /// # Errors
    /// There is no such algorithm, or the number of iterations is negative.
    fn settings(&self) -> PyResult<Settings> {
        let algorithm: Algorithm = self.algorithm.parse().map_err(value_error)?;
        let max_iterations = usize::try_from(self.max_iterations).map_err(|_| {
            let got = self.max_iterations;
            value_error(format!("most iterations: expected at least 1, got {got}"))
        })?;
        let &Self { tolerance, polish, .. } = self;
        Ok(Settings { algorithm, tolerance, max_iterations, polish })
    }
}

/// Solves `min ‖A x − y‖² + λ‖x‖₁` for every column y of Y. Returns the index of every
/// column's status, and the other fields of `rayclip.LassoSolution`.
///
/// # Errors
/// A `ValueError` says what is wrong with an argument, a `RuntimeError` that a device failed.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 gives functions what it extracted")]
pub(crate) fn lasso<'py>(
    py: Python<'py>,
    a: Floats<'py>,
    y: Floats<'py>,
    lam: f64,
    options: Options,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    let shapes = Shapes::of(&a.shape(), &y.shape())?;
    let settings = options.settings()?;
    let device = device::by_name(&options.device)?;
    let lambda = if options.relative { Lambda::Ratio(lam) } else { Lambda::Fixed(lam) };
    let problem = Problem::grouped(a.matrices()?, &y.right_hand_sides()?, lambda)
        .map_err(|error| located_in_y(error, &y.shape()))?
        .on(&device);
    let lambdas = problem.lambdas().to_vec();
    let solutions = solve::solve(py, problem, &settings)?.map_err(failure)?;
    shapes.results(py, &solutions, lambdas)
}

fn failure(error: SolverError) -> PyErr {
    match error {
        SolverError::Device(_) | SolverError::Unanswered { .. } | SolverError::Factorisation(_) => {
            PyRuntimeError::new_err(error.to_string())
        }
        _ => value_error(error),
    }
}
