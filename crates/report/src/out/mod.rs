//! Writes files: tables as CSV and Arrow, drawings as SVG and PNG, event files, the report.

mod arrow;
pub(crate) mod comparison;
pub(crate) mod drawings;
mod plot;
mod png;
pub(crate) mod report;
pub(crate) mod sweep;
pub(crate) mod table_files;
pub(crate) mod tensorboard;
