//! Batched sparse reconstruction: `min ‖A x − y‖² + λ ‖x‖₁` (no ½) for many `y` at once.
//!
//! Two ways lead to the same minimum:
//!
//! | module | arithmetic | where | use |
//! |---|---|---|---|
//! | [`homotopy`] | f64, exact up to rounding | host, a column a thread | the oracle; small problems on a CPU |
//! | [`fista`] | f32, iterative | any Burn device, the whole batch at once | rays that must not leave the GPU |
//!
//! Beside them: the measurement matrices ([`gaussian`]), the sparsifying basis ([`dct`]) and the
//! quantities that tell how good an answer is ([`certificate`]). Nothing here knows of networks.
//!
//! ```
//! use cs_solver::{Matrix, certificate::certify, homotopy};
//!
//! let a = Matrix::from_rows(2, 3, &[1.0, 0.5, 0.0, 0.0, 0.5, 1.0])?;
//! let y = [1.0, 2.0];
//! let solution = homotopy::solve(&a, &y, 0.1)?;
//! assert!(certify(&a, &y, 0.1, &solution.x).relative_gap < 1e-12);
//! # Ok::<(), cs_solver::SolverError>(())
//! ```

mod active_set;
pub mod certificate;
pub mod dct;
mod error;
pub mod fista;
pub mod gaussian;
pub mod homotopy;
mod matrix;
mod status;

pub use error::SolverError;
pub use matrix::Matrix;
pub use status::Status;
