//! The figures of a report: the paper's five with error bands, and what it does not show.

mod accuracy;
mod cost;
mod entropy;
mod loss;
mod measurements;
mod rays;

use crate::facts::Facts;
use crate::figure::Figure;

/// The axis of the sizes.
const NEURONS: &str = "hidden neurons (log scale)";

/// The axis of the sizes of one layer.
const NEURONS_OF_LAYER: &str = "neurons of the layer (log scale)";

/// The axis of the sizes of the recorded run, whose file has fractions.
const FRACTION_LEFT: &str = "fraction of the neurons left (log scale)";

/// All of them, in the order of the page.
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
    ];
    // The recorded run alone lacks nothing: it has no more than it has.
    for figure in figures.iter_mut().filter(|figure| facts.runs.is_empty() && figure.is_missing) {
        *figure = Figure::left_out(figure.name, &figure.title, "");
    }
    figures
}
