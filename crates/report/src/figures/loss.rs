//! The training loss.

use std::collections::BTreeMap;

use crate::compare::statistics::Estimate;
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, Panel, Point, Style};

/// Draws the mean loss over the batches of every cycle.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("loss", "Training loss");
    // By method and cycle; the groups of a replica have the same loss.
    let mut all: BTreeMap<String, BTreeMap<usize, BTreeMap<u64, f64>>> = BTreeMap::new();
    for (run, labels) in facts.labelled() {
        for row in &run.rows {
            if let Some(loss) = row.train_loss {
                let cycles = all.entry(labels(&row.method)).or_default();
                cycles.entry(row.cycle).or_default().insert(row.seed, loss);
            }
        }
    }
    if all.is_empty() {
        return Figure::gap(name, title, "The folder has no training loss.");
    }
    let most = all.values().map(BTreeMap::len).max().unwrap_or(0);
    let curve = |(method, cycles): (String, BTreeMap<usize, BTreeMap<u64, f64>>)| {
        let point = |(cycle, seeds): (usize, BTreeMap<u64, f64>)| {
            let estimate = Estimate::of(&seeds.into_values().collect::<Vec<_>>())?;
            Some(Point::of(cycle as f64, estimate))
        };
        // `scratch` trains only at some rungs. A line would suggest values between them.
        let style = if 2 * cycles.len() < most { Style::Bars } else { Style::Line };
        let points = cycles.into_iter().filter_map(point).collect();
        Curve::new(method.clone(), facts.colour(&method), style, points)
    };
    let mut curves: Vec<Curve> = all.into_iter().map(curve).collect();
    curves.sort_by_key(|curve| curve.colour);
    let caption =
        "Mean over the batches of a cycle; means over the seeds with their 95 % interval.";
    let (x, y) = (Axis::new("cycle"), Axis::positive("training loss"));
    let panels = vec![Panel { title: String::new(), x, y, curves }];
    Figure { panels, ..Figure::left_out(name, title, caption) }
}
