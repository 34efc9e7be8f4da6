//! Batched sparse reconstruction (LASSO): solves `min ‖A x − y‖² + λ ‖x‖₁` (no ½) for many `y` together, and
//! certifies every answer.
//!
//! ```
//! use cs_solver::{Lambda, Matrix, Problem, Settings};
//!
//! let a = Matrix::from_rows(2, 3, [1.0, 0.5, 0.0, 0.0, 0.5, 1.0])?;
//! let y = [1.0, 2.0, /* the next column */ 0.0, -1.0];
//! let problem = Problem::new(a, &y, Lambda::Fixed(0.1))?;
//! for solution in problem.solve(&Settings::default())?.columns() {
//!     assert!(solution.certificate().relative_gap < 1e-4);
//!     println!("{:?}: {:?}", solution.status(), solution.x());
//! }
//! # Ok::<(), cs_solver::SolverError>(())
//! ```
//!
//! This example runs on a device, with one matrix for each group of columns, and along a path of weights:
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use cs_solver::{Algorithm, Lambda, Problem, Settings};
//!
//! let device = Device::flex(); // or a GPU
//! let a = Tensor::<3>::random([4, 8, 20], Distribution::Default, &device); // [group, n, m]
//! let y = Tensor::<3>::random([4, 8, 5], Distribution::Default, &device); // [group, n, column]
//! let problem = Problem::from_tensors(&a, &y, Lambda::Ratio(0.1))?;
//! let settings = Settings { algorithm: Algorithm::Halpern, ..Settings::default() };
//! let solutions = problem.solve(&settings)?;
//! assert_eq!(solutions.columns().len(), 20);
//! // each weight starts from the solution of the previous one
//! let weights = [0.5, 0.2, 0.1].map(Lambda::Ratio);
//! let path = problem.path(&settings, &weights)?;
//! assert!(path.iter().all(|solutions| solutions.converged()));
//! # Ok::<(), cs_solver::SolverError>(())
//! ```
//!
//! | algorithm | arithmetic | where | for |
//! |---|---|---|---|
//! | [`homotopy`] | f64, exact up to rounding | host, columns in lockstep | n up to about a thousand; the polish |
//! | [`descent`] | f64 | host | λ not far below `λ_max`, large matrices |
//! | [`ssnal`] | f64 | host | larger n |
//! | [`halpern`] | f32 | any Burn device, the whole batch together | large batches on a GPU |
//! | | f64 | host | operators that are not stored as a matrix |
//! | [`fista`] | f32 | any Burn device, the whole batch together | λ not far below `λ_max` |
//!
//! [`auto`] says how an algorithm is chosen. For every algorithm, the [`certificate`] is computed in f64 on the
//! host, and a column that misses the tolerance is polished there. The operators are [`Matrix`],
//! [`SubsampledDct`], or your own [`Operator`]; [`gaussian`] and [`dct`] make the measurement matrices of
//! compressed sensing. This crate knows nothing of networks.

mod answer;
pub mod auto;
mod batched;
pub mod certificate;
pub mod dct;
pub mod descent;
mod device;
mod error;
pub mod fista;
pub mod gaussian;
pub mod halpern;
pub mod homotopy;
mod interrupter;
mod kernels;
mod operator;
mod problem;
mod settings;
mod solution;
mod solve;
pub mod ssnal;
mod status;
pub mod synthetic;
mod tensor;
mod vector;

pub use certificate::Certificate;
pub use error::SolverError;
pub use interrupter::Interrupter;
pub use operator::{Matrix, Operator, Order, Rounding, SubsampledDct};
pub use problem::{Lambda, Problem};
pub use settings::{Algorithm, Settings};
pub use solution::{Solution, Solutions};
pub use status::Status;
