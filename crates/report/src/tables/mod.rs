//! The tables of a report as data. Terminal and page show the same rows.

pub(crate) mod classification;
pub(crate) mod closing;
pub(crate) mod comparison;
pub(crate) mod correlations;
pub(crate) mod costs;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod table_1;
mod terminal;
pub(crate) mod ties;
