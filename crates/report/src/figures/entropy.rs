//! Gibbs entropy down the ladder and its null: Figure 5 of the paper.

use std::collections::BTreeMap;

use crate::Estimate;
use crate::entropy::PUBLISHED_WIDTH;
use crate::entropy::tracks::{EntropyRow, Side};
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::figures::rays::size_of_layer;
use crate::plot::GREY;

const RECORDED: &str = "recorded run, ";

/// One panel a vector and layer.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) =
        ("gibbs_entropy", "Gibbs entropy of the measurements, and of noise of their size");
    let mut panels = panels(facts, &facts.entropies, "");
    if let Some(recorded) = &facts.recorded {
        panels.extend(self::panels(facts, &recorded.entropies, RECORDED));
    }
    if panels.is_empty() {
        return super::rays::none(facts, name, title);
    }
    Figure {
        caption: format!(
            "In bits, bins of width {PUBLISHED_WIDTH} within [−50, 50], as in Figure 5 of the paper: means \
             over the seeds with their 95 % interval. Lines are the null: log₂ n, which n entries cannot \
             exceed, and the entropy of Gaussian noise that takes n and the root mean square from the measured \
             vector, and nothing else from the network. Where the dots lie on it, the entropy tells how many \
             measurements there were and how large they are, and nothing else."
        ),
        panels,
        ..Figure::left_out(name, title, "")
    }
}

fn panels(facts: &Facts, rows: &[EntropyRow], whose: &str) -> Vec<Panel> {
    let mut all: BTreeMap<(usize, Side), Vec<&EntropyRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.bin_width == PUBLISHED_WIDTH) {
        all.entry((row.layer, row.side)).or_default().push(row);
    }
    let layers = all.keys().map(|(layer, _)| layer + 1).max().unwrap_or(0);
    let panel = |((layer, side), rows): ((usize, Side), Vec<&EntropyRow>)| {
        let of_layer = if layers > 1 { format!(", hidden layer {layer}") } else { String::new() };
        let mut methods: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        let first = facts.first_width(layer).filter(|_| whose != RECORDED);
        let (x, left) = size_of_layer(first);
        let most = rows.iter().map(|row| row.log2_n).fold(1.0, f64::max);
        let mut curves: Vec<Curve> = vec![];
        for method in &methods {
            let rows: Vec<&EntropyRow> =
                rows.iter().filter(|row| row.method == *method).copied().collect();
            let colour = facts.colour(method);
            let means = |value| means(&rows, &left, value);
            let bound = means(|row| Some(row.log2_n));
            // That of methods which measure as many entries is the same.
            if curves.iter().all(|curve| curve.points != bound) {
                let name = if curves.is_empty() {
                    "log₂ n".into()
                } else {
                    format!("log₂ n of {method}")
                };
                curves.push(Curve::new(name, GREY, Style::Line, bound));
            }
            let noise =
                Curve::new((*method).to_owned(), colour, Style::Dashed, means(|row| row.gaussian));
            curves.push(noise.in_role("Gaussian noise of the same size"));
            let points = means(|row| row.bits);
            curves.push(Curve::new((*method).to_owned(), colour, Style::Bars, points));
        }
        Panel {
            title: format!("{whose}{}{of_layer}", side.symbol()),
            x,
            // Intervals may reach what no entropy can.
            y: Axis { limits: (0.0, 1.05 * most), ..Axis::new("entropy, bits") },
            curves,
        }
    };
    all.into_iter().map(panel).collect()
}

/// Means over the seeds by cycle, of those that have a value; `left` has the place of a sparsity.
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
