//! The figures of a report: the paper's five with error bands, and further ones.

pub(crate) mod accuracy;
mod cost;
mod entropy;
pub(crate) mod figure;
mod loss;
mod measurements;
mod rays;
mod size;
mod widths;

use crate::facts::Facts;
use crate::figures::figure::Figure;

/// Returns all figures, in the order of the page.
pub(crate) fn figures(facts: &Facts) -> Vec<Figure> {
    let mut figures = vec![
        accuracy::after_training(facts),
        accuracy::after_clip(facts),
        accuracy::closeup(facts),
        accuracy::differences(facts),
        rays::figure(facts),
        measurements::figure(facts),
        entropy::figure(facts),
        cost::figure(facts),
        loss::figure(facts),
        widths::figure(facts),
    ];
    // A report of the recorded run alone lacks nothing.
    for figure in figures.iter_mut().filter(|figure| facts.runs.is_empty() && figure.is_missing) {
        *figure = Figure::left_out(figure.name, &figure.title, "");
    }
    figures
}
