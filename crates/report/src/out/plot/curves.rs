//! Draws the curves of a panel: bands, lines, dots and bars.

use plotters::prelude::*;

use crate::figures::figure::{Curve, Panel, Point, Style};
use crate::out::plot::axes::Ruler;
use crate::out::plot::format::{Chart, DASHED, Drawn, Format, colour};

/// A curve with scaled points.
pub(super) struct Placed<'a> {
    curve: &'a Curve,
    points: Vec<Point>,
}

/// Returns the curves of a panel. Bars at the same value are moved apart, by `apart` each.
pub(super) fn placed<'a>(
    panel: &'a Panel,
    x: &Ruler<'_>,
    y: &Ruler<'_>,
    apart: f64,
) -> Vec<Placed<'a>> {
    let middle = (bars(panel) as f64 - 1.0) / 2.0;
    let mut before = 0.0;
    let mut of = |curve: &'a Curve| {
        let mut shift = 0.0;
        if curve.style == Style::Bars {
            shift = (before - middle) * apart;
            before += 1.0;
        }
        let scaled = |point: &Point| Point {
            x: x.scaled(point.x) + shift,
            y: y.scaled(point.y),
            interval: point.interval.map(|(low, high)| (y.scaled(low), y.scaled(high))),
            ..*point
        };
        let is_drawn = |point: &Point| point.x.is_finite() && point.y.is_finite();
        Placed { curve, points: curve.points.iter().map(scaled).filter(is_drawn).collect() }
    };
    panel.curves.iter().map(&mut of).collect()
}

/// Returns the number of curves with bars.
pub(super) fn bars(panel: &Panel) -> usize {
    panel.curves.iter().filter(|curve| curve.style == Style::Bars).count()
}

pub(super) fn draw_band(chart: &mut Chart<'_, '_>, placed: &Placed<'_>) -> Drawn {
    let Placed { curve, points } = placed;
    let ends = |high: bool| {
        let ends = points.iter().filter_map(move |point| {
            let (low, up) = point.interval?;
            Some(Point { y: if high { up } else { low }, ..*point })
        });
        ends.filter(|point| point.y.is_finite()).collect::<Vec<Point>>()
    };
    let (low, high) = (ends(false), ends(true));
    if matches!(curve.style, Style::Dots | Style::Bars) || low.len() < 2 {
        return Ok(());
    }
    let mut band = path(&high, curve.style);
    band.extend(path(&low, curve.style).into_iter().rev());
    chart.draw_series([Polygon::new(band, colour(curve.colour).mix(0.18))])?;
    Ok(())
}

pub(super) fn draw_curve(chart: &mut Chart<'_, '_>, placed: &Placed<'_>, format: &Format) -> Drawn {
    let Placed { curve, points } = placed;
    let colour = colour(curve.colour);
    let middle = path(points, curve.style);
    // A line through one point would be invisible.
    let style = if points.len() == 1 { Style::Bars } else { curve.style };
    match style {
        Style::Line | Style::Steps => {
            chart.draw_series(LineSeries::new(middle, colour.stroke_width(2)))?;
        }
        Style::Dashed => {
            chart.draw_series(LineSeries::new(middle, colour.mix(DASHED).stroke_width(2)))?;
        }
        Style::Dots | Style::Bars => {
            let bars = points.iter().filter_map(|point| {
                let (low, high) = point.interval.filter(|_| style == Style::Bars)?;
                let bar = vec![(point.x, low), (point.x, high)];
                (low.is_finite() && high.is_finite())
                    .then(|| PathElement::new(bar, colour.stroke_width(1)))
            });
            chart.draw_series(bars)?;
            let dot = |center: &(f64, f64)| Circle::new(*center, format.dot, colour.filled());
            chart.draw_series(middle.iter().map(dot))?;
        }
    }
    Ok(())
}

/// Returns the corners of a curve.
fn path(points: &[Point], style: Style) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = vec![];
    for point in points {
        let last = corners.last().copied().filter(|_| style == Style::Steps);
        corners.extend(last.map(|(_, before)| (point.x, before)));
        corners.push((point.x, point.y));
    }
    corners
}
