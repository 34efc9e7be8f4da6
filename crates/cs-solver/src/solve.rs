//! Solves a problem and certifies the solutions.

use std::time::Instant;

use rayon::prelude::*;
use tracing::info_span;

use crate::answer::{Answer, Column, Start};
use crate::certificate::PRODUCTS;
use crate::error::SolverError;
use crate::operator::{Operator, apply_transposed, product_flops};
use crate::problem::{Lambda, Problem};
use crate::settings::{Algorithm, Settings};
use crate::solution::{Solution, Solutions};
use crate::status::Status;
use crate::vector::max_norm;
use crate::{auto, batched, descent, device, halpern, homotopy, ssnal};

/// The smallest gap that an iteration in f32 reaches without polish.
const LEAST_TOLERANCE_F32: f64 = 1e-5;

impl Problem {
    /// Solves every column.
    ///
    /// # Errors
    /// The tolerance cannot be reached, the algorithm cannot be used for the problem, the device fails, or the solve
    /// is interrupted. A column that does not converge has a [`Status`](crate::status::Status) instead of an error.
    pub fn solve(&self, settings: &Settings) -> Result<Solutions, SolverError> {
        self.solve_each(settings, &[])
    }

    /// Solves every column, starting from the solution of another problem of the same shape: with another λ, or
    /// with slightly different measurements.
    ///
    /// A start that is good enough is returned without an iteration.
    ///
    /// # Errors
    /// As [`Problem::solve`], or `start` has another shape.
    pub fn solve_from(
        &self,
        settings: &Settings,
        start: &Solutions,
    ) -> Result<Solutions, SolverError> {
        SolverError::check_extent(
            "columns of the start",
            self.lambdas().len(),
            start.columns.len(),
        )?;
        if let Some(first) = start.columns.first() {
            SolverError::check_extent(
                "coefficients of the start",
                self.coefficients(),
                first.x().len(),
            )?;
            SolverError::check_extent("dual entries of the start", self.rows(), first.nu().len())?;
        }
        self.solve_each(settings, &start.columns)
    }

    /// Solves for several λ. Each starts from the solution of the previous one, so they are best in descending order.
    ///
    /// # Errors
    /// As [`Problem::solve`], or a λ is not positive.
    pub fn path(
        &self,
        settings: &Settings,
        lambdas: &[Lambda],
    ) -> Result<Vec<Solutions>, SolverError> {
        let mut path: Vec<Solutions> = Vec::with_capacity(lambdas.len());
        for lambda in lambdas {
            let problem = self.with_lambda(*lambda)?;
            path.push(match path.last() {
                Some(previous) => problem.solve_from(settings, previous)?,
                None => problem.solve(settings)?,
            });
        }
        Ok(path)
    }

    /// Certifies coefficients from any source, with the dual point of their residual.
    ///
    /// # Shapes
    /// `x`: `[group, column, m]`.
    ///
    /// # Errors
    /// `x` has another length, or the tolerance cannot be reached.
    pub fn certify(&self, x: &[f64], tolerance: f64) -> Result<Solutions, SolverError> {
        self.certify_with(x, &vec![0.0; self.lambdas().len() * self.rows()], tolerance)
    }

    /// Certifies coefficients and dual points from any source. A dual point need not be feasible; the one of the
    /// residual is used if it is better.
    ///
    /// # Shapes
    /// `x`: `[group, column, m]`, `nu`: `[group, column, n]`.
    ///
    /// # Errors
    /// `x` or `nu` has another length, or the tolerance cannot be reached.
    pub fn certify_with(
        &self,
        x: &[f64],
        nu: &[f64],
        tolerance: f64,
    ) -> Result<Solutions, SolverError> {
        let began = Instant::now();
        let (n, m) = (self.rows(), self.coefficients());
        SolverError::check_extent("entries of x", self.lambdas().len() * m, x.len())?;
        SolverError::check_extent("entries of nu", self.lambdas().len() * n, nu.len())?;
        SolverError::check_tolerance(tolerance, Settings::LEAST_TOLERANCE, "in f64")?;
        let a_group = self.columns_per_group();
        let columns: Vec<Column<'_>> =
            (0..self.groups()).flat_map(|group| self.group(group)).collect();
        let certified = |index: usize| {
            let (column, a) = (&columns[index], self.operators()[index / a_group].as_ref());
            let x = &x[index * m..(index + 1) * m];
            let Start { x, nu } = Start::of(x, &nu[index * n..(index + 1) * n], column.units);
            let answer = Answer { x, nu, iterations: 0, flops: 0.0, status: Status::Missed };
            Solution::checked(a, column, answer, tolerance)
        };
        let columns = (0..columns.len()).into_par_iter().map(certified).collect();
        let seconds = began.elapsed().as_secs_f64();
        Ok(Solutions { columns, algorithm: Algorithm::Auto, seconds })
    }

    fn solve_each(
        &self,
        settings: &Settings,
        starts: &[Solution],
    ) -> Result<Solutions, SolverError> {
        let began = Instant::now();
        let algorithm = match settings.algorithm {
            Algorithm::Auto => auto::choose(self),
            other => other,
        };
        self.check(settings, algorithm)?;
        let mut columns: Vec<Option<Solution>> = self.kept(settings, starts);
        let work = Work::of(self, starts, &columns);
        if work.columns.iter().any(|group| !group.is_empty()) {
            let columns_left = work.indices.len();
            let answers = info_span!("solve", algorithm = algorithm.name(), columns = columns_left)
                .in_scope(|| work.answers(algorithm, settings))?;
            self.check_interrupted()?;
            let certified =
                info_span!("certificate").in_scope(|| work.certified(answers, settings));
            for (index, solution) in work.indices.iter().zip(certified) {
                columns[*index] = Some(solution);
            }
        }
        self.check_interrupted()?;
        let solved = columns.into_iter().enumerate();
        let solved =
            solved.map(|(column, solution)| solution.ok_or(SolverError::Unanswered { column }));
        let columns = solved.collect::<Result<_, _>>()?;
        Ok(Solutions { columns, algorithm, seconds: began.elapsed().as_secs_f64() })
    }

    fn check(&self, settings: &Settings, algorithm: Algorithm) -> Result<(), SolverError> {
        let dense = self.operators().iter().all(|a| a.as_matrix().is_some());
        let single = device::is_used(algorithm, dense);
        let (least, why) = if single && !settings.polish {
            (LEAST_TOLERANCE_F32, "in f32 without polish")
        } else {
            (Settings::LEAST_TOLERANCE, "in f64")
        };
        SolverError::check_tolerance(settings.tolerance, least, why)?;
        SolverError::check_at_least("most iterations", 1, settings.max_iterations)?;
        if algorithm == Algorithm::Fista && !dense {
            return Err(SolverError::Unsuitable { algorithm, why: device::NO_ENTRIES });
        }
        Ok(())
    }

    fn check_interrupted(&self) -> Result<(), SolverError> {
        if self.interrupter().is_interrupted() { Err(SolverError::Interrupted) } else { Ok(()) }
    }

    /// Returns the solutions of the columns that need no algorithm: λ is at least `λ_max`, or the start is good
    /// enough.
    fn kept(&self, settings: &Settings, starts: &[Solution]) -> Vec<Option<Solution>> {
        let a_group = self.columns_per_group();
        let columns: Vec<Column<'_>> =
            (0..self.groups()).flat_map(|group| self.group(group)).collect();
        let keep = |(index, column): (usize, &Column<'_>)| {
            let a = self.operators()[index / a_group].as_ref();
            let certified = |x: Vec<f64>, nu: Vec<f64>, status| {
                let answer = Answer { x, nu, iterations: 0, flops: product_flops(a), status };
                let solution = Solution::certified(a, column, answer, settings.tolerance);
                (solution.status() == Status::Converged).then_some(solution)
            };
            let nu: Vec<f64> = column.y.iter().map(|y| 2.0 * y).collect();
            if max_norm(&apply_transposed(a, &nu)) <= column.lambda {
                return certified(vec![0.0; a.columns()], nu, Status::Converged);
            }
            let start = starts.get(index)?;
            let Start { x, nu } = start.start(column.units);
            certified(x, nu, start.status())
        };
        columns.par_iter().enumerate().map(keep).collect()
    }
}

/// The columns that are left to solve.
struct Work<'a> {
    problem: &'a Problem,
    /// By group.
    columns: Vec<Vec<Column<'a>>>,
    /// The index of each column's solution.
    indices: Vec<usize>,
}

impl<'a> Work<'a> {
    fn of(problem: &'a Problem, starts: &[Solution], done: &[Option<Solution>]) -> Self {
        let a_group = problem.columns_per_group();
        let mut indices = Vec::new();
        let columns = (0..problem.groups())
            .map(|group| {
                let columns = problem.group(group).into_iter().enumerate();
                columns
                    .map(|(position, column)| (group * a_group + position, column))
                    .filter(|(index, _)| done[*index].is_none())
                    .map(|(index, column)| {
                        indices.push(index);
                        let start = starts.get(index).map(|start| start.start(column.units));
                        Column { start, ..column }
                    })
                    .collect()
            })
            .collect();
        Self { problem, columns, indices }
    }

    /// Returns the answer of the algorithm for every column, group after group.
    fn answers(
        &self,
        algorithm: Algorithm,
        settings: &Settings,
    ) -> Result<Vec<Vec<Answer>>, SolverError> {
        let dense = self.problem.operators().iter().all(|a| a.as_matrix().is_some());
        if device::is_used(algorithm, dense) {
            return batched::solve(self.problem, &self.columns, algorithm, settings);
        }
        let solve = |(a, columns): (&std::sync::Arc<dyn Operator>, &Vec<Column<'_>>)| {
            let a = a.as_ref();
            match algorithm {
                Algorithm::Ssnal => Ok(ssnal::solve(a, columns, settings.tolerance)),
                Algorithm::Descent => Ok(descent::solve(a, columns, settings.tolerance)),
                Algorithm::Halpern => halpern::solve(a, columns, settings),
                _ => Ok(homotopy::solve(a, columns)),
            }
        };
        let groups = self.problem.operators();
        if groups.len() == 1 {
            groups.iter().zip(&self.columns).map(solve).collect()
        } else {
            groups.par_iter().zip(&self.columns).map(solve).collect()
        }
    }

    /// Certifies the answers, and polishes those that miss the tolerance.
    fn certified(&self, answers: Vec<Vec<Answer>>, settings: &Settings) -> Vec<Solution> {
        let operators = self.problem.operators();
        let each: Vec<(&dyn Operator, &Column<'_>, Answer)> = operators
            .iter()
            .zip(&self.columns)
            .zip(answers)
            .flat_map(|((a, columns), answers)| {
                columns
                    .iter()
                    .zip(answers)
                    .map(move |(column, answer)| (a.as_ref(), column, answer))
            })
            .collect();
        each.into_par_iter()
            .map(|(a, column, answer)| {
                // The product for λ_max, and the certificate of a start that was not good enough.
                let looks = if column.start.is_some() { 1.0 + PRODUCTS } else { 1.0 };
                let answer = Answer { flops: answer.flops + looks * product_flops(a), ..answer };
                let solution = Solution::certified(a, column, answer, settings.tolerance);
                if settings.polish { polished(a, column, solution, settings) } else { solution }
            })
            .collect()
    }
}

/// Solves a column exactly if its solution misses the tolerance. It starts from the support of the solution; if
/// that does not converge, from zero.
fn polished(
    a: &dyn Operator,
    column: &Column<'_>,
    solution: Solution,
    settings: &Settings,
) -> Solution {
    let starts = match solution.status() {
        Status::Converged => return solution,
        Status::NonFinite => vec![None],
        _ => vec![Some(solution.start(column.units)), None],
    };
    let mut best = solution;
    for start in starts {
        let from = Column { start, ..column.clone() };
        let exact = homotopy::solve_one(a, &from);
        let exact = Solution::certified(a, column, exact, settings.tolerance);
        let better = exact.certificate().relative_gap < best.certificate().relative_gap;
        best = if better || best.status() == Status::NonFinite {
            exact.after(&best)
        } else {
            best.with_flops_of(&exact)
        };
        if best.status() == Status::Converged {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::gaussian::numpy_standard_normal;
    use crate::interrupter::Interrupter;
    use crate::operator::Matrix;

    /// Counts the products with Aᵀ, and interrupts the solve at the given one.
    #[derive(Debug)]
    struct Counting {
        a: Matrix,
        products: Arc<AtomicUsize>,
        last: usize,
        interrupter: Interrupter,
    }

    impl Operator for Counting {
        fn rows(&self) -> usize {
            self.a.rows()
        }
        fn columns(&self) -> usize {
            self.a.columns()
        }
        fn apply(&self, x: &[f64], product: &mut [f64]) {
            self.a.apply(x, product);
        }
        fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
            if self.products.fetch_add(1, Ordering::Relaxed) == self.last {
                self.interrupter.interrupt();
            }
            self.a.apply_transposed(v, product);
        }
        fn select(&self, ids: &[usize], entries: &mut [f64]) {
            self.a.select(ids, entries);
        }
    }

    /// Solves a problem that needs many products. Returns their number, and how the solve ended.
    fn products(algorithm: Algorithm, last: usize) -> (usize, Result<Solutions, SolverError>) {
        let (products, interrupter) = (Arc::new(AtomicUsize::new(0)), Interrupter::default());
        let a = Matrix::from_rows(60, 200, numpy_standard_normal(60 * 200, 3)).unwrap();
        let (counted, stop) = (Arc::clone(&products), interrupter.clone());
        let a = Counting { a, products: counted, last, interrupter: stop };
        let y = numpy_standard_normal(60, 4);
        let problem = Problem::new(a, &y, Lambda::Ratio(1e-3)).unwrap();
        let settings = Settings { algorithm, tolerance: 1e-10, ..Settings::default() };
        let solved = problem.interrupted_by(&interrupter).solve(&settings);
        (products.load(Ordering::Relaxed), solved)
    }

    #[test]
    fn an_interrupted_solve_ends_early_with_an_error() {
        for algorithm in
            [Algorithm::Homotopy, Algorithm::Descent, Algorithm::Ssnal, Algorithm::Halpern]
        {
            let (all, solved) = products(algorithm, usize::MAX);
            assert!(solved.unwrap().converged(), "{algorithm}");
            let (some, interrupted) = products(algorithm, all / 3);
            assert_eq!(interrupted.unwrap_err(), SolverError::Interrupted, "{algorithm}");
            // The polish and the certificate take a few products more.
            assert!(some < all / 2 + 20, "{algorithm}: {some} of {all}");
        }
    }
}
