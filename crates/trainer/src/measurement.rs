//! The measurement of a layer: Φ and Θ = Φ Ψ.

use cs_solver::{SolverError, dct, gaussian};

use crate::config::{MatrixKind, MeasurementConfig};
use crate::streams::{Purpose, stream};

/// Seed of the supplement's generator.
const SUPPLEMENT_SEED: u32 = 42_424_242;

/// Seed of the matrices that all replicas share; no replica has it before 2⁶⁴ − 1 others.
const SHARED_SEED: u64 = u64::MAX;

/// The matrices of one layer of one replica, row-major.
pub(crate) struct Measurement {
    /// Number of measurements, `n`.
    pub(crate) n: usize,
    /// Φ, `[n, m]`.
    pub(crate) phi: Vec<f64>,
    /// Θ, `[n, m]`.
    pub(crate) theta: Vec<f64>,
}

impl Measurement {
    /// Draws Φ for `m` neurons.
    ///
    /// # Errors
    /// `m < 2`.
    pub(crate) fn draw(
        config: &MeasurementConfig,
        keep: f64,
        m: usize,
        seed: u64,
        position: [usize; 2],
    ) -> Result<Self, SolverError> {
        let n = config.count(m, keep);
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
        Ok(Self { n, phi, theta })
    }

    /// `Φ w`.
    pub(crate) fn of(&self, w: &[f64]) -> Vec<f64> {
        self.phi.chunks(w.len()).map(|row| row.iter().zip(w).map(|(a, b)| a * b).sum()).collect()
    }
}
