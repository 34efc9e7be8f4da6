//! The solutions of a batch as NumPy's arrays.

use cs_solver::{Certificate, Solution, Solutions, Status};
use numpy::ndarray::{ArrayD, IxDyn};
use numpy::{Element, IntoPyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::value_error;

/// The names of the statuses; [`status`] returns the index of one.
pub(crate) const STATUSES: [&str; 5] =
    ["converged", "max-iterations", "stalled", "missed", "non-finite"];

/// The most numbers of the solutions of all columns; the same as on the command line.
const MOST_NUMBERS: usize = 1 << 29;

/// The shapes of the results.
pub(crate) struct Shapes {
    n: usize,
    m: usize,
    /// `[]`, `[columns]` or `[groups, columns]`.
    columns: Vec<usize>,
}

impl Shapes {
    /// Returns the shapes of the results for an A `[n, m]` or `[groups, n, m]`.
    ///
    /// # Errors
    /// The shape of A or Y is another one, they disagree, or the solutions would have more than [`MOST_NUMBERS`]
    /// numbers.
    pub(crate) fn of(a: &[usize], y: &[usize]) -> PyResult<Self> {
        let (n, m, columns) = match (a, y) {
            (&[n, m], &[rows]) if rows == n => (n, m, vec![]),
            (&[n, m], &[rows, columns]) if rows == n => (n, m, vec![columns]),
            (&[groups, n, m], &[groups_of_y, rows, columns])
                if groups_of_y == groups && rows == n =>
            {
                (n, m, vec![groups, columns])
            }
            _ => return Err(value_error(unfit(a, y))),
        };
        let all = columns.iter().try_fold(n.max(m), |all, extent| all.checked_mul(*extent));
        if all.is_none_or(|all| all > MOST_NUMBERS) {
            return Err(value_error(format!(
                "the solutions for A of shape {} and Y of shape {} have more than {MOST_NUMBERS} numbers; solve fewer \
                 columns",
                shown(a),
                shown(y)
            )));
        }
        Ok(Self { n, m, columns })
    }

    /// Returns the status of every column as an index in [`STATUSES`], and the other fields of
    /// `rayclip.LassoSolution`.
    pub(crate) fn results<'py>(
        &self,
        py: Python<'py>,
        solutions: &Solutions,
        lambdas: Vec<f64>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
        let results = PyDict::new(py);
        let each = solutions.columns();
        let certificates = |number: fn(&Certificate) -> f64| {
            each.iter().map(|solution| number(solution.certificate())).collect::<Vec<f64>>()
        };
        results.set_item("x", self.vectors(py, self.m, each.iter().map(Solution::x))?)?;
        results.set_item("dual", self.vectors(py, self.n, each.iter().map(Solution::nu))?)?;
        results.set_item("lam", self.numbers(py, lambdas)?)?;
        for (name, number) in [
            ("primal_objective", (|it| it.primal) as fn(&Certificate) -> f64),
            ("dual_objective", |it| it.dual),
            ("relative_gap", |it| it.relative_gap),
            ("rounding", |it| it.rounding),
            ("kkt_violation", |it| it.kkt_violation),
        ] {
            results.set_item(name, self.numbers(py, certificates(number))?)?;
        }
        let iterations = each.iter().map(|solution| solution.iterations() as i64).collect();
        results.set_item("iterations", self.numbers::<i64>(py, iterations)?)?;
        let flops = each.iter().map(Solution::flops).collect();
        results.set_item("flops", self.numbers::<f64>(py, flops)?)?;
        let polished = each.iter().map(Solution::polished).collect();
        results.set_item("polished", self.numbers::<bool>(py, polished)?)?;
        results.set_item("algorithm", solutions.algorithm().name())?;
        results.set_item("seconds", solutions.seconds())?;
        let statuses = each.iter().map(|solution| status(solution.status())).collect();
        Ok((self.numbers::<u8>(py, statuses)?, results))
    }

    /// Returns one number per column.
    fn numbers<'py, T: Element>(
        &self,
        py: Python<'py>,
        numbers: Vec<T>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = ArrayD::from_shape_vec(IxDyn(&self.columns), numbers).map_err(value_error)?;
        Ok(array.into_pyarray(py).into_any())
    }

    /// Returns one vector of length `length` per column. In the array, the columns are on the last axis; in memory,
    /// one is after the other.
    fn vectors<'py, 'a>(
        &self,
        py: Python<'py>,
        length: usize,
        vectors: impl Iterator<Item = &'a [f64]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut numbers = Vec::with_capacity(self.columns.iter().product::<usize>() * length);
        vectors.for_each(|vector| numbers.extend_from_slice(vector));
        let shape = [self.columns.as_slice(), &[length]].concat();
        let mut array = ArrayD::from_shape_vec(shape, numbers).map_err(value_error)?;
        if !self.columns.is_empty() {
            array.swap_axes(self.columns.len() - 1, self.columns.len());
        }
        Ok(array.into_pyarray(py).into_any())
    }
}

/// Says why the shapes of A and Y do not fit.
fn unfit(a: &[usize], y: &[usize]) -> String {
    let expected = match a {
        [n, _] => format!("({n},) or ({n}, columns)"),
        [groups, n, _] => format!("({groups}, {n}, columns)"),
        _ => return format!("A has shape {}; expected (n, m) or (groups, n, m)", shown(a)),
    };
    format!("Y has shape {}; for A of shape {}, expected {expected}", shown(y), shown(a))
}

/// Returns a shape as Python shows it.
fn shown(shape: &[usize]) -> String {
    match shape {
        [extent] => format!("({extent},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Returns the index of a status in [`STATUSES`].
fn status(status: Status) -> u8 {
    match status {
        Status::Converged => 0,
        Status::MaxIterations => 1,
        Status::Stalled => 2,
        Status::Missed => 3,
        Status::NonFinite => 4,
    }
}
