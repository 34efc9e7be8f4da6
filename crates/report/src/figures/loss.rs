//! The training loss.

use std::collections::BTreeMap;

use crate::Estimate;
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};

/// Mean loss over the batches of every cycle.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("loss", "Training loss");
    // By method and cycle; the layers of a replica agree on it.
    let mut all: BTreeMap<String, BTreeMap<usize, BTreeMap<u64, f64>>> = BTreeMap::new();
    for (run, labels) in facts.labelled() {
        for clip in &run.clips {
            if let Some(loss) = clip.train_loss {
                let cycles = all.entry(labels(&clip.method)).or_default();
                cycles.entry(clip.cycle).or_default().insert(clip.seed, loss);
            }
        }
    }
    if all.is_empty() {
        return Figure::gap(name, title, "The folder holds no training loss.");
    }
    let most = all.values().map(BTreeMap::len).max().unwrap_or(0);
    let curve = |(method, cycles): (String, BTreeMap<usize, BTreeMap<u64, f64>>)| {
        let point = |(cycle, seeds): (usize, BTreeMap<u64, f64>)| {
            let estimate = Estimate::of(&seeds.into_values().collect::<Vec<_>>())?;
            Some(Point::of(cycle as f64, estimate))
        };
        // `scratch` trains at some rungs only: a line would make up what lies between.
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
