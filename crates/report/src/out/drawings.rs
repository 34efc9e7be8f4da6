//! Draws figures.

use crate::error::ReportError;
use crate::figures::figure::Figure;
use crate::out::plot::format::{PHONE, SCREEN};
use crate::out::plot::svg;
use crate::page::draw::Drawing;

/// Draws a figure for a screen and for a phone. Returns `None` if it has no panels.
///
/// # Errors
/// The figure cannot be drawn.
pub(super) fn drawing(figure: &Figure) -> Result<Option<Drawing>, ReportError> {
    if figure.panels.is_empty() {
        return Ok(None);
    }
    Ok(Some(Drawing { screen: svg(figure, &SCREEN)?, phone: svg(figure, &PHONE)? }))
}

/// Draws a figure for a screen, as SVG.
///
/// # Errors
/// The figure cannot be drawn.
pub fn draw_figure(figure: &Figure) -> Result<String, ReportError> {
    svg(figure, &SCREEN)
}
