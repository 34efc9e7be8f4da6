//! The iterations that run on a Burn device, in f32, on whole batches.
//!
//! After each block of iterations, the device evaluates every column, keeps the best point of each, and returns one
//! count: the columns that have not converged and still make progress. If that is less than half, the other columns
//! are read back, and the batch continues without them. A batch with several groups stays together.

mod drive;
#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
mod gpu;
mod upload;

pub(crate) use drive::{Iteration, Points, drive};
pub(crate) use gpu::{is_gpu, largest_buffer};
pub(crate) use upload::{Upload, copy};

use crate::error::SolverError;
use crate::operator::Matrix;
use crate::problem::Problem;
use crate::settings::Algorithm;

/// Why an algorithm cannot be used for an operator.
pub(crate) const NO_ENTRIES: &str =
    "needs an operator that is stored as a matrix; use halpern or homotopy for other operators";

/// Whether an algorithm runs on a device. Only matrices can be sent there.
pub(crate) fn is_used(algorithm: Algorithm, dense: bool) -> bool {
    matches!(algorithm, Algorithm::Fista | Algorithm::Halpern) && dense
}

/// Returns the matrices of all groups.
///
/// # Errors
/// An operator is not stored as a matrix.
pub(crate) fn matrices(
    problem: &Problem,
    algorithm: Algorithm,
) -> Result<Vec<&Matrix>, SolverError> {
    let matrices = problem.operators().iter().map(|a| a.as_matrix());
    matrices.collect::<Option<_>>().ok_or(SolverError::Unsuitable { algorithm, why: NO_ENTRIES })
}
