//! Gibbs entropy at every rung, and its null: Figure 5 of the paper.

use std::collections::BTreeMap;

use crate::compare::comparison::index_of;
use crate::compare::statistics::Estimate;
use crate::entropy::gibbs::PUBLISHED_WIDTH;
use crate::entropy::tracks::{EntropyRow, Side};
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, GREY, Panel, Point, Style};
use crate::figures::rays::none;
use crate::figures::size::size_of_group;

const RECORDED: &str = "recorded run, ";

/// Draws one panel per vector and group.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) =
        ("gibbs_entropy", "Gibbs entropy of the measurements, and of noise of their size");
    let mut panels = panels(facts, &facts.entropies, "");
    if let Some(recorded) = &facts.recorded {
        panels.extend(self::panels(facts, &recorded.entropies, RECORDED));
    }
    if panels.is_empty() {
        return none(facts, name, title);
    }
    Figure {
        caption: format!(
            "In bits, bins of width {PUBLISHED_WIDTH} within [−50, 50], as in Figure 5 of the paper: means \
             over the seeds with their 95 % interval. Lines are the null: log₂ n, which n entries cannot \
             exceed, and the entropy of Gaussian noise that takes n and the root mean square from the measured \
             vector, and nothing else from the network. If the dots lie on it, the entropy shows how many \
             measurements there were and how large they are, and nothing else."
        ),
        panels,
        ..Figure::left_out(name, title, "")
    }
}

fn panels(facts: &Facts, rows: &[EntropyRow], whose: &str) -> Vec<Panel> {
    // The rows have the groups in the order of the network.
    let mut groups: Vec<String> = vec![];
    let mut all: BTreeMap<(usize, Side), Vec<&EntropyRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.bin_width == PUBLISHED_WIDTH) {
        let group = index_of(row.group.clone(), &mut groups);
        all.entry((group, row.side)).or_default().push(row);
    }
    let panel = |((group, side), rows): ((usize, Side), Vec<&EntropyRow>)| {
        let group = &groups[group];
        // The network of the recorded run has one group.
        let is_recorded = whose == RECORDED;
        let of_group = if is_recorded { String::new() } else { facts.of_group(group) };
        let first = facts.first_width(group).filter(|_| !is_recorded);
        let (x, left) = size_of_group(first);
        let most = rows.iter().map(|row| row.log2_n).fold(1.0, f64::max);
        Panel {
            title: format!("{whose}{}{of_group}", side.symbol()),
            x,
            // An interval may reach values that no entropy can have.
            y: Axis { limits: (0.0, 1.05 * most), ..Axis::new("entropy, bits") },
            curves: curves(facts, &rows, &left),
        }
    };
    all.into_iter().map(panel).collect()
}

/// Returns the curves of one vector: for every method the bound, the noise, and the entropies.
fn curves(facts: &Facts, rows: &[&EntropyRow], left: &impl Fn(f64) -> f64) -> Vec<Curve> {
    let mut methods: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    let mut curves: Vec<Curve> = vec![];
    for method in methods {
        let rows: Vec<&EntropyRow> =
            rows.iter().filter(|row| row.method == method).copied().collect();
        let colour = facts.colour(method);
        let means = |value| means(&rows, left, value);
        let bound = means(|row| Some(row.log2_n));
        // Methods with the same number of measurements have the same bound.
        if curves.iter().all(|curve| curve.points != bound) {
            let name =
                if curves.is_empty() { "log₂ n".into() } else { format!("log₂ n of {method}") };
            curves.push(Curve::new(name, GREY, Style::Line, bound));
        }
        let noise = Curve::new(method.to_owned(), colour, Style::Dashed, means(|row| row.gaussian));
        curves.push(noise.in_role("Gaussian noise of the same size"));
        let points = means(|row| row.bits);
        curves.push(Curve::new(method.to_owned(), colour, Style::Bars, points));
    }
    curves
}

/// Returns the means over the seeds by cycle, of the seeds with a value. `left` converts a sparsity to a size.
fn means(
    rows: &[&EntropyRow],
    left: impl Fn(f64) -> f64,
    value: fn(&EntropyRow) -> Option<f64>,
) -> Vec<Point> {
    let mut cycles: BTreeMap<usize, (f64, Vec<f64>)> = BTreeMap::new();
    for row in rows {
        let (_, values) = cycles.entry(row.cycle).or_insert((row.sparsity, vec![]));
        values.extend(value(row));
    }
    let points = cycles.into_values();
    points.filter_map(|(s, values)| Some(Point::of(left(s), Estimate::of(&values)?))).collect()
}
