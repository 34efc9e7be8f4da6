//! A figure as data: it is drawn, written as CSV, and shown on the page.

use serde::{Deserialize, Serialize};

use crate::compare::statistics::Estimate;

/// The number of grey, for curves that belong to no method.
pub(crate) const GREY: usize = usize::MAX;

/// Panels, one below the other.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Name of its files.
    pub name: &'static str,
    /// What it shows, in one line.
    pub title: String,
    /// How to read it; if there are no panels, the reason.
    pub caption: String,
    /// The panels.
    pub panels: Vec<Panel>,
    /// Whether the folder lacks the data of the figure.
    pub is_missing: bool,
}

/// Curves over one pair of axes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Its difference from the other panels.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves. The first is drawn below the others.
    pub curves: Vec<Curve>,
}

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear, ascending.
    Linear,
    /// Logarithmic, ascending.
    Log,
    /// Logarithmic, descending: networks become smaller to the right.
    Descending,
}

/// An axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// The range of possible values. Intervals are cut off at its ends.
    pub limits: (f64, f64),
    /// The scale.
    pub scale: Scale,
}

impl Axis {
    /// Returns an axis without limits.
    pub fn new(label: &str) -> Self {
        let limits = (f64::NEG_INFINITY, f64::INFINITY);
        Self { label: label.into(), limits, scale: Scale::Linear }
    }

    /// Returns an axis for values that are not negative.
    pub(crate) fn positive(label: &str) -> Self {
        Self { limits: (0.0, f64::INFINITY), ..Self::new(label) }
    }

    /// Returns an axis for fractions.
    pub(crate) fn fraction(label: &str) -> Self {
        Self { limits: (0.0, 1.0), ..Self::new(label) }
    }

    /// Returns an axis for the sizes of networks, the largest first. Its log scale gives room to the small
    /// networks, which differ most.
    pub(crate) fn size(label: &str) -> Self {
        Self { scale: Scale::Descending, ..Self::positive(label) }
    }

    /// Returns an axis for values that are not negative and span several powers of ten.
    pub(crate) fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::positive(label) }
    }
}

/// The style of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line, with a band if points have intervals.
    Line,
    /// A dashed line.
    Dashed,
    /// A line that stays level up to the next point, with a band if points have intervals.
    Steps,
    /// One dot per point.
    Dots,
    /// One dot per point, with its interval as a bar.
    Bars,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What it belongs to, such as a method.
    pub name: String,
    /// Its entry in the legend, if it is not the name. All curves with the same entry share it.
    entry: Option<String>,
    /// Its difference from the main curve of the same name. The legend explains every role once.
    pub role: &'static str,
    /// Number of its colour. Curves with the same colour belong to the same method or thing.
    pub colour: usize,
    /// The style.
    pub style: Style,
    /// The points, ascending in x.
    pub points: Vec<Point>,
}

impl Curve {
    /// Returns the main curve with this name.
    pub fn new(name: String, colour: usize, style: Style, points: Vec<Point>) -> Self {
        Self { name, entry: None, role: "", colour, style, points }
    }

    /// Gives the curve an entry in the legend that is not its name.
    #[must_use]
    pub(crate) fn listed_as(self, entry: String) -> Self {
        Self { entry: Some(entry), ..self }
    }

    /// Returns its entry in the legend.
    pub(crate) fn entry(&self) -> &str {
        self.entry.as_ref().unwrap_or(&self.name)
    }

    /// Gives the curve a role beside the main curve.
    #[must_use]
    pub(crate) fn in_role(self, role: &'static str) -> Self {
        Self { role, ..self }
    }

    /// Returns its name and its role.
    pub(crate) fn full_name(&self) -> String {
        if self.role.is_empty() {
            self.name.clone()
        } else {
            format!("{}, {}", self.name, self.role)
        }
    }
}

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Horizontal value.
    pub x: f64,
    /// The value; a mean if there are several.
    pub y: f64,
    /// Ends of its interval.
    pub interval: Option<(f64, f64)>,
    /// Number of values in the mean.
    pub n: usize,
}

impl Point {
    /// Returns a value without an interval.
    pub fn bare(x: f64, y: f64) -> Self {
        Self { x, y, interval: None, n: 1 }
    }

    /// Returns a mean with its interval.
    pub fn of(x: f64, estimate: Estimate) -> Self {
        let interval = estimate.low.zip(estimate.high);
        Self { x, y: estimate.mean, interval, n: estimate.n }
    }
}

/// A line of `figures.csv`: one point of one curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PointRow {
    /// Name of the figure.
    pub(crate) figure: String,
    /// The panel.
    pub(crate) panel: String,
    /// The curve.
    pub(crate) curve: String,
    /// Label of the horizontal axis.
    pub(crate) x_label: String,
    /// Label of the vertical axis.
    pub(crate) y_label: String,
    /// Horizontal value.
    pub(crate) x: f64,
    /// The value.
    pub(crate) y: f64,
    /// Ends of its interval; the caption says which.
    pub(crate) low: Option<f64>,
    /// See `low`.
    pub(crate) high: Option<f64>,
    /// Number of values in the mean.
    pub(crate) n: usize,
}

impl Figure {
    /// Returns a figure whose data the folder lacks, with the reason.
    pub(crate) fn gap(name: &'static str, title: &str, reason: &str) -> Self {
        Self { is_missing: true, ..Self::left_out(name, title, reason) }
    }

    /// Returns a figure that would show nothing, with the reason. Nothing is missing.
    pub fn left_out(name: &'static str, title: &str, reason: &str) -> Self {
        let (title, caption) = (title.into(), reason.into());
        Self { name, title, caption, panels: vec![], is_missing: false }
    }

    /// Returns every point, in the order of the panels.
    pub(crate) fn rows(&self) -> Vec<PointRow> {
        let mut rows = vec![];
        for panel in &self.panels {
            for curve in &panel.curves {
                for point in &curve.points {
                    rows.push(PointRow {
                        figure: self.name.to_owned(),
                        panel: panel.title.clone(),
                        curve: curve.full_name(),
                        x_label: panel.x.label.clone(),
                        y_label: panel.y.label.clone(),
                        x: point.x,
                        y: point.y,
                        low: point.interval.map(|(low, _)| low),
                        high: point.interval.map(|(_, high)| high),
                        n: point.n,
                    });
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_a_row() {
        let estimate = Estimate::of(&[0.8, 0.9]).unwrap();
        let points = vec![Point::of(0.1, estimate), Point::bare(0.2, 0.7)];
        let curve = Curve::new("dtc".into(), 0, Style::Line, points).in_role("raw");
        let (x, y) = (Axis::new("sparsity"), Axis::fraction("accuracy"));
        let panel = Panel { title: "panel".into(), x, y, curves: vec![curve] };
        let figure = Figure { panels: vec![panel], ..Figure::left_out("f", "t", "c") };
        let rows = figure.rows();
        let first = &rows[0];
        assert_eq!(
            (first.figure.as_str(), first.panel.as_str(), first.curve.as_str()),
            ("f", "panel", "dtc, raw")
        );
        assert_eq!((first.x_label.as_str(), first.y_label.as_str()), ("sparsity", "accuracy"));
        assert_eq!((first.x, first.y, first.n), (0.1, estimate.mean, 2));
        assert_eq!((first.low, first.high), (estimate.low, estimate.high));
        assert_eq!((rows.len(), rows[1].y, rows[1].low, rows[1].n), (2, 0.7, None, 1));
    }
}
