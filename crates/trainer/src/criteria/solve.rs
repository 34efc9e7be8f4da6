//! How a reconstruction went.

use cs_solver::{Algorithm, Settings, Solution, Status};
use rayclip_run_folder::config::{self, SolverConfig, SolverStatus};

/// How the solver did on the columns of one group of one replica.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SolveInfo {
    pub(crate) algorithm: &'static str,
    /// The most iterations of any column.
    pub(crate) iterations: usize,
    /// The worst status of any column.
    pub(crate) status: SolverStatus,
    /// Floating-point operations of all columns, as the algorithm counts them: products, factorisations, the polish
    /// and the certificates.
    pub(crate) flops: f64,
}

impl SolveInfo {
    /// Summarises some columns of a batch.
    pub(crate) fn of(algorithm: Algorithm, columns: &[Solution]) -> Self {
        let worst = columns.iter().map(Solution::status).max();
        Self {
            algorithm: algorithm.name(),
            iterations: columns.iter().map(Solution::iterations).max().unwrap_or(0),
            status: worst.map_or(SolverStatus::Converged, status),
            flops: columns.iter().map(Solution::flops).sum(),
        }
    }

    /// Combines this solve with an earlier one.
    pub(crate) fn worse_of(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let iterations = self.iterations.max(earlier.iterations);
        let (status, flops) = (self.status.max(earlier.status), self.flops + earlier.flops);
        Self { iterations, status, flops, ..self }
    }
}

/// Converts the configuration into settings of the solver.
pub(crate) fn settings(config: &SolverConfig) -> Settings {
    let algorithm = match config.algorithm {
        config::Algorithm::Auto => Algorithm::Auto,
        config::Algorithm::Homotopy => Algorithm::Homotopy,
        config::Algorithm::Descent => Algorithm::Descent,
        config::Algorithm::Ssnal => Algorithm::Ssnal,
        config::Algorithm::Halpern => Algorithm::Halpern,
        config::Algorithm::Fista => Algorithm::Fista,
    };
    let SolverConfig { tolerance, max_iterations, .. } = *config;
    Settings { algorithm, tolerance, max_iterations, ..Settings::default() }
}

/// Converts a status of the solver into one of the run folder.
fn status(status: Status) -> SolverStatus {
    match status {
        Status::Converged => SolverStatus::Converged,
        Status::MaxIterations => SolverStatus::MaxIterations,
        Status::Stalled => SolverStatus::Stalled,
        Status::Missed => SolverStatus::Missed,
        Status::NonFinite => SolverStatus::NonFinite,
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    #[test]
    fn the_run_folder_and_the_solver_have_the_same_words() {
        for algorithm in Algorithm::ALL {
            let setting = Setting::parse(&format!("solver.algorithm={algorithm}")).unwrap();
            let layers = Layers { settings: vec![setting], ..Layers::default() };
            assert_eq!(settings(&resolve(&layers).unwrap().solver).algorithm, algorithm);
        }
        let all = [
            Status::Converged,
            Status::MaxIterations,
            Status::Stalled,
            Status::Missed,
            Status::NonFinite,
        ];
        for (worse, theirs) in all.into_iter().enumerate() {
            let ours = status(theirs);
            assert_eq!(ours.to_string(), theirs.to_string());
            let [ours_json, theirs_json] =
                [serde_json::to_string(&ours).unwrap(), serde_json::to_string(&theirs).unwrap()];
            assert_eq!(ours_json, theirs_json);
            assert!(all[..worse].iter().all(|better| status(*better) < ours));
        }
        assert_eq!(config::LEAST_TOLERANCE, Settings::LEAST_TOLERANCE);
    }

    #[test]
    fn of_two_solves_the_worse_is_told_and_the_operations_add_up() {
        let solve =
            |iterations, status, flops| SolveInfo { algorithm: "auto", iterations, status, flops };
        let first = solve(7, SolverStatus::Stalled, 2.0);
        let last = solve(3, SolverStatus::Converged, 5.0);
        let both = last.clone().worse_of(Some(first));
        assert_eq!(both, solve(7, SolverStatus::Stalled, 7.0));
        assert_eq!(last.clone().worse_of(None), last);
    }
}
