//! A table as data.

use crate::compare::statistics::Estimate;

/// Shown if there is no value.
const NONE: &str = "–";

/// A table: columns, and rows with the same number of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its head, in one or several lines.
    pub head: String,
    /// The wider column that it is a part of. The terminal shows all parts as one column.
    pub part_of: Option<String>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its text, in one or several lines.
    pub text: String,
    /// Its value, for sorting; `None` for text.
    pub value: Option<f64>,
    /// Whether it shows a difference that was found.
    pub is_found: bool,
}

impl Table {
    /// Returns a table with these heads and no rows.
    pub(crate) fn new<H: Into<String>>(heads: impl IntoIterator<Item = H>) -> Self {
        Self { columns: heads.into_iter().map(Column::new).collect(), rows: vec![] }
    }
}

impl Column {
    /// Returns a column that is not part of another.
    pub(crate) fn new(head: impl Into<String>) -> Self {
        Self { head: head.into(), part_of: None }
    }

    /// Returns a part of a wider column.
    pub(crate) fn part(of: &str, head: &str) -> Self {
        Self { head: format!("{of}, {head}"), part_of: Some(of.to_owned()) }
    }
}

impl Cell {
    /// Returns a cell with text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, is_found: false }
    }

    /// Returns a cell without a value.
    pub(crate) fn none() -> Self {
        Self::text(NONE)
    }

    /// Returns a cell with a value, and its text.
    pub(crate) fn number(value: f64, text: String) -> Self {
        Self { value: Some(value), ..Self::text(text) }
    }

    /// Returns a cell with a count.
    pub(crate) fn count(value: Option<usize>) -> Self {
        let count = |value: usize| Self::number(value as f64, value.to_string());
        value.map_or_else(Self::none, count)
    }

    /// Returns a cell with a number, with this number of decimals.
    pub(crate) fn rounded(value: Option<f64>, digits: usize) -> Self {
        value.map_or_else(Self::none, |value| Self::number(value, format!("{value:.digits$}")))
    }

    /// Returns a cell with a number of any size.
    pub(crate) fn large(value: Option<f64>) -> Self {
        value.map_or_else(Self::none, |value| Self::number(value, format!("{value:.3e}")))
    }

    /// Returns a cell with an estimate. If it has fewer seeds than `most`, their number is shown.
    pub(crate) fn estimate(estimate: Option<Estimate>, most: usize) -> Self {
        let Some(estimate) = estimate else { return Self::none() };
        let half = estimate.half_width().map(|half| format!(" ± {half:.4}")).unwrap_or_default();
        let Estimate { n, mean, .. } = estimate;
        let seeds = if n < most { format!("\n{n} of {most} seeds") } else { String::new() };
        Self::number(mean, format!("{mean:.4}{half}{seeds}"))
    }
}
