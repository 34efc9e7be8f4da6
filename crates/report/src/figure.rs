//! A figure as data: what is drawn, written as CSV, and shown in the page.

use serde::Serialize;

/// Some panels, one under the other.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Name of its files.
    pub(crate) name: &'static str,
    /// What it shows, in a line.
    pub(crate) title: String,
    /// How it is to be read.
    pub(crate) caption: String,
    /// The panels; without any, `caption` says what is missing.
    pub(crate) panels: Vec<Panel>,
}

/// Curves over one pair of axes.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// What sets it apart from the other panels.
    pub(crate) title: String,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// The curves, the first at the bottom.
    pub(crate) curves: Vec<Curve>,
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Quantity and unit.
    pub(crate) label: String,
    /// Ends; those of the data where it is not given.
    pub(crate) range: Option<(f64, f64)>,
    /// Values beyond these cannot be; intervals that reach there are cut off.
    pub(crate) limits: (f64, f64),
}

impl Axis {
    /// An axis as long as the data asks for.
    pub(crate) fn new(label: &str) -> Self {
        let limits = (f64::NEG_INFINITY, f64::INFINITY);
        Self { label: label.into(), range: None, limits }
    }

    /// An axis of what is not negative.
    pub(crate) fn positive(label: &str) -> Self {
        Self { limits: (0.0, f64::INFINITY), ..Self::new(label) }
    }

    /// An axis of fractions.
    pub(crate) fn fraction(label: &str) -> Self {
        Self { limits: (0.0, 1.0), ..Self::new(label) }
    }

    /// An axis from `low` to `high`.
    #[must_use]
    pub(crate) fn within(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A line, with a band where points have intervals.
    Line,
    /// A broken line.
    Dashed,
    /// A line that stays level up to the next point, with a band likewise.
    Steps,
    /// A dot a point.
    Dots,
    /// A dot a point, with its interval as a bar.
    Bars,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// What it is.
    pub(crate) name: String,
    /// Number of its colour; curves of one colour belong to one method or thing.
    pub(crate) colour: usize,
    /// How it is drawn.
    pub(crate) style: Style,
    /// Ascending in x.
    pub(crate) points: Vec<Point>,
}

/// A value and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Where.
    pub(crate) x: f64,
    /// The value: a mean, where there are several.
    pub(crate) y: f64,
    /// Ends of its interval.
    pub(crate) interval: Option<(f64, f64)>,
    /// Values that it is the mean of.
    pub(crate) n: usize,
}

impl Point {
    /// A value without an interval.
    pub(crate) fn bare(x: f64, y: f64) -> Self {
        Self { x, y, interval: None, n: 1 }
    }

    /// A mean with its interval.
    pub(crate) fn of(x: f64, estimate: crate::Estimate) -> Self {
        let interval = estimate.low.zip(estimate.high);
        Self { x, y: estimate.mean, interval, n: estimate.n }
    }
}

/// A line of `figures.csv`: one point of one curve.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PointRow<'a> {
    /// Name of the figure.
    pub(crate) figure: &'a str,
    /// The panel.
    pub(crate) panel: &'a str,
    /// The curve.
    pub(crate) curve: &'a str,
    /// Label of the horizontal axis.
    pub(crate) x_label: &'a str,
    /// Label of the vertical axis.
    pub(crate) y_label: &'a str,
    /// Where.
    pub(crate) x: f64,
    /// The value.
    pub(crate) y: f64,
    /// Ends of its 95 % interval.
    pub(crate) low: Option<f64>,
    /// See `low`.
    pub(crate) high: Option<f64>,
    /// Values that it is the mean of.
    pub(crate) n: usize,
}

impl Figure {
    /// A figure that cannot be drawn, and why.
    pub(crate) fn gap(name: &'static str, title: &str, reason: &str) -> Self {
        Self { name, title: title.into(), caption: reason.into(), panels: vec![] }
    }

    /// Every point, in the order of the panels.
    pub(crate) fn rows(&self) -> Vec<PointRow<'_>> {
        let mut rows = vec![];
        for panel in &self.panels {
            for curve in &panel.curves {
                for point in &curve.points {
                    rows.push(PointRow {
                        figure: self.name,
                        panel: &panel.title,
                        curve: &curve.name,
                        x_label: &panel.x.label,
                        y_label: &panel.y.label,
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
        let estimate = crate::Estimate::of(&[0.8, 0.9]).unwrap();
        let points = vec![Point::of(0.1, estimate), Point::bare(0.2, 0.7)];
        let curve = Curve { name: "dtc".into(), colour: 0, style: Style::Line, points };
        let (x, y) = (Axis::new("sparsity"), Axis::fraction("accuracy"));
        let panel = Panel { title: "panel".into(), x, y, curves: vec![curve] };
        let figure =
            Figure { name: "f", title: "t".into(), caption: "c".into(), panels: vec![panel] };
        let rows = figure.rows();
        let first = &rows[0];
        assert_eq!((first.figure, first.panel, first.curve), ("f", "panel", "dtc"));
        assert_eq!((first.x_label, first.y_label), ("sparsity", "accuracy"));
        assert_eq!((first.x, first.y, first.n), (0.1, estimate.mean, 2));
        assert_eq!((first.low, first.high), (estimate.low, estimate.high));
        assert_eq!((rows.len(), rows[1].y, rows[1].low, rows[1].n), (2, 0.7, None, 1));
    }
}
