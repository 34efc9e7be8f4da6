//! A figure as SVG.
//!
//! The colours are attributes of the drawing, so that a file stands alone; the page's style sheet replaces
//! them in the dark.

use std::collections::BTreeSet;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::ReportError;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};

/// Extents of a drawing, in pixels of the screen.
pub(crate) const WIDTH: u32 = 720;
const PANEL: u32 = 300;
const TITLE: u32 = 30;
const LEGEND_LINE: u32 = 22;

/// How far bars at one place stand apart, as a fraction of the panel.
const APART: f64 = 0.005;

/// Colours that are told apart with any eyes: the first six by Okabe, Ito, *Color universal design* (2008),
/// the others by P. Tol, *Colour schemes* (2021).
const PALETTE: [RGBColor; 12] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x8C, 0x6D, 0x31),
    RGBColor(0xAA, 0x44, 0x99),
    RGBColor(0x99, 0x99, 0x33),
    RGBColor(0xCC, 0x66, 0x77),
    RGBColor(0x44, 0xAA, 0x99),
    RGBColor(0x66, 0x66, 0xDD),
];
const GREY_INK: RGBColor = RGBColor(0x77, 0x77, 0x77);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);

/// Number of the grey, for what stands beside the methods.
pub(crate) const GREY: usize = usize::MAX;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn colour(number: usize) -> RGBColor {
    if number == GREY { GREY_INK } else { PALETTE[number % PALETTE.len()] }
}

/// The drawing.
///
/// # Errors
/// It would be too high, or a point has no place in it.
pub(crate) fn svg(figure: &Figure) -> Result<String, ReportError> {
    let failed = |reason: String| ReportError::Figure { figure: figure.name, reason };
    let legend = legend(figure);
    let lines = legend.last().map_or(0, |entry| entry.line + 1);
    let heights = heights(lines, figure.panels.len());
    let heights = heights.ok_or_else(|| failed("it has too many panels or curves".into()))?;
    let mut text = String::new();
    draw(figure, &legend, heights, &mut text).map_err(|error| failed(error.to_string()))?;
    Ok(text)
}

/// Pixels of the title with so many lines of the legend, and of the whole figure; nothing where they are
/// more than a drawing has.
fn heights(lines: usize, panels: usize) -> Option<(u32, u32)> {
    let times = |height: u32, count: usize| height.checked_mul(u32::try_from(count).ok()?);
    let head = TITLE.checked_add(times(LEGEND_LINE, lines)?)?;
    let height = head.checked_add(times(PANEL, panels)?)?;
    i32::try_from(height).ok().map(|_| (head, height))
}

fn draw(
    figure: &Figure,
    legend: &[Entry<'_>],
    (head, height): (u32, u32),
    text: &mut String,
) -> Drawn {
    let root = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (top, body) = root.split_vertically(head);
    top.draw(&Text::new(figure.title.as_str(), (10, 8), font(20)))?;
    for entry in legend {
        draw_entry(&top, entry)?;
    }
    let areas = body.split_evenly((figure.panels.len(), 1));
    for (area, panel) in areas.iter().zip(&figure.panels) {
        draw_panel(area, panel)?;
    }
    root.present()?;
    Ok(())
}

fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// A curve in the legend.
struct Entry<'a> {
    curve: &'a Curve,
    line: usize,
    x: i32,
}

/// One entry a name, as many in a line as fit.
fn legend(figure: &Figure) -> Vec<Entry<'_>> {
    /// Of the sample, and of a letter.
    const SAMPLE: i32 = 34;
    const LETTER: i32 = 8;
    let mut names = BTreeSet::new();
    let (mut entries, mut line, mut x) = (vec![], 0, 10);
    for curve in figure.panels.iter().flat_map(|panel| &panel.curves) {
        if !names.insert(curve.name.as_str()) {
            continue;
        }
        // A name that is longer than the line has the rest of it.
        let letters = curve.name.chars().count().min(WIDTH as usize) as i32;
        let width = SAMPLE + LETTER * letters + 14;
        if x > 10 && x + width > WIDTH as i32 {
            (line, x) = (line + 1, 10);
        }
        entries.push(Entry { curve, line, x });
        x += width;
    }
    entries
}

fn draw_entry(area: &Area<'_>, entry: &Entry<'_>) -> Drawn {
    let Entry { curve, line, x } = entry;
    let y = (TITLE + LEGEND_LINE * *line as u32 + LEGEND_LINE / 2) as i32;
    let colour = colour(curve.colour);
    match curve.style {
        Style::Line | Style::Steps => {
            area.draw(&PathElement::new(vec![(*x, y), (x + 24, y)], colour.stroke_width(2)))?;
        }
        Style::Dashed => {
            for begin in [*x, x + 9, x + 18] {
                let dash = vec![(begin, y), (begin + 6, y)];
                area.draw(&PathElement::new(dash, colour.stroke_width(2)))?;
            }
        }
        Style::Dots | Style::Bars => {
            area.draw(&Circle::new((x + 12, y), 3, colour.filled()))?;
            if curve.style == Style::Bars {
                let bar = vec![(x + 12, y - 8), (x + 12, y + 8)];
                area.draw(&PathElement::new(bar, colour.stroke_width(1)))?;
            }
        }
    }
    let left = font(17).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(curve.name.as_str(), (x + 30, y), left))?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Drawn {
    let (x, y) = ranges(panel);
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).margin_right(20).x_label_area_size(46).y_label_area_size(70);
    if !panel.title.is_empty() {
        builder.caption(&panel.title, font(18));
    }
    let mut chart = builder.build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|value| short(*value, &x))
        .y_label_formatter(&|value| short(*value, &y))
        .label_style(font(16))
        .axis_desc_style(font(17))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    // Bars at one place stand side by side.
    let is_bars = |curve: &&Curve| curve.style == Style::Bars;
    let middle = (panel.curves.iter().filter(is_bars).count() as f64 - 1.0) / 2.0;
    let mut bars = 0.0;
    let shifted = panel.curves.iter().map(|curve| {
        let mut shift = 0.0;
        if is_bars(&curve) {
            shift = (bars - middle) * APART * (x.end - x.start);
            bars += 1.0;
        }
        let drawn = |point: &&Point| x.start <= point.x && point.x <= x.end && point.y.is_finite();
        let points = curve.points.iter().filter(drawn);
        (curve, points.map(|point| Point { x: point.x + shift, ..*point }).collect())
    });
    let shifted: Vec<(&Curve, Vec<Point>)> = shifted.collect();
    // Bands lie under all lines, which keep their colours.
    for (curve, points) in &shifted {
        draw_band(&mut chart, curve, points, &y)?;
    }
    for (curve, points) in &shifted {
        draw_curve(&mut chart, curve, points, &y)?;
    }
    Ok(())
}

fn draw_band(chart: &mut Chart<'_, '_>, curve: &Curve, points: &[Point], y: &Range<f64>) -> Drawn {
    let certain = |high: bool| {
        let ends = points.iter().filter_map(move |point| {
            let (low, up) = point.interval?;
            Some(Point { y: (if high { up } else { low }).clamp(y.start, y.end), ..*point })
        });
        ends.collect::<Vec<Point>>()
    };
    let (low, high) = (certain(false), certain(true));
    if matches!(curve.style, Style::Dots | Style::Bars) || low.len() < 2 {
        return Ok(());
    }
    let mut band = path(&high, curve.style);
    band.extend(path(&low, curve.style).into_iter().rev());
    chart.draw_series([Polygon::new(band, colour(curve.colour).mix(0.18))])?;
    Ok(())
}

fn draw_curve(chart: &mut Chart<'_, '_>, curve: &Curve, points: &[Point], y: &Range<f64>) -> Drawn {
    let colour = colour(curve.colour);
    let middle = path(points, curve.style);
    match curve.style {
        Style::Line | Style::Steps => {
            chart.draw_series(LineSeries::new(middle, colour.stroke_width(2)))?;
        }
        Style::Dashed => {
            chart.draw_series(DashedLineSeries::new(middle, 6, 4, colour.stroke_width(2)))?;
        }
        Style::Dots | Style::Bars => {
            let bars = points.iter().filter_map(|point| {
                let (low, high) = point.interval.filter(|_| curve.style == Style::Bars)?;
                let [low, high] = [low, high].map(|end| end.clamp(y.start, y.end));
                Some(PathElement::new(
                    vec![(point.x, low), (point.x, high)],
                    colour.stroke_width(1),
                ))
            });
            chart.draw_series(bars)?;
            let dot = |place: &(f64, f64)| Circle::new(*place, 3, colour.filled());
            chart.draw_series(middle.iter().map(dot))?;
        }
    }
    Ok(())
}

/// The corners of a curve.
fn path(points: &[Point], style: Style) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = vec![];
    for point in points {
        let last = corners.last().copied().filter(|_| style == Style::Steps);
        corners.extend(last.map(|(_, before)| (point.x, before)));
        corners.push((point.x, point.y));
    }
    // The last step is as long as the one before.
    if let (Style::Steps, [.., before, last]) = (style, points) {
        corners.push((2.0 * last.x - before.x, last.y));
    }
    corners
}

/// The ranges of both axes: what was asked for, else that of the points and their intervals.
fn ranges(panel: &Panel) -> (Range<f64>, Range<f64>) {
    let points = || {
        let all = panel.curves.iter();
        all.flat_map(|curve| curve.points.iter().map(move |point| (curve.style, point)))
    };
    let x = padded(&panel.x, points().map(|(_, point)| point.x), 0.02);
    let shown = points().filter(|(_, point)| x.start <= point.x && point.x <= x.end);
    let ends = shown.flat_map(|(style, point)| {
        let drawn = point.interval.filter(|_| style != Style::Dots);
        let (low, high) = drawn.unwrap_or((point.y, point.y));
        [low, point.y, high]
    });
    let y = padded(&panel.y, ends, 0.05);
    (x, y)
}

fn padded(axis: &Axis, values: impl Iterator<Item = f64>, fraction: f64) -> Range<f64> {
    if let Some((low, high)) = axis.range {
        return low..high;
    }
    let (least, most) = axis.limits;
    let finite = values.filter(|value| value.is_finite()).map(|value| value.clamp(least, most));
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return 0.0..1.0;
    }
    let room = if high > low { fraction * (high - low) } else { low.abs().max(1.0) * 0.1 };
    (low - room).max(least)..(high + room).min(most)
}

/// A label with as many digits as the range asks for.
fn short(value: f64, range: &Range<f64>) -> String {
    let size = range.start.abs().max(range.end.abs());
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.1e}");
    }
    let step = (range.end - range.start) / 10.0;
    let digits = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
    let text = format!("{value:.digits$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn figure() -> Figure {
        let points = |shift: f64| {
            let point = |i: i32| Point {
                x: f64::from(i) / 10.0,
                y: 0.9 + shift,
                interval: Some((0.85 + shift, 0.95 + shift)),
                n: 3,
            };
            (0..10).map(point).collect::<Vec<_>>()
        };
        let styles = [Style::Line, Style::Dashed, Style::Steps, Style::Dots, Style::Bars];
        let curve = |(place, style): (usize, Style)| Curve {
            name: format!("curve <{place}>"),
            colour: place,
            style,
            points: points(0.01 * place as f64),
        };
        let panel = |title: &str| Panel {
            title: title.into(),
            x: Axis::new("sparsity"),
            y: Axis::new("accuracy").within(0.5, 1.0),
            curves: styles.into_iter().enumerate().map(curve).collect(),
        };
        Figure {
            name: "test",
            title: "A & B".into(),
            caption: String::new(),
            panels: vec![panel("first"), panel("second")],
        }
    }

    #[test]
    fn every_curve_is_in_the_legend_once_and_text_is_escaped() {
        let text = svg(&figure()).unwrap();
        for place in 0..5 {
            assert_eq!(text.matches(&format!("curve &lt;{place}&gt;")).count(), 1, "{text}");
        }
        assert!(text.contains("A &amp; B") && !text.contains("<0>"), "{text}");
        assert!(text.contains("<polygon"), "no band");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn a_point_alone_and_none_at_all_have_axes_too() {
        let mut figure = figure();
        figure.panels[0].y = Axis::new("accuracy");
        for curve in &mut figure.panels[0].curves {
            curve.points.truncate(1);
        }
        figure.panels[1].curves.clear();
        let text = svg(&figure).unwrap();
        assert!(text.ends_with("</svg>\n") && !text.contains("NaN"), "{text}");
        assert_eq!(padded(&Axis::new(""), std::iter::empty(), 0.1), 0.0..1.0);
        let values = [0.9, 1.3];
        assert_eq!(padded(&Axis::fraction(""), values.into_iter(), 0.1), 0.89..1.0);
    }

    #[test]
    fn a_figure_that_is_too_high_is_refused() {
        assert_eq!(
            heights(2, 3),
            Some((TITLE + 2 * LEGEND_LINE, TITLE + 2 * LEGEND_LINE + 3 * PANEL))
        );
        for (lines, panels) in [(usize::MAX, 1), (1, usize::MAX), (1, 1 << 23), (1 << 27, 1)] {
            assert_eq!(heights(lines, panels), None);
        }
    }

    #[test]
    fn labels_have_the_digits_that_the_range_needs() {
        assert_eq!(short(0.5, &(0.0..1.0)), "0.5");
        assert_eq!(short(0.965, &(0.96..0.97)), "0.965");
        assert_eq!(short(-1e-17, &(-1.0..1.0)), "0");
        assert_eq!(short(2.5e9, &(0.0..5e9)), "2.5e9");
    }
}
