//! What runs showed, read from their folders; no device is needed.

mod arrow;
mod comparable;
mod comparison;
mod comparison_table;
mod error;
mod files;
mod ladder;
mod lowess;
mod published;
mod run;
mod statistics;
mod sweep;
mod table;

pub use arrow::arrow_of_csv;
pub use comparison::{Comparison, Difference, Measure, SIGNIFICANCE, Statistic, Verdict};
pub use comparison_table::{differences_table, estimates_table, verdict_sentence};
pub use error::ReportError;
pub use files::{write_comparison, write_csv, write_table};
pub use ladder::{Rung, milestones, rungs};
pub use lowess::lowess;
pub use published::{METHODS, Series, smoothed, table_1};
pub use run::{Clip, Data, Run};
pub use statistics::{CONFIDENCE, Estimate, holm};
pub use sweep::{SweepCell, SweepResult, sweep_results, sweep_table, write_sweep};
pub use table::closing_table;
