//! A batch of problems: each group has one operator and the right-hand sides that share it.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use crate::answer::{Column, Units};
use crate::error::SolverError;
use crate::interrupter::Interrupter;
use crate::operator::Matrix;
use crate::operator::{Operator, in_units};
use crate::vector::{exponent_of, max_norm, times_power_of_two};

/// The weight λ of the ℓ₁ norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lambda {
    /// The same for every column.
    Fixed(f64),
    /// This fraction of each column's own `λ_max = 2‖Aᵀy‖∞`. At `λ_max` and above, the solution is zero.
    Ratio(f64),
}

/// `min ‖A_g x − y‖² + λ ‖x‖₁` for every group `g` and each of its right-hand sides `y`.
///
/// See the [crate's page](crate) for an example.
#[derive(Debug, Clone)]
pub struct Problem {
    /// One per group, scaled so that its largest entry is about 1.
    operators: Vec<Arc<dyn Operator>>,
    /// `[group, column, n]`, each column scaled in the same way.
    y: Vec<f64>,
    /// `[group, column]`.
    units: Vec<Units>,
    /// `[group, column]`, in the caller's units.
    lambdas: Vec<f64>,
    device: Option<Device>,
    interrupter: Interrupter,
}

impl Problem {
    /// Makes a problem from host memory, with one operator for all right-hand sides.
    ///
    /// # Shapes
    /// `y`: `[column, n]`, one column after the other; without columns, the batch is empty.
    ///
    /// # Errors
    /// Extents disagree or are larger than memory can address, an entry is not finite, or `lambda` is not
    /// positive.
    pub fn new(a: impl Operator + 'static, y: &[f64], lambda: Lambda) -> Result<Self, SolverError> {
        Self::grouped(vec![Arc::new(a)], y, lambda)
    }

    /// Makes a problem from host memory, with one operator per group of right-hand sides.
    ///
    /// The sizes are checked here: no product of extents in a solve can overflow.
    ///
    /// # Shapes
    /// `operators`: `[group]`, all of one shape `[n, m]`; `y`: `[group, column, n]`.
    ///
    /// # Errors
    /// As [`Problem::new`].
    pub fn grouped(
        operators: Vec<Arc<dyn Operator>>,
        y: &[f64],
        lambda: Lambda,
    ) -> Result<Self, SolverError> {
        let groups = operators.len();
        SolverError::check_at_least("groups", 1, groups)?;
        let (n, m) = (operators[0].rows(), operators[0].columns());
        SolverError::check_at_least("rows of the operators", 1, n)?;
        SolverError::check_at_least("columns of the operators", 1, m)?;
        for operator in &operators {
            SolverError::check_extent("rows of an operator of the batch", n, operator.rows())?;
            SolverError::check_extent(
                "columns of an operator of the batch",
                m,
                operator.columns(),
            )?;
        }
        // A and A Aᵀ of all groups; then two vectors and two numbers per column, as the kernels need them.
        SolverError::check_product("the operators", &[groups, n, n.max(m)])?;
        SolverError::check_product("the coefficients", &[y.len() / n, m + 1, 2])?;
        let whole = y.len() / (n * groups) * n * groups;
        SolverError::check_extent("entries of y in whole columns", whole, y.len())?;
        SolverError::check_finite("y", y)?;
        let exponents: Vec<i32> = y.chunks(n).map(exponent_of).collect();
        let scaled = |(y, exponent): (&[f64], &i32)| {
            y.iter().map(|y| times_power_of_two(*y, -exponent)).collect::<Vec<_>>()
        };
        let y: Vec<f64> = y.chunks(n).zip(&exponents).flat_map(scaled).collect();
        let a_group = y.len() / groups;
        let operators = operators.into_iter().enumerate();
        let (operators, exponents_of_a): (Vec<_>, Vec<i32>) = operators
            .map(|(group, a)| in_units(a, &y[group * a_group..(group + 1) * a_group]))
            .unzip();
        let columns = (exponents.len() / groups).max(1);
        let units = exponents.iter().enumerate();
        let units = units.map(|(at, y)| Units { a: exponents_of_a[at / columns], y: *y }).collect();
        let interrupter = Interrupter::default();
        let mut problem = Self { operators, y, units, lambdas: vec![], device: None, interrupter };
        problem.lambdas = problem.resolve(lambda)?;
        Ok(problem)
    }

    /// Makes a problem from a batch of tensors, to be solved on their device.
    ///
    /// The tensors are read once. The certificate in f64 is for exactly their values.
    ///
    /// # Shapes
    /// `a`: `[group, n, m]`, `y`: `[group, n, column]`.
    ///
    /// # Errors
    /// As [`Problem::new`], or the device fails.
    pub fn from_tensors(a: &Tensor<3>, y: &Tensor<3>, lambda: Lambda) -> Result<Self, SolverError> {
        let ([groups, n, m], [groups_of_y, n_of_y, columns]) = (a.dims(), y.dims());
        SolverError::check_extent("groups of y", groups, groups_of_y)?;
        SolverError::check_extent("rows of y", n, n_of_y)?;
        SolverError::check_at_least("rows of a", 1, n)?;
        SolverError::check_at_least("columns of a", 1, m)?;
        let device = a.device();
        let entries = read(a.clone())?;
        let operators = entries
            .chunks(n * m)
            .map(|entries| {
                Matrix::from_rows(n, m, entries).map(|a| Arc::new(a) as Arc<dyn Operator>)
            })
            .collect::<Result<_, _>>()?;
        let y = if columns == 0 { vec![] } else { read(y.clone().swap_dims(1, 2))? };
        Ok(Self::grouped(operators, &y, lambda)?.on(&device))
    }

    /// Returns the same problem, with `device` for Halpern and FISTA if the operator is stored as a matrix.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        Self { device: Some(device.clone()), ..self }
    }

    /// Returns the same problem, with an object that ends its solves early. They return
    /// [`SolverError::Interrupted`].
    #[must_use]
    pub fn interrupted_by(self, interrupter: &Interrupter) -> Self {
        Self { interrupter: interrupter.clone(), ..self }
    }

    /// Returns the same problem with another λ.
    ///
    /// # Errors
    /// `lambda` is not positive.
    pub fn with_lambda(&self, lambda: Lambda) -> Result<Self, SolverError> {
        Ok(Self { lambdas: self.resolve(lambda)?, ..self.clone() })
    }

    /// Returns the length of a measurement, `n`.
    pub fn rows(&self) -> usize {
        self.operators[0].rows()
    }

    /// Returns the number of coefficients, `m`.
    pub fn coefficients(&self) -> usize {
        self.operators[0].columns()
    }

    /// Returns the number of groups.
    pub fn groups(&self) -> usize {
        self.operators.len()
    }

    /// Returns the number of right-hand sides of a group.
    pub fn columns_per_group(&self) -> usize {
        self.lambdas.len() / self.groups()
    }

    /// Returns λ of every column, `[group, column]`.
    pub fn lambdas(&self) -> &[f64] {
        &self.lambdas
    }

    /// Returns `λ_max = 2‖Aᵀy‖∞` of every column, `[group, column]`; infinite if it is too large for f64.
    pub fn lambda_max(&self) -> Vec<f64> {
        let scaled = self.scaled_lambda_max().into_iter().zip(&self.units);
        scaled.map(|(max, units)| times_power_of_two(max, units.lambda())).collect()
    }

    /// Returns the smallest `λ/λ_max` of a column; infinite if all `λ_max` are zero.
    pub(crate) fn smallest_ratio(&self) -> f64 {
        let weights = self.lambdas.iter().zip(&self.units);
        let ratios = weights.zip(self.scaled_lambda_max());
        ratios
            .map(|((lambda, units), max)| scaled_lambda(*lambda, *units) / max)
            .fold(f64::INFINITY, f64::min)
    }

    /// Returns `λ_max` in the units of each column.
    fn scaled_lambda_max(&self) -> Vec<f64> {
        let a_group = self.y.len() / self.groups();
        let groups = self.operators.iter().zip(self.y.chunks(a_group.max(1)));
        let largest = groups.flat_map(|(a, y)| {
            let mut correlations = vec![0.0; y.len() / a.rows() * a.columns()];
            a.apply_transposed(y, &mut correlations);
            correlations.chunks(a.columns()).map(|c| 2.0 * max_norm(c)).collect::<Vec<_>>()
        });
        largest.collect()
    }

    /// Returns the device that Halpern and FISTA run on, if one was given.
    pub fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    pub(crate) fn interrupter(&self) -> &Interrupter {
        &self.interrupter
    }

    pub(crate) fn operators(&self) -> &[Arc<dyn Operator>] {
        &self.operators
    }

    /// Returns the columns of the group `group`, without starting points.
    pub(crate) fn group(&self, group: usize) -> Vec<Column<'_>> {
        let (n, columns) = (self.rows(), self.columns_per_group());
        (group * columns..(group + 1) * columns)
            .map(|column| Column {
                y: &self.y[column * n..(column + 1) * n],
                lambda: scaled_lambda(self.lambdas[column], self.units[column]),
                units: self.units[column],
                start: None,
                interrupter: &self.interrupter,
            })
            .collect()
    }

    fn resolve(&self, lambda: Lambda) -> Result<Vec<f64>, SolverError> {
        let columns = self.y.len() / self.rows();
        match lambda {
            Lambda::Fixed(value) => {
                SolverError::check_lambda(value)?;
                Ok(vec![value; columns])
            }
            Lambda::Ratio(ratio) => {
                SolverError::check_lambda(ratio)?;
                // If y is orthogonal to A, every positive weight gives zero.
                let weight = |max: f64| if max > 0.0 { ratio * max } else { ratio };
                let lambdas: Vec<f64> = self.lambda_max().into_iter().map(weight).collect();
                let is_none = |lambda: &f64| SolverError::check_lambda(*lambda).is_err();
                match lambdas.iter().position(is_none) {
                    None => Ok(lambdas),
                    Some(column) => {
                        let lambda = lambdas[column];
                        Err(SolverError::LambdaRatio { column, ratio, lambda })
                    }
                }
            }
        }
    }
}

/// Returns λ in the units of a column. A value outside the range of f64 is replaced by the nearest one: far above
/// `λ_max` every weight gives zero, and no certificate can show a weight far below all digits of A and y.
fn scaled_lambda(lambda: f64, units: Units) -> f64 {
    const MOST: f64 = 1e300;
    times_power_of_two(lambda, -units.lambda()).clamp(f64::MIN_POSITIVE, MOST)
}

/// Returns the values of a tensor, in f64.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f64>, SolverError> {
    tensor.try_into_vec_as().map_err(|error| SolverError::Device(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operator with extents that are too large for any memory.
    #[derive(Debug)]
    struct Endless;

    impl Operator for Endless {
        fn rows(&self) -> usize {
            1 << 40
        }
        fn columns(&self) -> usize {
            1 << 40
        }
        fn apply(&self, _: &[f64], _: &mut [f64]) {}
        fn apply_transposed(&self, _: &[f64], _: &mut [f64]) {}
        fn select(&self, _: &[usize], _: &mut [f64]) {}
    }

    #[test]
    fn extents_that_no_memory_has_are_refused() {
        let refused = Problem::new(Endless, &[], Lambda::Fixed(1.0)).map(|problem| problem.rows());
        let expected = SolverError::check_product("the operators", &[1, 1 << 40, 1 << 40]);
        assert!(refused.is_err() && refused == expected, "{refused:?}");
    }
}
