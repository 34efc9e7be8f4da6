//! Reads run folders and reports their results. Needs no device.
//!
//! Modules import only modules above them in this table (and `error`, which all share):
//!
//! | module | content |
//! |---|---|
//! | `read` | run folders: a run, its settings and rays |
//! | `compare` | comparison of methods: statistics, families of differences, verdicts, sentences |
//! | `classification` | how well a network classifies: accuracies, classes, confusions, calibration |
//! | `paper` | the published values, and the paper's smoothing |
//! | `entropy` | Gibbs entropies of the measurements and of noise, and their correlations |
//! | `cost` | the cost of networks and of their training |
//! | `recommended` | what the preset `recommended` reaches |
//! | `machine` | the record of a machine: how fast rayclip is on it |
//! | `facts` | all of this, from some folders |
//! | `figures` | figures as data |
//! | `tables` | tables as data, and their form in the terminal |
//! | `page` | the page |
//! | `out` | files: tables as CSV and Arrow, drawings as SVG and PNG, event files, the report |

mod classification;
mod compare;
mod cost;
mod entropy;
mod error;
mod facts;
mod figures;
mod machine;
mod out;
mod page;
mod paper;
mod read;
mod recommended;
mod tables;

pub use classification::{
    ClassRow, Classification, Confusion, Latency, Proportion, Ranked, ReliabilityBin, Tally, best,
};
pub use compare::comparison::{Comparison, Statistic};
pub use compare::measure::Measure;
pub use compare::power::POWER;
pub use compare::sentences::{
    budget_sentence, family_sentence, sampling_sentence, verdict_sentence,
};
pub use compare::statistics::{CONFIDENCE, Estimate, holm};
pub use compare::sweep::{SweepCell, SweepResult, sweep_results};
pub use compare::ties::{TiesRow, ties, ties_sentence};
pub use compare::verdict::{
    ACCURACY_SHARE, Difference, ENTROPY_SHARE, LEAST_SEEDS, MARGIN, SIGNIFICANCE, Verdict,
};
pub use cost::costs::CostRow;
pub use cost::widths::WidthRow;
pub use entropy::correlation::{CorrelationRow, Source};
pub use entropy::tracks::{EntropyRow, Side};
pub use error::ReportError;
pub use facts::recorded::Recorded;
pub use facts::{Facts, missing};
pub use figures::accuracy::accuracy_after_training;
pub use figures::figure::{Axis, Curve, Figure, Panel, Point, Scale, Style};
pub use machine::{Ceilings, Machine, TimedBatch, TimedClip, TimedSolver};
pub use out::comparison::write_comparison;
pub use out::drawings::draw_figure;
pub use out::report::{EVENTS, PAGE, write_report};
pub use out::sweep::write_sweep;
pub use out::table_files::write_table;
pub use out::tensorboard::EventFiles;
pub use paper::lowess::lowess;
pub use paper::published::{METHODS, Series, smoothed};
pub use rayclip_run_folder::read::{Gap, Groups, Rung};
pub use read::rays::{ClipRays, last_rays};
pub use read::run::Run;
pub use recommended::recommended_sentence;
pub use tables::classification::{
    classes_table, confusion_table, confusions_table, latency_table, measures_table,
    predictions_table, reliability_table,
};
pub use tables::closing::closing_table;
pub use tables::comparison::{differences_table, estimates_table};
pub use tables::sweep::sweep_table;
pub use tables::table::{Cell, Column, Table};
pub use tables::table_1::table_1;
