//! The iteration in tensor operations, on the rotated problem.

use burn::tensor::{Device, Int, Tensor};

use super::spectrum::Spectrum;
use super::{BLOCK, LONG, NECESSARY, RELAXATION, SUFFICIENT, rho};
use crate::answer::Column;
use crate::device::{Iteration, Points, Upload, copy, matrices};
use crate::error::SolverError;
use crate::kernels::{HalpernConstants, Shape, halpern_block};
use crate::operator::{Operator, apply_transposed};
use crate::problem::Problem;
use crate::settings::Algorithm;
use crate::tensor::{max_abs, relative_gap, row_product, soft_threshold, sum_of_products};

const CONSTANTS: HalpernConstants = HalpernConstants {
    sufficient_squared: (SUFFICIENT * SUFFICIENT) as f32,
    necessary_squared: (NECESSARY * NECESSARY) as f32,
    long: LONG as f32,
    relaxation: RELAXATION as f32,
};

/// A batch: the columns of all groups.
pub(crate) struct Batch {
    spectra: Vec<Spectrum>,
    /// `VᵀA`, `[group, n, m]`.
    a: Tensor<3>,
    /// Its transpose, `[group, m, n]`.
    a_transposed: Tensor<3>,
    /// `Vᵀy`, `[group, column, n]`.
    y: Tensor<3>,
    /// `(ρ/2 + Λ)⁻¹`, `[group, column, n]`.
    inverse: Tensor<3>,
    /// `[group, column, 1]`, as all fields below except for w and the anchor.
    lambda: Tensor<3>,
    rho: Tensor<3>,
    /// `[group, column, m]`.
    w: Tensor<3>,
    anchor: Tensor<3>,
    /// Iterations since the anchor was set.
    since: Tensor<3>,
    /// ‖f‖² at that time.
    square_at_anchor: Tensor<3>,
    iterations: usize,
    /// The kernel, if it runs the iterations.
    kernel: Option<Shape>,
}

/// The starting points of the columns of a group.
struct Prepared {
    /// `Vᵀy`, `[column, n]`.
    rotated: Vec<f64>,
    /// `A⁺y`, `[column, m]`.
    least_norm: Vec<f64>,
    /// `[column]`.
    rho: Vec<f64>,
}

impl Prepared {
    fn of(a: &dyn Operator, spectrum: &Spectrum, columns: &[Column<'_>]) -> Self {
        let (n, m) = (a.rows(), a.columns());
        let y: Vec<f64> = columns.iter().flat_map(|column| column.y).copied().collect();
        let rotated = spectrum.rotate(&y);
        let inverted: Vec<f64> =
            rotated.chunks(n).flat_map(|y| spectrum.pseudo_inverse(y)).collect();
        let mut least_norm = vec![0.0; columns.len() * m];
        a.apply_transposed(&spectrum.rotate_back(&inverted), &mut least_norm);
        let rho = least_norm.chunks(m).zip(columns).map(|(x, column)| rho(x, column.lambda));
        Self { rotated, rho: rho.collect(), least_norm }
    }
}

/// The points of one iteration.
struct Step {
    z: Tensor<3>,
    t: Tensor<3>,
    /// `Aᵀt`, `[group, column, m]`.
    correction: Tensor<3>,
}

impl Batch {
    /// Factors every operator on the host, and uploads the rotated problems.
    ///
    /// # Errors
    /// An operator is not a matrix, a buffer is too large for the device, or a factorisation fails.
    pub(crate) fn start(
        problem: &Problem,
        columns: &[Vec<Column<'_>>],
        device: &Device,
    ) -> Result<Self, SolverError> {
        let (n, m) = (problem.rows(), problem.coefficients());
        let upload = Upload::new(columns, device);
        upload.check_buffers(n, m)?;
        let (operators, matrices) = (problem.operators(), matrices(problem, Algorithm::Halpern)?);
        let spectra: Vec<Spectrum> =
            operators.iter().map(|a| Spectrum::of(a.as_ref())).collect::<Result<_, _>>()?;
        let prepared: Vec<Prepared> = (operators.iter().zip(&spectra).zip(columns))
            .map(|((a, spectrum), columns)| Prepared::of(a.as_ref(), spectrum, columns))
            .collect();
        let w = upload.vectors(m, |group, index, column, w| {
            let Prepared { least_norm, rho, .. } = &prepared[group];
            match &column.start {
                None => copy(&least_norm[index * m..(index + 1) * m], w),
                Some(start) => {
                    let slopes = apply_transposed(operators[group].as_ref(), &start.nu);
                    let shifted = start.x.iter().zip(slopes);
                    let shifted = shifted.map(|(x, slope)| x + slope / rho[index]);
                    copy(&shifted.collect::<Vec<f64>>(), w);
                }
            }
        });
        let rotated = matrices.into_iter().zip(&spectra);
        let rotated: Vec<f64> = rotated.flat_map(|(a, spectrum)| spectrum.rotate_rows(a)).collect();
        let [a, a_transposed] = upload.matrices(&rotated, n, m);
        let lambda = upload.numbers(|_, _, column| column.lambda);
        Ok(Self {
            a_transposed,
            a,
            y: upload.vectors(n, |group, index, _, y| {
                copy(&prepared[group].rotated[index * n..(index + 1) * n], y);
            }),
            inverse: upload.vectors(n, |group, index, _, inverse| {
                let half = 0.5 * prepared[group].rho[index];
                let values = spectra[group].values.iter().map(|value| (half + value).recip());
                copy(&values.collect::<Vec<f64>>(), inverse);
            }),
            rho: upload.numbers(|group, index, _| prepared[group].rho[index]),
            anchor: w.clone(),
            since: lambda.zeros_like(),
            square_at_anchor: lambda.zeros_like().add_scalar(f32::MAX),
            lambda,
            w,
            spectra,
            iterations: 0,
            kernel: Shape::suiting(device, [columns.len(), upload.width(), n, m], 3),
        })
    }

    #[cfg(test)]
    pub(crate) fn has_kernel(&self) -> bool {
        self.kernel.is_some()
    }

    #[cfg(test)]
    pub(crate) fn without_kernel(&mut self) {
        self.kernel = None;
    }

    /// Does the same as many calls of [`Self::iterate`], in few launches.
    fn launch(&mut self, shape: Shape, iterations: usize, open: Tensor<3>) {
        let m = self.w.dims()[2];
        let measured = Tensor::cat(vec![self.y.clone(), self.inverse.clone()], 2);
        let threshold = self.lambda.clone() / self.rho.clone();
        let parameters = Tensor::cat(vec![threshold, open], 2);
        let state = vec![
            self.w.clone(),
            self.anchor.clone(),
            self.since.clone(),
            self.square_at_anchor.clone(),
        ];
        let mut state = Tensor::cat(state, 2);
        let mut left = iterations;
        while left > 0 {
            let now = shape.iterations(left);
            let (a, a_transposed) = (self.a.clone(), self.a_transposed.clone());
            let inputs = [a, a_transposed, measured.clone(), parameters.clone(), state];
            state = halpern_block(inputs, CONSTANTS, self.iterations, now);
            self.iterations += now;
            left -= now;
        }
        self.w = state.clone().narrow(2, 0, m);
        self.anchor = state.clone().narrow(2, m, m);
        self.since = state.clone().narrow(2, 2 * m, 1);
        self.square_at_anchor = state.narrow(2, 2 * m + 1, 1);
    }

    fn step(&self) -> Step {
        let z = soft_threshold(self.w.clone(), self.lambda.clone() / self.rho.clone());
        let v = z.clone().mul_scalar(2.0) - self.w.clone();
        let t = (self.y.clone() - row_product(v, self.a_transposed.clone())) * self.inverse.clone();
        let correction = row_product(t.clone(), self.a.clone());
        Step { z, t, correction }
    }

    fn iterate(&mut self) {
        let Step { z, correction, .. } = self.step();
        let f = z - self.w.clone() + correction;
        let square = sum_of_products(f.clone(), f.clone());
        // Any ‖f‖ is small compared with the first value here, so the first iteration sets the anchor.
        let ratio = square.clone() / self.square_at_anchor.clone();
        let sufficient = ratio.clone().lower_equal_elem(SUFFICIENT * SUFFICIENT);
        let long = self.since.clone().greater_elem(LONG * self.iterations as f64);
        let necessary = ratio.lower_equal_elem(NECESSARY * NECESSARY);
        let restarts = sufficient.bool_or(long.bool_and(necessary));
        let wide = restarts.clone().expand(self.w.dims());
        self.anchor = self.anchor.clone().mask_where(wide, self.w.clone());
        self.since = self.since.clone().mask_fill(restarts.clone(), 0.0);
        self.square_at_anchor = self.square_at_anchor.clone().mask_where(restarts, square);
        let rest = self.since.clone().add_scalar(2.0).recip();
        let moved = self.w.clone() + f.mul_scalar(RELAXATION);
        self.w = moved.clone() + (self.anchor.clone() - moved) * rest;
        self.since = self.since.clone().add_scalar(1.0);
        self.iterations += 1;
    }
}

impl Iteration for Batch {
    const BLOCK: usize = BLOCK;
    // This is for the gap, which does not change much between two restarts.
    const PROGRESS: f64 = 2e-2;
    const PATIENCE: f32 = 40.0;

    fn advance(&mut self, iterations: usize, open: Tensor<3>) {
        match self.kernel {
            Some(shape) => self.launch(shape, iterations, open),
            None => (0..iterations).for_each(|_| self.iterate()),
        }
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn points(&self) -> Points {
        let Step { z, t, correction } = self.step();
        let residual = self.y.clone() - row_product(z.clone(), self.a_transposed.clone());
        let primal = sum_of_products(residual.clone(), residual)
            + z.clone().abs().sum_dim(2) * self.lambda.clone();
        let product = sum_of_products(t.clone(), self.y.clone());
        let square = sum_of_products(t.clone(), t.clone());
        let largest = max_abs(correction);
        let (gap, _) = relative_gap(&primal, &self.lambda, &largest, product, square);
        let nu = t * self.rho.clone();
        Points { x: z, nu, merit: gap.clone(), gap }
    }

    fn keep(&mut self, indices: &Tensor<1, Int>) {
        for tensor in [
            &mut self.y,
            &mut self.inverse,
            &mut self.lambda,
            &mut self.rho,
            &mut self.w,
            &mut self.anchor,
            &mut self.since,
            &mut self.square_at_anchor,
        ] {
            *tensor = tensor.clone().select(1, indices.clone());
        }
    }

    fn dual_points(&self, group: usize, nu: &[f64]) -> Vec<f64> {
        self.spectra[group].rotate_back(nu)
    }

    /// Returns the operations of the decomposition and of the rotation of A.
    fn setup_flops(&self) -> f64 {
        let [_, _, m] = self.a.dims();
        let of_one = |spectrum: &Spectrum| spectrum.flops(m) + m as f64 * spectrum.rotation_flops();
        self.spectra.first().map_or(0.0, of_one)
    }
}
