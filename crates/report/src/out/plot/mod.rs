//! Draws a figure as SVG, for a screen or for a phone.
//!
//! The colours are attributes of the drawing, so a file can be used alone. In dark mode, the page's style sheet
//! replaces them.

mod axes;
mod compact;
mod curves;
pub(super) mod format;
mod legend;

use plotters::prelude::*;

use crate::error::ReportError;
use crate::figures::figure::{Figure, Panel, Point, Style};
use crate::out::plot::axes::Ruler;
use crate::out::plot::compact::compact;
use crate::out::plot::curves::{bars, draw_band, draw_curve, placed};
use crate::out::plot::format::{Area, Drawn, Format, GRID, INK, font};
use crate::out::plot::legend::{Entry, draw_entry, legend};

/// Draws the figure.
///
/// # Errors
/// The drawing would be too high, or a point does not fit in it.
pub(super) fn svg(figure: &Figure, format: &Format) -> Result<String, ReportError> {
    let failed = |reason: String| ReportError::Figure { figure: figure.name, reason };
    let title = title(&figure.title, format);
    let legend = legend(figure, format);
    let lines = legend.last().map_or(0, |entry| entry.line + 1);
    let heights = heights(title.len(), lines, figure.panels.len(), format);
    let heights = heights.ok_or_else(|| failed("it has too many panels or curves".into()))?;
    let mut text = String::new();
    let drawn = draw(figure, format, &title, &legend, &heights, &mut text);
    drawn.map_err(|error| failed(error.to_string()))?;
    Ok(compact(&text))
}

/// Splits the title into lines that fit.
fn title(text: &str, format: &Format) -> Vec<String> {
    let most = (f64::from(format.width - 20) / (0.58 * format.title)) as usize;
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Heights in pixels.
#[derive(Debug, PartialEq, Eq)]
struct Heights {
    /// Height above the legend.
    title: u32,
    /// Height above the panels.
    head: u32,
    whole: u32,
}

/// Returns the heights of a figure; `None` if they are too large for a drawing.
fn heights(title: usize, legend: usize, panels: usize, format: &Format) -> Option<Heights> {
    let times = |height: u32, count: usize| height.checked_mul(u32::try_from(count).ok()?);
    let top = times(format.line, title)?.checked_add(8)?;
    let head = top.checked_add(times(format.line, legend)?)?;
    let height = head.checked_add(times(format.panel, panels)?)?;
    i32::try_from(height).ok().map(|_| Heights { title: top, head, whole: height })
}

fn draw(
    figure: &Figure,
    format: &Format,
    title: &[String],
    legend: &[Entry],
    heights: &Heights,
    text: &mut String,
) -> Drawn {
    let root = SVGBackend::with_string(text, (format.width, heights.whole)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, body) = root.split_vertically(heights.head);
    for (index, line) in title.iter().enumerate() {
        let y = 8 + (format.line * index as u32) as i32;
        above.draw(&Text::new(line.as_str(), (10, y), font(format.title)))?;
    }
    for entry in legend {
        draw_entry(&above, entry, format, heights.title)?;
    }
    let areas = body.split_evenly((figure.panels.len(), 1));
    for (area, panel) in areas.iter().zip(&figure.panels) {
        draw_panel(area, panel, format)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel, format: &Format) -> Drawn {
    let (x_area, y_area) = format.label_areas;
    let pixels = f64::from(format.width - y_area);
    // The outermost bars at a value need room too.
    let room = 0.02 + format.apart * bars(panel) as f64 / 2.0 / pixels;
    let (x_labels, y_labels) = format.labels;
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let x = Ruler::of(&panel.x, points().map(|point| point.x), room, x_labels);
    let y = Ruler::of(&panel.y, heights_of(panel), 0.05, y_labels);
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).margin_right(16).x_label_area_size(x_area).y_label_area_size(y_area);
    if !panel.title.is_empty() {
        builder.caption(&panel.title, font(format.text + 0.5));
    }
    let mut chart = builder.build_cartesian_2d(x.coordinate(), y.coordinate())?;
    chart
        .configure_mesh()
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .x_label_formatter(&|value| x.label(*value))
        .y_label_formatter(&|value| y.label(*value))
        .label_style(font(format.text))
        .axis_desc_style(font(format.text + 0.5))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    let apart = format.apart / pixels * (x.range.end - x.range.start);
    let curves = placed(panel, &x, &y, apart);
    // Bands are drawn below all lines, so the lines keep their colours.
    for curve in &curves {
        draw_band(&mut chart, curve)?;
    }
    for curve in &curves {
        draw_curve(&mut chart, curve, format)?;
    }
    Ok(())
}

/// Returns the values of a panel, and the ends of the intervals that are drawn.
fn heights_of(panel: &Panel) -> impl Iterator<Item = f64> {
    let ends = |style: Style, point: &Point| {
        let drawn = point.interval.filter(|_| style != Style::Dots);
        let (low, high) = drawn.unwrap_or((point.y, point.y));
        [low, point.y, high]
    };
    let curves = panel.curves.iter();
    curves.flat_map(move |curve| curve.points.iter().flat_map(move |p| ends(curve.style, p)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::figures::figure::{Axis, Curve};
    use crate::out::plot::format::{PHONE, SCREEN};

    pub(crate) fn figure() -> Figure {
        let points = |shift: f64| {
            let point = |i: i32| Point {
                x: f64::from(500 - 50 * i),
                y: 0.9 + shift,
                interval: Some((0.85 + shift, 1.2 + shift)),
                n: 3,
            };
            (0..10).map(point).collect::<Vec<_>>()
        };
        let styles = [Style::Line, Style::Dashed, Style::Steps, Style::Dots, Style::Bars];
        let curve = |(index, style): (usize, Style)| {
            Curve::new(format!("curve <{index}>"), index, style, points(0.01 * index as f64))
        };
        let panel = |title: &str| Panel {
            title: title.into(),
            x: Axis::size("neurons"),
            y: Axis::fraction("accuracy"),
            curves: styles.into_iter().enumerate().map(curve).collect(),
        };
        let panels = vec![panel("first"), panel("second")];
        Figure { panels, ..Figure::left_out("test", "A & B", "") }
    }

    /// Returns the numbers in all attributes with a name.
    fn numbers(svg: &str, name: &str) -> Vec<f64> {
        let begin = format!(" {name}=\"");
        let values = svg.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap());
        let numbers = values.flat_map(|value| value.split([' ', ',']));
        numbers.map(|number| number.parse().unwrap()).collect()
    }

    #[test]
    fn every_curve_is_in_the_legend_once_and_text_is_escaped() {
        for format in [&SCREEN, &PHONE] {
            let text = svg(&figure(), format).unwrap();
            for index in 0..5 {
                assert_eq!(text.matches(&format!("curve &lt;{index}&gt;")).count(), 1, "{text}");
            }
            assert!(text.contains("A &amp; B") && !text.contains("<0>"), "{text}");
            assert!(text.contains("<polygon"), "no band");
            assert_eq!(text.matches("stroke-dasharray").count(), 3, "{text}");
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn bars_bands_and_dots_lie_within_their_axes() {
        for format in [&SCREEN, &PHONE] {
            let mut figure = figure();
            figure.panels.truncate(1);
            let (left, right) = (f64::from(8 + format.label_areas.1), f64::from(format.width - 16));
            let text = svg(&figure, format).unwrap();
            let Heights { head, whole: height, .. } = heights(1, 3, 1, format).unwrap();
            let dots = numbers(&text, "cx").into_iter().zip(numbers(&text, "cy"));
            let inside = |(x, y): &(f64, f64)| *y > f64::from(head) || *x < left;
            let dots: Vec<_> = dots.filter(|dot| dot.1 > f64::from(head)).collect();
            assert_eq!(dots.len(), 20);
            assert!(dots.iter().all(|(x, _)| left < *x && *x < right), "{dots:?}");
            let shapes = numbers(&text, "points");
            let corners = shapes.chunks(2).map(|corner| (corner[0], corner[1]));
            for corner in corners.filter(inside) {
                assert!(corner.0 <= right && corner.1 < f64::from(height), "{corner:?}");
            }
            // An interval up to 1.2 is cut off at 1, below the upper end of the axis.
            let highest = shapes.chunks(2).filter(|c| c[1] > f64::from(head)).map(|c| c[1]);
            assert!(highest.fold(f64::INFINITY, f64::min) >= f64::from(head) + 8.0);
        }
    }

    #[test]
    fn letters_are_large_enough_for_a_phone() {
        let text = svg(&figure(), &PHONE).unwrap();
        let sizes = numbers(&text, "font-size");
        // A page of 360 pixels leaves 330 pixels for a drawing.
        assert!(sizes.len() > 20 && sizes.iter().all(|size| size * 330.0 / 360.0 >= 11.0));
        let long =
            "Test accuracy right after the clip, of the smallest networks: 102 neurons or fewer";
        let lines = title(long, &PHONE);
        assert!(lines.len() > 1 && lines.join(" ") == long, "{lines:?}");
        assert_eq!(title(long, &SCREEN).len(), 1);
    }

    #[test]
    fn a_point_alone_and_none_at_all_have_axes_too() {
        let mut figure = figure();
        figure.panels[0].y = Axis::new("accuracy");
        for curve in &mut figure.panels[0].curves {
            curve.points.truncate(1);
        }
        figure.panels[1].curves.clear();
        let text = svg(&figure, &SCREEN).unwrap();
        assert!(text.ends_with("</svg>\n") && !text.contains("NaN"), "{text}");
        // Each of the five points is visible; two more dots are in the legend.
        assert_eq!(text.matches("<circle").count(), 7, "{text}");
    }

    #[test]
    fn a_figure_that_is_too_high_is_refused() {
        let (line, panel) = (SCREEN.line, SCREEN.panel);
        let head = 8 + 3 * line;
        let expected = Heights { title: 8 + line, head, whole: head + 3 * panel };
        assert_eq!(heights(1, 2, 3, &SCREEN), Some(expected));
        for (lines, panels) in [(usize::MAX, 1), (1, usize::MAX), (1, 1 << 23), (1 << 27, 1)] {
            assert_eq!(heights(1, lines, panels, &SCREEN), None);
        }
    }
}
