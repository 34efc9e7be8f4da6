//! The iterations that run on a Burn device, in f32, on whole batches.
//!
//! After each block of iterations, the device evaluates every column, keeps the best point of each, and returns one
//! count: the columns that have not converged and still make progress. If that is less than half, the other columns
//! are read back, and the batch continues without them. A batch with several groups stays together.

mod drive;
mod upload;

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::DispatchDevice;
use burn::tensor::Device;

pub(crate) use drive::{Iteration, Points};
pub(crate) use upload::{Upload, copy};

use crate::answer::{Answer, Column};
use crate::error::SolverError;
use crate::operator::Matrix;
use crate::problem::Problem;
use crate::settings::{Algorithm, Settings};
use crate::{fista, halpern};

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

/// Solves the columns of every group on the problem's device. If it has none, on the faster CPU backend.
///
/// # Errors
/// A buffer is too large for the device, or it fails.
pub(crate) fn solve(
    problem: &Problem,
    columns: &[Vec<Column<'_>>],
    algorithm: Algorithm,
    settings: &Settings,
) -> Result<Vec<Vec<Answer>>, SolverError> {
    let device = problem.device().cloned().unwrap_or_else(Device::flex);
    let solve = || match algorithm {
        Algorithm::Fista => {
            drive::drive(fista::Batch::start(problem, columns, &device)?, columns, settings)
        }
        _ => drive::drive(halpern::Batch::start(problem, columns, &device)?, columns, settings),
    };
    // A lost device or a failed allocation may panic deep inside the backend.
    catch_unwind(AssertUnwindSafe(solve)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(SolverError::Device(text.unwrap_or("it panicked").to_owned()))
    })
}

/// Returns the bytes that the device can bind as one buffer; `None` if host memory is the limit.
fn largest_buffer(device: &Device) -> Option<usize> {
    match device.as_dispatch() {
        DispatchDevice::Cube(device) => {
            Some(device.client().properties().memory.max_page_size as usize)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_matrix_is_sent_to_a_device() {
        let problem = crate::synthetic::subsampled_dct(5, 3, 1, 0).unwrap();
        for algorithm in [Algorithm::Fista, Algorithm::Halpern] {
            let refused = solve(&problem, &[problem.group(0)], algorithm, &Settings::default());
            assert!(matches!(refused, Err(SolverError::Unsuitable { .. })), "{refused:?}");
        }
    }
}
