//! The native part of the Python package `rayclip`: its functions take and return NumPy arrays.
//!
//! `python/rayclip/` has the signatures, their documentation and the types of the results. The functions here are
//! private to it, and take what it has checked: the dtype of an array, and that options are there.

mod arrays;
mod clip;
mod device;
mod lasso;
mod results;
mod solve;

use pyo3::prelude::*;

/// As in the command: the solver allocates and frees the same buffers for every column.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `rayclip._native`.
#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use super::clip::clip;
    #[pymodule_export]
    use super::lasso::lasso;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("STATUSES", super::results::STATUSES)
    }
}
