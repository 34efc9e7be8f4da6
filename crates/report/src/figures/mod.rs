//! The figures of a report: the paper's five with error bands, and what it does not show.

mod accuracy;
mod cost;
mod entropy;
mod loss;
mod measurements;
mod rays;

use crate::facts::Facts;
use crate::figure::Figure;

/// All of them, in the order of the page.
pub(crate) fn figures(facts: &Facts) -> Vec<Figure> {
    vec![
        accuracy::after_clip(facts),
        accuracy::closeup(facts),
        accuracy::after_training(facts),
        accuracy::differences(facts),
        rays::figure(facts),
        measurements::figure(facts),
        entropy::figure(facts),
        cost::figure(facts),
        loss::figure(facts),
    ]
}
