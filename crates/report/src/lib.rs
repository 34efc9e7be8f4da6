//! What runs showed, read from their folders; no device is needed.

mod arrow;
mod clips;
mod comparable;
mod comparison;
mod comparison_table;
mod cost;
mod entropy;
mod error;
mod facts;
mod family;
mod figure;
mod figures;
mod files;
mod ladder;
mod limits;
mod lowess;
mod page;
mod plot;
mod png;
mod power;
mod predictions;
mod published;
mod rays;
mod report;
mod run;
mod sentences;
mod settings;
#[cfg(test)]
mod simulation;
mod statistics;
mod summary;
mod sweep;
mod table;
mod tensorboard;
mod ties;
mod verdict;
mod verify;

pub use arrow::arrow_of_csv;
pub use clips::Clip;
pub use comparison::{Comparison, Measure, Statistic};
pub use comparison_table::{differences_table, estimates_table};
pub use cost::CostRow;
pub use cost::widths::WidthRow;
pub use entropy::correlation::{CorrelationRow, Source};
pub use entropy::tracks::{EntropyRow, Side};
pub use error::ReportError;
pub use facts::{Facts, Recorded};
pub use files::{write_comparison, write_csv, write_table};
pub use ladder::{Rung, milestones, rungs};
pub use lowess::lowess;
pub use power::POWER;
pub use published::{METHODS, Series, smoothed, table_1};
pub use rays::{LayerRays, last_rays};
pub use report::{EVENTS, PAGE, missing, write_report};
pub use run::{Gap, Run};
pub use sentences::{family_sentence, sampling_sentence, verdict_sentence};
pub use statistics::{CONFIDENCE, Estimate, holm};
pub use summary::{Data, Energy, Progress, Summary};
pub use sweep::{SweepCell, SweepResult, sweep_results, sweep_table, write_sweep};
pub use table::closing_table;
pub use tensorboard::EventFiles;
pub use ties::{TiesRow, ties, ties_sentence};
pub use verdict::{
    ACCURACY_SHARE, Difference, ENTROPY_SHARE, LEAST_SEEDS, MARGIN, SIGNIFICANCE, Verdict,
};
