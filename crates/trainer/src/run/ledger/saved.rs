//! The part of the ledger that a checkpoint holds: the outcome of every replica. Rows, kept neurons and rays are
//! already on disk (`run/files.rs`).

use rayclip_data::is_obeyed;
use rayclip_run_folder::{CycleRow, Divergence, Outcome, ReplicaSummary, TimingRow, limits};
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::folder::checkpoint::HostTensors;

// Accuracies, `[replica]`; NaN if there is none.
const BEFORE: &str = "accuracy_before";
const VALIDATION_BEFORE: &str = "validation_before";
const AFTER: &str = "accuracy_after";

/// The outcome of every replica so far, by number. The accuracies are stored as tensors, exact to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerState {
    pub(crate) replicas: Vec<ReplicaState>,
}

/// The outcome of a replica so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplicaState {
    pub(crate) outcome: Outcome,
    pub(crate) divergence: Option<Divergence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_at: Option<usize>,
}

impl Ledger {
    /// Returns the state for [`Ledger::restore`].
    pub(crate) fn save(&self, tensors: &mut HostTensors) -> LedgerState {
        let accuracies = |of: fn(&ReplicaSummary) -> Option<f64>| {
            self.replicas.iter().map(|replica| of(replica).unwrap_or(f64::NAN)).collect()
        };
        tensors.insert_vector(BEFORE.to_owned(), accuracies(|r| r.accuracy_before));
        let validation = accuracies(|r| r.validation_before);
        tensors.insert_vector(VALIDATION_BEFORE.to_owned(), validation);
        tensors.insert_vector(AFTER.to_owned(), accuracies(|r| r.accuracy_after));
        let state = |summary: &ReplicaSummary| ReplicaState {
            outcome: summary.outcome,
            divergence: summary.divergence.clone(),
            stopped_at: summary.stopped_at,
        };
        LedgerState { replicas: self.replicas.iter().map(state).collect() }
    }

    /// Checks the rows of a resumed run.
    ///
    /// # Errors
    /// A row belongs to an unknown replica or group, or has a name that no run writes.
    pub(crate) fn check(&self, rows: &[CycleRow], timings: &[TimingRow]) -> Result<(), String> {
        let replicas = self.replicas.len();
        let known = |row: &CycleRow| row.replica < replicas && self.groups.contains(&row.group);
        if !rows.iter().all(|row| known(row) && row.cycle < limits::CYCLES) {
            return Err("a row belongs to an unknown clip".into());
        }
        // These names are printed, so control characters are refused.
        let is_name = |text: &String| text.len() <= limits::NAME && !text.contains(is_obeyed);
        if !rows.iter().flat_map(|row| [&row.method, &row.solver]).all(is_name) {
            return Err("a row has an invalid method or solver".into());
        }
        let known = |row: &TimingRow| row.replica < replicas && row.cycle < limits::CYCLES;
        if timings.iter().all(known) {
            Ok(())
        } else {
            Err("a timing belongs to an unknown clip".into())
        }
    }

    /// Restores the replicas of a checkpoint.
    ///
    /// # Errors
    /// An array is missing, or belongs to other replicas.
    pub(crate) fn restore(
        &mut self,
        state: &LedgerState,
        tensors: &HostTensors,
    ) -> Result<(), String> {
        let names = [BEFORE, VALIDATION_BEFORE, AFTER];
        let [before, validation, after] = names.map(|name| tensors.vector(name));
        let (before, validation, after) = (before?, validation?, after?);
        let all = [before.len(), validation.len(), after.len(), state.replicas.len()];
        if all != [self.replicas.len(); 4] {
            return Err("it does not have one accuracy per replica".into());
        }
        let accuracy = |value: f64| (!value.is_nan()).then_some(value);
        for (index, (summary, state)) in self.replicas.iter_mut().zip(&state.replicas).enumerate() {
            (summary.outcome, summary.divergence) = (state.outcome, state.divergence.clone());
            summary.stopped_at = state.stopped_at;
            summary.accuracy_before = accuracy(before[index]);
            summary.validation_before = accuracy(validation[index]);
            summary.accuracy_after = accuracy(after[index]);
        }
        Ok(())
    }
}
