//! The legend of a figure: one entry per name, and one per role.

use std::collections::BTreeSet;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figures::figure::{Curve, Figure, GREY, Style};
use crate::out::plot::format::{Area, DASHED, Drawn, Format, colour, font};

/// Pixels of the sample of a curve, of the gap after it, and of the gap after an entry.
const SAMPLE: i32 = 24;
const GAP: i32 = 6;
const APART: i32 = 16;
const MARGIN: i32 = 10;

/// An entry of the legend.
pub(super) struct Entry {
    text: String,
    colour: usize,
    style: Style,
    pub(super) line: usize,
    x: i32,
}

/// Returns the entries; each line has as many as fit.
pub(super) fn legend(figure: &Figure, format: &Format) -> Vec<Entry> {
    let (mut line, mut x) = (0, MARGIN);
    let most = (format.width as i32 - 2 * MARGIN - SAMPLE - GAP) as usize;
    let entry = |(text, colour, style): (&str, usize, Style)| {
        let text = shortened(text, (most as f64 / format.letter()) as usize);
        let letters = text.chars().count() as f64;
        let width = SAMPLE + GAP + (format.letter() * letters).ceil() as i32;
        if x > MARGIN && x + width > format.width as i32 - MARGIN {
            (line, x) = (line + 1, MARGIN);
        }
        let entry = Entry { text, colour, style, line, x };
        x += width + APART;
        entry
    };
    entries(figure).into_iter().map(entry).collect()
}

/// Returns the entries of the curves in their order, with the style of the main curve. Then come the roles, in grey.
fn entries(figure: &Figure) -> Vec<(&str, usize, Style)> {
    let curves = || figure.panels.iter().flat_map(|panel| &panel.curves);
    let (mut names, mut roles) = (BTreeSet::new(), BTreeSet::new());
    let mut all: Vec<(&str, usize, Style)> = vec![];
    for curve in curves().filter(|curve| names.insert(curve.entry())) {
        let is_main = |other: &&Curve| other.entry() == curve.entry() && other.role.is_empty();
        let main = curves().find(is_main).unwrap_or(curve);
        all.push((main.entry(), main.colour, main.style));
    }
    let of_role = curves().filter(|curve| !curve.role.is_empty() && roles.insert(curve.role));
    all.extend(of_role.map(|curve| (curve.role, GREY, curve.style)));
    all
}

/// Shortens a text to at most `most` letters. It removes the middle, because names differ at their ends.
fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most || most < 3 {
        return text.to_owned();
    }
    let (first, last) = (most / 2, most - most / 2 - 1);
    letters[..first].iter().chain(['…'].iter()).chain(&letters[letters.len() - last..]).collect()
}

/// Draws an entry of a legend that starts at `top`.
pub(super) fn draw_entry(area: &Area<'_>, entry: &Entry, format: &Format, top: u32) -> Drawn {
    let Entry { text, style, line, x, .. } = entry;
    let y = (top + format.line * *line as u32 + format.line / 2) as i32;
    let colour = colour(entry.colour);
    let sample = vec![(*x, y), (x + SAMPLE, y)];
    match style {
        Style::Line | Style::Steps => {
            area.draw(&PathElement::new(sample, colour.stroke_width(2)))?;
        }
        Style::Dashed => {
            area.draw(&PathElement::new(sample, colour.mix(DASHED).stroke_width(2)))?;
        }
        Style::Dots | Style::Bars => {
            area.draw(&Circle::new((x + SAMPLE / 2, y), 3, colour.filled()))?;
            if *style == Style::Bars {
                let bar = vec![(x + SAMPLE / 2, y - 8), (x + SAMPLE / 2, y + 8)];
                area.draw(&PathElement::new(bar, colour.stroke_width(1)))?;
            }
        }
    }
    let left = font(format.text).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(text.as_str(), (x + SAMPLE + GAP, y), left))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::figure;
    use super::*;
    use crate::figures::figure::Point;
    use crate::out::plot::format::{PHONE, SCREEN};

    #[test]
    fn a_method_has_one_entry_and_so_has_a_role() {
        let mut figure = figure();
        let point = vec![Point::bare(1.0, 1.0)];
        figure.panels[0].curves = ["dtc", "random"]
            .into_iter()
            .enumerate()
            .flat_map(|(index, name)| {
                let curve = |style| Curve::new(name.to_owned(), index, style, point.clone());
                [curve(Style::Dots).in_role("raw"), curve(Style::Line)]
            })
            .collect();
        figure.panels[1].curves.clear();
        let entries = entries(&figure);
        let expected =
            [("dtc", 0, Style::Line), ("random", 1, Style::Line), ("raw", GREY, Style::Dots)];
        assert_eq!(entries, expected);
    }

    #[test]
    fn entries_stay_within_the_drawing() {
        let mut figure = figure();
        for (index, curve) in figure.panels[0].curves.iter_mut().enumerate() {
            curve.name = format!("method-{index}");
        }
        figure.panels[1].curves[0].name = format!("dtc ({}b)", "a/".repeat(300));
        for format in [&SCREEN, &PHONE] {
            for entry in legend(&figure, format) {
                let letters = entry.text.chars().count() as f64;
                let end = f64::from(entry.x + SAMPLE + GAP) + letters * format.letter();
                assert!(end <= f64::from(format.width), "{} ends at {end}", entry.text);
            }
        }
        assert_eq!(shortened("dtc (runs/a)", 8), "dtc …/a)");
    }
}
