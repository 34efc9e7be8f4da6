//! A figure as data: what is drawn, written as CSV, and shown in the page.

use serde::Serialize;

/// Some panels, one under the other.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Name of its files.
    pub(crate) name: &'static str,
    /// What it shows, in a line.
    pub(crate) title: String,
    /// How it is to be read; without panels, why there are none.
    pub(crate) caption: String,
    /// The panels.
    pub(crate) panels: Vec<Panel>,
    /// Whether the folder lacks what it would show.
    pub(crate) is_missing: bool,
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

/// How the values of an axis are spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Evenly, ascending.
    Linear,
    /// By their logarithm, ascending.
    Log,
    /// By their logarithm, descending: the way of a network that becomes smaller.
    Descending,
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Quantity and unit.
    pub(crate) label: String,
    /// Values beyond these cannot be; intervals that reach there are cut off.
    pub(crate) limits: (f64, f64),
    /// How values are spread over it.
    pub(crate) scale: Scale,
}

impl Axis {
    /// An axis as long as the data asks for.
    pub(crate) fn new(label: &str) -> Self {
        let limits = (f64::NEG_INFINITY, f64::INFINITY);
        Self { label: label.into(), limits, scale: Scale::Linear }
    }

    /// An axis of what is not negative.
    pub(crate) fn positive(label: &str) -> Self {
        Self { limits: (0.0, f64::INFINITY), ..Self::new(label) }
    }

    /// An axis of fractions.
    pub(crate) fn fraction(label: &str) -> Self {
        Self { limits: (0.0, 1.0), ..Self::new(label) }
    }

    /// The size of a network, from its first to its last: the small ones, which differ most, have room.
    pub(crate) fn size(label: &str) -> Self {
        Self { scale: Scale::Descending, ..Self::positive(label) }
    }

    /// An axis of what is not negative and spans several powers of ten.
    pub(crate) fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::positive(label) }
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
    /// The method or thing that it is of; the legend has one entry for all of its curves.
    pub(crate) name: String,
    /// What sets it apart from the main curve of its name; the legend explains every role once.
    pub(crate) role: &'static str,
    /// Number of its colour; curves of one colour belong to one method or thing.
    pub(crate) colour: usize,
    /// How it is drawn.
    pub(crate) style: Style,
    /// Ascending in x.
    pub(crate) points: Vec<Point>,
}

impl Curve {
    /// The main curve of its name.
    pub(crate) fn new(name: String, colour: usize, style: Style, points: Vec<Point>) -> Self {
        Self { name, role: "", colour, style, points }
    }

    /// A curve beside the main one.
    #[must_use]
    pub(crate) fn in_role(self, role: &'static str) -> Self {
        Self { role, ..self }
    }

    /// Its name and its role.
    pub(crate) fn full_name(&self) -> String {
        if self.role.is_empty() {
            self.name.clone()
        } else {
            format!("{}, {}", self.name, self.role)
        }
    }
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
    pub(crate) curve: String,
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
    /// A figure of something that the folder lacks, and what.
    pub(crate) fn gap(name: &'static str, title: &str, reason: &str) -> Self {
        Self { is_missing: true, ..Self::left_out(name, title, reason) }
    }

    /// A figure that would show nothing, and why; nothing is missing.
    pub(crate) fn left_out(name: &'static str, title: &str, reason: &str) -> Self {
        let (title, caption) = (title.into(), reason.into());
        Self { name, title, caption, panels: vec![], is_missing: false }
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
                        curve: curve.full_name(),
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
        let curve = Curve::new("dtc".into(), 0, Style::Line, points).in_role("raw");
        let (x, y) = (Axis::new("sparsity"), Axis::fraction("accuracy"));
        let panel = Panel { title: "panel".into(), x, y, curves: vec![curve] };
        let figure = Figure { panels: vec![panel], ..Figure::left_out("f", "t", "c") };
        let rows = figure.rows();
        let first = &rows[0];
        assert_eq!((first.figure, first.panel, first.curve.as_str()), ("f", "panel", "dtc, raw"));
        assert_eq!((first.x_label, first.y_label), ("sparsity", "accuracy"));
        assert_eq!((first.x, first.y, first.n), (0.1, estimate.mean, 2));
        assert_eq!((first.low, first.high), (estimate.low, estimate.high));
        assert_eq!((rows.len(), rows[1].y, rows[1].low, rows[1].n), (2, 0.7, None, 1));
    }
}
