//! The measurement of a group: Φ and Θ = Φ Ψ.

use cs_solver::{SolverError, dct, gaussian};
use rayclip_run_folder::config::{MatrixKind, MeasurementConfig};

use crate::streams::{Purpose, stream};

/// Seed of the supplement's generator.
const SUPPLEMENT_SEED: u32 = 42_424_242;

/// Seed of the matrices that all replicas share. In practice no replica has it: it is 2⁶⁴ − 1, and seeds count up
/// from the configured one.
const SHARED_SEED: u64 = u64::MAX;

/// The matrices of one group of one replica, row-major.
pub(crate) struct Measurement {
    /// Φ, `[n, m]`.
    pub(crate) phi: Vec<f64>,
    /// Θ, `[n, m]`.
    pub(crate) theta: Vec<f64>,
}

impl Measurement {
    /// Draws Φ for `n` measurements of `m` neurons.
    ///
    /// # Errors
    /// `m < 2`.
    pub(crate) fn draw(
        config: &MeasurementConfig,
        [n, m]: [usize; 2],
        seed: u64,
        position: [usize; 2],
    ) -> Result<Self, SolverError> {
        let phi = match config.matrix {
            MatrixKind::Keyed | MatrixKind::Shared => {
                let seed = if config.matrix == MatrixKind::Keyed { seed } else { SHARED_SEED };
                let mut rng = stream(seed, Purpose::Measurement, position);
                gaussian::standard_normal(n * m, &mut rng)
            }
            MatrixKind::Numpy => gaussian::numpy_standard_normal(n * m, SUPPLEMENT_SEED),
        };
        let mut theta = phi.clone();
        dct::transform_rows(&mut theta, m)?;
        Ok(Self { phi, theta })
    }

    /// Returns `Φ w`.
    pub(crate) fn of(&self, w: &[f64]) -> Vec<f64> {
        self.phi.chunks(w.len()).map(|row| row.iter().zip(w).map(|(a, b)| a * b).sum()).collect()
    }
}
