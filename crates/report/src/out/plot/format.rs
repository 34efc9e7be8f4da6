//! The look of drawings: sizes, colours, fonts.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::figures::figure::GREY;
use crate::out::plot::axes::Coordinate;

/// The format of a drawing. Lengths are in pixels at the drawing's own size.
pub(in crate::out) struct Format {
    pub(super) width: u32,
    /// Height of a panel.
    pub(super) panel: u32,
    /// Height of a line of the title and of the legend.
    pub(super) line: u32,
    /// Font size of the text.
    pub(super) text: f64,
    pub(super) title: f64,
    /// Room for the labels of the horizontal and of the vertical axis.
    pub(super) label_areas: (u32, u32),
    /// The largest number of labels of the horizontal and of the vertical axis.
    pub(super) labels: (usize, usize),
    /// Distance of bars at the same value.
    pub(super) apart: f64,
    /// Radius of a dot.
    pub(super) dot: i32,
}

/// For a screen and for print.
pub(in crate::out) const SCREEN: Format = Format {
    width: 800,
    panel: 320,
    line: 24,
    text: 13.5,
    title: 16.0,
    label_areas: (48, 76),
    labels: (10, 6),
    apart: 4.0,
    dot: 3,
};

/// For a phone, about 360 pixels wide: no letter is smaller than in the text beside it.
pub(in crate::out) const PHONE: Format = Format {
    width: 360,
    panel: 250,
    line: 22,
    text: 12.5,
    title: 14.0,
    label_areas: (44, 62),
    labels: (6, 6),
    apart: 3.0,
    dot: 2,
};

impl Format {
    /// Returns the approximate width of a letter: sans-serif fonts differ.
    pub(super) fn letter(&self) -> f64 {
        0.6 * self.text
    }
}

/// Colours that people with colour blindness can tell apart: the first six by Okabe, Ito, *Color universal design*
/// (2008), the others by P. Tol, *Colour schemes* (2021).
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
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);

/// The opacity by which [`compact`](super::compact) recognises a dashed line. The backend would draw every dash as
/// an element.
pub(super) const DASHED: f64 = 0.999;

pub(super) type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<Coordinate, Coordinate>>;
pub(super) type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

pub(super) fn colour(number: usize) -> RGBColor {
    if number == GREY { GREY_INK } else { PALETTE[number % PALETTE.len()] }
}

/// Returns a font with letters of this size in pixels.
pub(super) fn font(pixels: f64) -> TextStyle<'static> {
    /// The backend takes the size of a line, not of a letter.
    const LINE: f64 = 1.24;
    ("sans-serif", LINE * pixels).into_font().color(&INK)
}
