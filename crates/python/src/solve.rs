//! Solves beside the interpreter: other Python threads run, and Ctrl-C ends the solve.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use cs_solver::{Interrupter, Problem, Settings, Solutions, SolverError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A solve with fewer multiplications per product with A ends before anyone could interrupt it.
const LONG: usize = 1 << 20;

/// How often a long solve looks for Ctrl-C.
const GLANCE: Duration = Duration::from_millis(50);

/// The result of a solve.
type Solved = Result<Solutions, SolverError>;

/// Solves a problem. Returns the error that Python's handler of a signal raises, after the solve has ended.
pub(crate) fn solve(py: Python<'_>, problem: Problem, settings: &Settings) -> PyResult<Solved> {
    let columns = problem.groups() * problem.columns_per_group();
    let product = problem.rows().saturating_mul(problem.coefficients());
    if product.saturating_mul(columns) < LONG {
        return Ok(py.detach(|| with_threads(|| problem.solve(settings))));
    }
    let interrupter = Interrupter::default();
    let problem = &problem.interrupted_by(&interrupter);
    let (caller, done) = (thread::current(), &AtomicBool::new(false));
    thread::scope(|scope| {
        let solving = scope.spawn(move || {
            let solved = with_threads(|| problem.solve(settings));
            done.store(true, Ordering::Release);
            caller.unpark();
            solved
        });
        let mut signalled = Ok(());
        while !done.load(Ordering::Acquire) && !solving.is_finished() {
            py.detach(|| thread::park_timeout(GLANCE));
            if signalled.is_ok() {
                signalled = py.check_signals();
            }
            if signalled.is_err() {
                interrupter.interrupt();
            }
        }
        let solved = solving.join();
        signalled?;
        solved.map_err(|_| PyRuntimeError::new_err("the solver panicked, because of a bug in it"))
    })
}

/// Runs `action` with the threads of this process. After a fork, those of the parent are gone; then there are new ones.
fn with_threads<T: Send>(action: impl FnOnce() -> T + Send) -> T {
    /// The process that the global threads belong to.
    static FIRST: OnceLock<u32> = OnceLock::new();
    /// The threads of a forked process.
    static FORKED: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    if *FIRST.get_or_init(|| process) == process {
        return action();
    }
    let pool = {
        let mut forked = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*forked {
            Some((owner, pool)) if *owner == process => Some(Arc::clone(pool)),
            _ => {
                let pool = ThreadPoolBuilder::new().build().ok().map(Arc::new);
                // The pool of a parent has no threads here that could be ended.
                std::mem::forget(std::mem::replace(
                    &mut *forked,
                    pool.clone().map(|pool| (process, pool)),
                ));
                pool
            }
        }
    };
    match pool {
        Some(pool) => pool.install(action),
        None => action(),
    }
}
