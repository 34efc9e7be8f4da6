//! Where the measurements lie: Figure 4 of the paper.

use std::collections::BTreeSet;

use crate::Estimate;
use crate::correlation::Side;
use crate::entropy::{PUBLISHED_WIDTH, edge, probabilities};
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::rays::LayerRays;

/// The cycles that the paper shows.
const PUBLISHED: [usize; 4] = [5, 10, 15, 20];

/// Bins in the range of the histogram.
const BINS: usize = 499;

/// Frequencies of the bins in some cycles, one panel a vector, of the first hidden layer.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("measurements", "Where the measurements lie");
    let Some(first) = facts.rays.first() else {
        return Figure::gap(name, title, super::rays::NONE);
    };
    let of_first = |rays: &&LayerRays| rays.method == first.method && rays.layer == first.layer;
    let rays: Vec<&LayerRays> = facts.rays.iter().filter(of_first).collect();
    let cycles: BTreeSet<usize> = rays.iter().map(|rays| rays.cycle).collect();
    let shown: Vec<usize> = if PUBLISHED.iter().all(|cycle| cycles.contains(cycle)) {
        PUBLISHED.to_vec()
    } else {
        let all: Vec<usize> = cycles.into_iter().collect();
        let places: BTreeSet<usize> = (0..4).map(|quarter| quarter * (all.len() - 1) / 3).collect();
        places.into_iter().map(|place| all[place]).collect()
    };
    let panel = |(place, side): (usize, Side)| {
        let curve = |(colour, &cycle): (usize, &usize)| {
            let of_cycle: Vec<&LayerRays> =
                rays.iter().filter(|rays| rays.cycle == cycle).copied().collect();
            let vectors: Vec<&[f64]> =
                of_cycle.iter().map(|rays| rays.y[place].as_slice()).collect();
            let name = format!("sparsity {:.2}", of_cycle[0].sparsity);
            Curve { name, colour, style: Style::Steps, points: frequencies(&vectors) }
        };
        Panel {
            title: format!("{} = Φ w", side.symbol()),
            x: Axis::new("measurement"),
            y: Axis::new("fraction of the entries"),
            curves: shown.iter().enumerate().map(curve).collect(),
        }
    };
    Figure {
        name,
        title: title.into(),
        caption: format!(
            "Fractions of the entries of a measurement vector in bins of width {PUBLISHED_WIDTH} within \
             [−50, 50], as in Figure 4 of the paper, of {} in hidden layer {}: means over the seeds with \
             their 95 % interval. A vector has few entries, a tenth of the neurons.",
            first.method, first.layer
        ),
        panels: Side::BOTH.into_iter().enumerate().map(panel).collect(),
    }
}

/// Mean fractions over the seeds from the first bin that has an entry to the last.
fn frequencies(vectors: &[&[f64]]) -> Vec<Point> {
    let all: Vec<_> = vectors.iter().map(|y| probabilities(y, PUBLISHED_WIDTH)).collect();
    let bins: BTreeSet<usize> = all.iter().flat_map(|p| p.keys().copied()).collect();
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return vec![] };
    let point = |bin: usize| {
        let fractions = all.iter().map(|p| p.get(&bin).copied().unwrap_or(0.0));
        let estimate = Estimate::of(&fractions.collect::<Vec<_>>())?;
        let point = Point::of(edge(bin, PUBLISHED_WIDTH), estimate);
        // A fraction is not negative, whatever a symmetric interval says.
        let interval = point.interval.map(|(low, high)| (low.max(0.0), high));
        Some(Point { interval, ..point })
    };
    (first.saturating_sub(1)..=(last + 1).min(BINS - 1)).filter_map(point).collect()
}
