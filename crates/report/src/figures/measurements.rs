//! Where the measurements lie: Figure 4 of the paper.

use std::collections::BTreeSet;

use crate::Estimate;
use crate::entropy::tracks::Side;
use crate::entropy::{PUBLISHED_WIDTH, RANGE, edge, probabilities};
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::rays::LayerRays;

/// The cycles that the paper shows.
const PUBLISHED: [usize; 4] = [5, 10, 15, 20];

/// A bin is as wide as the first of these with which a panel has no more than so many: narrower ones hold
/// an entry at most, and show nothing.
const WIDTHS: [f64; 5] = [PUBLISHED_WIDTH, 0.5, 1.0, 2.0, 5.0];
const BINS: f64 = 40.0;

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
        let inside = rays.iter().filter(|rays| shown.contains(&rays.cycle));
        let inside = inside.flat_map(|rays| &rays.y[place]).map(|y| y.abs());
        let span = 2.0 * inside.filter(|y| *y <= RANGE).fold(0.0, f64::max);
        let few = |width: &&f64| span / **width <= BINS;
        let width = WIDTHS.iter().find(few).copied().unwrap_or(WIDTHS[WIDTHS.len() - 1]);
        let curve = |(colour, &cycle): (usize, &usize)| {
            let of_cycle: Vec<&LayerRays> =
                rays.iter().filter(|rays| rays.cycle == cycle).copied().collect();
            let vectors: Vec<&[f64]> =
                of_cycle.iter().map(|rays| rays.y[place].as_slice()).collect();
            let name = format!("sparsity {:.2}", of_cycle[0].sparsity);
            Curve { name, colour, style: Style::Steps, points: frequencies(&vectors, width) }
        };
        Panel {
            title: format!("{}, bins of width {width}", side.symbol()),
            x: Axis::new("measurement"),
            y: Axis::fraction("fraction of the entries"),
            curves: shown.iter().enumerate().map(curve).collect(),
        }
    };
    Figure {
        name,
        title: title.into(),
        caption: format!(
            "Fractions of the entries of a measurement vector that lie in bins within [−50, 50], as in Figure \
             4 of the paper (there in bins of width {PUBLISHED_WIDTH}), of {} in hidden layer {}: means over \
             the seeds with their 95 % interval.",
            first.method, first.layer
        ),
        panels: Side::BOTH.into_iter().enumerate().map(panel).collect(),
    }
}

/// Mean fractions over the seeds from the first bin that has an entry to the last.
fn frequencies(vectors: &[&[f64]], width: f64) -> Vec<Point> {
    let all: Vec<_> = vectors.iter().map(|y| probabilities(y, width)).collect();
    let bins: BTreeSet<usize> = all.iter().flat_map(|p| p.keys().copied()).collect();
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return vec![] };
    let point = |bin: usize| {
        let fractions = all.iter().map(|p| p.get(&bin).copied().unwrap_or(0.0));
        let estimate = Estimate::of(&fractions.collect::<Vec<_>>())?;
        Some(Point::of(edge(bin, width), estimate))
    };
    (first.saturating_sub(1)..=last + 1).filter_map(point).collect()
}
