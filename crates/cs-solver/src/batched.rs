//! Solves a problem on its device, by FISTA or by Halpern–Douglas–Rachford.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Device;

use crate::answer::{Answer, Column};
use crate::device::drive;
use crate::error::SolverError;
use crate::problem::Problem;
use crate::settings::{Algorithm, Settings};
use crate::{fista, halpern};

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
            drive(fista::Batch::start(problem, columns, &device)?, columns, settings)
        }
        _ => drive(halpern::Batch::start(problem, columns, &device)?, columns, settings),
    };
    // A lost device or a failed allocation may panic deep inside the backend.
    catch_unwind(AssertUnwindSafe(solve)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(SolverError::Device(text.unwrap_or("it panicked").to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use burn::tensor::{DeviceKind, Tensor};

    use super::*;
    use crate::device::Iteration;
    use crate::gaussian;
    use crate::operator::Matrix;
    use crate::problem::Lambda;

    #[test]
    fn only_a_matrix_is_sent_to_a_device() {
        let problem = crate::synthetic::subsampled_dct(5, 3, 1, 0).unwrap();
        for algorithm in [Algorithm::Fista, Algorithm::Halpern] {
            let refused = solve(&problem, &[problem.group(0)], algorithm, &Settings::default());
            assert!(matches!(refused, Err(SolverError::Unsuitable { .. })), "{refused:?}");
        }
    }

    /// Returns the software adapter, if there is one.
    fn adapter() -> Option<Device> {
        let options = Device::wgpu_options().device_kind(DeviceKind::Cpu);
        options.init_with_setup().ok().map(|(device, _)| device)
    }

    /// Returns the largest difference of the coefficients, relative to the largest of them.
    fn difference(a: Tensor<3>, b: Tensor<3>) -> f64 {
        let read = |tensor: Tensor<3>| crate::problem::read(tensor).unwrap();
        let (a, b) = (read(a), read(b));
        let largest = b.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
    }

    #[test]
    fn kernels_do_what_the_tensor_operations_do() {
        let Some(device) = adapter() else {
            let mut stderr = std::io::stderr();
            writeln!(stderr, "skipped: kernels: there is no software adapter").unwrap();
            return;
        };
        // (groups, n, m, columns): on and off the number of units, rows above and below it
        for (groups, n, m, columns) in
            [(1, 1, 2, 1), (2, 31, 257, 3), (1, 257, 300, 1), (3, 5, 31, 2), (1, 256, 256, 2)]
        {
            let entries = gaussian::numpy_standard_normal(groups * n * m, 7);
            let operators = entries.chunks(n * m).map(|entries| {
                let a = Matrix::from_rows(n, m, entries).unwrap();
                std::sync::Arc::new(a) as std::sync::Arc<dyn crate::operator::Operator>
            });
            let y = gaussian::numpy_standard_normal(groups * n * columns, 8);
            let problem = Problem::grouped(operators.collect(), &y, Lambda::Ratio(0.05)).unwrap();
            let batch: Vec<_> = (0..groups).map(|group| problem.group(group)).collect();
            let open = || Tensor::<3>::ones([groups, columns, 1], &device);
            let what = format!("{groups} × {n}×{m} × {columns}");

            let mut kernel = fista::Batch::start(&problem, &batch, &device).unwrap();
            let mut plain = fista::Batch::start(&problem, &batch, &device).unwrap();
            plain.without_kernel();
            assert!(kernel.has_kernel(), "{what}");
            kernel.advance(20, open());
            plain.advance(20, open());
            let fista = difference(kernel.points().x, plain.points().x);
            assert!(fista < 1e-3, "fista, {what}: {fista:e}");

            let mut kernel = halpern::Batch::start(&problem, &batch, &device).unwrap();
            let mut plain = halpern::Batch::start(&problem, &batch, &device).unwrap();
            plain.without_kernel();
            assert!(kernel.has_kernel(), "{what}");
            kernel.advance(20, open());
            plain.advance(20, open());
            let halpern = difference(kernel.points().x, plain.points().x);
            assert!(halpern < 1e-3, "halpern, {what}: {halpern:e}");

            // A closed column does not change.
            let before = kernel.points().x;
            kernel.advance(5, open().zeros_like());
            assert_eq!(difference(kernel.points().x, before), 0.0, "{what}");
        }
    }
}
