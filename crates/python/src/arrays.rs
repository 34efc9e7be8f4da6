//! NumPy's arrays as matrices and vectors of the solver.

use std::borrow::Cow;
use std::sync::Arc;

use cs_solver::{Matrix, Operator, Order, SolverError};
use numpy::PyReadonlyArrayDyn;
use numpy::ndarray::{ArrayView2, ArrayViewD, Axis, Ix2};
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;

/// An array of floats.
#[derive(FromPyObject)]
pub(crate) enum Floats<'py> {
    Double(PyReadonlyArrayDyn<'py, f64>),
    Single(PyReadonlyArrayDyn<'py, f32>),
}

/// Entries that a matrix can use.
type Entries = Arc<dyn AsRef<[f64]> + Send + Sync>;

impl Floats<'_> {
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Double(array) => array.as_array().shape().to_vec(),
            Self::Single(array) => array.as_array().shape().to_vec(),
        }
    }

    /// Returns the matrices of an array `[n, m]` or `[groups, n, m]`. Numbers in f64 stay where they are if each
    /// matrix is stored row after row or column after column; others are copied.
    ///
    /// # Errors
    /// An entry is not finite, an extent is zero, or there is too little memory for a copy.
    pub(crate) fn matrices(&self) -> PyResult<Vec<Arc<dyn Operator>>> {
        match self {
            Self::Double(array) => each_matrix(&array.as_array(), |numbers| {
                Ok(Arc::new(Borrowed::of(array.as_any(), numbers)))
            }),
            Self::Single(array) => each_matrix(&array.as_array(), |numbers| {
                Ok(Arc::new(collected(numbers.iter().map(|value| f64::from(*value)))?))
            }),
        }
    }

    /// Returns the right-hand sides of an array `[n]`, `[n, columns]` or `[groups, n, columns]`, one after the
    /// other.
    ///
    /// # Errors
    /// There is too little memory for a copy.
    pub(crate) fn right_hand_sides(&self) -> PyResult<Cow<'_, [f64]>> {
        match self {
            Self::Double(array) => {
                let columns = by_column(array.as_array());
                match columns.to_slice() {
                    Some(numbers) => Ok(Cow::Borrowed(numbers)),
                    None => collected(columns.iter().copied()).map(Cow::Owned),
                }
            }
            Self::Single(array) => {
                let columns = by_column(array.as_array());
                collected(columns.iter().map(|value| f64::from(*value))).map(Cow::Owned)
            }
        }
    }
}

/// Numbers of a NumPy array, which lives as long as they do.
struct Borrowed {
    _owner: Py<PyAny>,
    start: *const f64,
    count: usize,
}

impl Borrowed {
    /// Borrows some numbers of the array `owner`.
    fn of(owner: &Bound<'_, PyAny>, numbers: &[f64]) -> Self {
        Self { _owner: owner.clone().unbind(), start: numbers.as_ptr(), count: numbers.len() }
    }
}

#[expect(unsafe_code, reason = "the threads of the solver read NumPy's memory")]
// SAFETY: the numbers are only read. The documentation of the package says that no thread may change an array while
// a function uses it.
unsafe impl Send for Borrowed {}

#[expect(unsafe_code, reason = "the threads of the solver read NumPy's memory")]
// SAFETY: as above.
unsafe impl Sync for Borrowed {}

impl AsRef<[f64]> for Borrowed {
    fn as_ref(&self) -> &[f64] {
        #[expect(unsafe_code, reason = "the lifetime of the owner is that of a Python object")]
        // SAFETY: `start` and `count` come from a slice of the array. NumPy neither frees nor resizes an array that
        // has another reference.
        unsafe {
            std::slice::from_raw_parts(self.start, self.count)
        }
    }
}

/// Makes the matrices of an array `[n, m]` or `[groups, n, m]`. `in_place` gets numbers that are one after the other
/// in memory.
fn each_matrix<T: Copy + Into<f64>>(
    array: &ArrayViewD<'_, T>,
    in_place: impl Fn(&[T]) -> PyResult<Entries>,
) -> PyResult<Vec<Arc<dyn Operator>>> {
    let made = |view: ArrayViewD<'_, T>, name: &str| {
        let view: ArrayView2<'_, T> = view.into_dimensionality::<Ix2>().map_err(value_error)?;
        let extents = [view.nrows(), view.ncols()];
        let (order, entries) = if let Some(numbers) = view.to_slice() {
            (Order::Rows, in_place(numbers)?)
        } else if let Some(numbers) = view.reversed_axes().to_slice() {
            (Order::Columns, in_place(numbers)?)
        } else {
            let copied = collected(view.iter().map(|value| (*value).into()))?;
            (Order::Rows, Arc::new(copied) as Entries)
        };
        let matrix = Matrix::shared(extents, order, entries)
            .map_err(|error| located(error, name, extents, order))?;
        Ok(Arc::new(matrix) as Arc<dyn Operator>)
    };
    if array.ndim() == 2 {
        return Ok(vec![made(array.clone(), "A[")?]);
    }
    let group =
        |group| made(array.clone().index_axis_move(Axis(0), group), &format!("A[{group}, "));
    (0..array.shape()[0]).map(group).collect()
}

/// Swaps the axes of rows and columns.
fn by_column<T>(mut array: ArrayViewD<'_, T>) -> ArrayViewD<'_, T> {
    let axes = array.ndim();
    if axes >= 2 {
        array.swap_axes(axes - 2, axes - 1);
    }
    array
}

/// Copies numbers, if there is memory for them.
fn collected(numbers: impl ExactSizeIterator<Item = f64>) -> PyResult<Vec<f64>> {
    let mut copy = Vec::new();
    let reserved = copy.try_reserve_exact(numbers.len());
    reserved.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    copy.extend(numbers);
    Ok(copy)
}

/// Names an entry of A that is not finite by its row and column. `name` is what its name begins with.
fn located(error: SolverError, name: &str, [n, m]: [usize; 2], order: Order) -> PyErr {
    let SolverError::NotFinite { index, value, .. } = error else { return value_error(error) };
    let (row, column) = match order {
        Order::Rows => (index / m, index % m),
        Order::Columns => (index % n, index / n),
    };
    not_finite(&format!("{name}{row}, {column}]"), value)
}

/// Names an entry of Y that is not finite by its row and column, in an array with `axes` axes.
pub(crate) fn located_in_y(error: SolverError, shape: &[usize]) -> PyErr {
    let SolverError::NotFinite { what: "y", index, value } = error else {
        return value_error(error);
    };
    let name = match shape {
        [n, columns] => format!("Y[{}, {}]", index % n, index / n % columns),
        [_, n, columns] => {
            let column = index / n;
            format!("Y[{}, {}, {}]", column / columns, index % n, column % columns)
        }
        _ => format!("Y[{index}]"),
    };
    not_finite(&name, value)
}

fn not_finite(name: &str, value: f64) -> PyErr {
    PyValueError::new_err(format!("{name} is {value}; every entry must be finite"))
}

/// Returns an error as Python's `ValueError`.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives the error away")]
pub(crate) fn value_error(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}
