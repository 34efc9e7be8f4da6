//! The distribution of the measurements: Figure 4 of the paper.

use std::collections::BTreeSet;

use crate::compare::statistics::Estimate;
use crate::entropy::gibbs::{PUBLISHED_WIDTH, RANGE, edge, probabilities};
use crate::entropy::tracks::Side;
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::figures::rays::none;
use crate::read::rays::ClipRays;

/// The cycles that the paper shows.
const PUBLISHED: [usize; 4] = [5, 10, 15, 20];

/// A panel uses the first of these bin widths that gives at most [`BINS`] bins. Narrower bins would have at most
/// one entry each, and show nothing.
const WIDTHS: [f64; 5] = [PUBLISHED_WIDTH, 0.5, 1.0, 2.0, 5.0];
const BINS: f64 = 40.0;

/// A histogram of fewer entries shows nothing.
const ENTRIES: usize = 20;

/// Draws the frequencies of the bins in some cycles for the first group, one panel per vector.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("measurements", "Distribution of the measurements");
    let Some(first) = facts.rays.first() else {
        return none(facts, name, title);
    };
    let of_first = |rays: &&ClipRays| rays.method == first.method && rays.group == first.group;
    let has_enough = |rays: &&ClipRays| rays.y.iter().all(|y| y.len() >= ENTRIES);
    let rays: Vec<&ClipRays> = facts.rays.iter().filter(of_first).filter(has_enough).collect();
    let cycles: BTreeSet<usize> = rays.iter().map(|rays| rays.cycle).collect();
    if cycles.is_empty() {
        let reason = format!(
            "No measurement vector has {ENTRIES} entries: a histogram of fewer shows nothing."
        );
        return Figure::left_out(name, title, &reason);
    }
    let shown: Vec<usize> = if PUBLISHED.iter().all(|cycle| cycles.contains(cycle)) {
        PUBLISHED.to_vec()
    } else {
        let all: Vec<usize> = cycles.into_iter().collect();
        let indices: BTreeSet<usize> =
            (0..4).map(|quarter| quarter * (all.len() - 1) / 3).collect();
        indices.into_iter().map(|index| all[index]).collect()
    };
    let panel = |(index, side): (usize, Side)| {
        let inside = rays.iter().filter(|rays| shown.contains(&rays.cycle));
        let inside = inside.flat_map(|rays| &rays.y[index]).map(|y| y.abs());
        let span = 2.0 * inside.filter(|y| *y <= RANGE).fold(0.0, f64::max);
        let few = |width: &&f64| span / **width <= BINS;
        let width = WIDTHS.iter().find(few).copied().unwrap_or(WIDTHS[WIDTHS.len() - 1]);
        let curve = |(colour, &cycle): (usize, &usize)| {
            let of_cycle: Vec<&ClipRays> =
                rays.iter().filter(|rays| rays.cycle == cycle).copied().collect();
            let vectors: Vec<&[f64]> =
                of_cycle.iter().map(|rays| rays.y[index].as_slice()).collect();
            let (neurons, entries) = (of_cycle[0].ray_sum.len(), vectors[0].len());
            let name = format!("{neurons} neurons, {entries} entries");
            Curve::new(name, colour, Style::Steps, frequencies(&vectors, width))
        };
        Panel {
            title: format!("{}, bins of width {width}", side.symbol()),
            x: Axis::new("measurement"),
            y: Axis::fraction("fraction of the entries"),
            curves: shown.iter().enumerate().map(curve).collect(),
        }
    };
    Figure {
        caption: format!(
            "Fraction of the entries of a measurement vector in each bin within [−50, 50], as in Figure 4 of \
             the paper (there with bins of width {PUBLISHED_WIDTH}), for {} in {}: means over the seeds with \
             their 95 % interval. Vectors with fewer than {ENTRIES} entries are left out.",
            first.method, first.group
        ),
        panels: Side::BOTH.into_iter().enumerate().map(panel).collect(),
        ..Figure::left_out(name, title, "")
    }
}

/// Returns mean fractions over the seeds, from the first bin with an entry to the last.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_few_entries_have_no_histogram() {
        let rays = |cycle: usize, n: usize| {
            let y = [(0..n).map(|i| i as f64 / 10.0).collect(), vec![0.5; n]];
            crate::read::rays::tests::rays(cycle, y, vec![1.0; 10 * n])
        };
        let of = |rays: Vec<ClipRays>| figure(&Facts { rays, ..Facts::default() });
        let shown =
            of([51, 30, 20, 19, 3, 1].into_iter().enumerate().map(|(c, n)| rays(c, n)).collect());
        let names: Vec<&str> = shown.panels[0].curves.iter().map(|c| c.name.as_str()).collect();
        let expected =
            ["510 neurons, 51 entries", "300 neurons, 30 entries", "200 neurons, 20 entries"];
        assert_eq!(names, expected);
        let left_out = of(vec![rays(0, 19)]);
        assert!(left_out.panels.is_empty() && !left_out.is_missing);
        assert!(left_out.caption.contains("20 entries"), "{}", left_out.caption);
    }
}
