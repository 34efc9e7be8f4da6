//! Magnitudes of the weight rays: Figure 3 of the paper.

use std::collections::BTreeMap;

use crate::Estimate;
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};

pub(super) const NONE: &str = "No weight rays are in these runs: none of their methods takes them, or their \
                               files are missing.";

/// By cycle: sparsity, and the values of the seeds.
type Steps = BTreeMap<usize, (f64, Vec<f64>)>;

/// `mean |r| / m` down the ladder, one panel a layer.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("weight_rays", "Magnitude of the weight rays");
    if facts.rays.is_empty() {
        return Figure::gap(name, title, NONE);
    }
    let mut all: BTreeMap<usize, BTreeMap<&str, Steps>> = BTreeMap::new();
    for rays in &facts.rays {
        let steps = all.entry(rays.layer).or_default().entry(&rays.method).or_default();
        steps.entry(rays.cycle).or_insert((rays.sparsity, vec![])).1.push(rays.magnitude());
    }
    let layers = all.len();
    let panel = |(layer, methods): (usize, BTreeMap<&str, Steps>)| {
        let curve = |(method, steps): (&str, Steps)| Curve {
            name: method.to_owned(),
            colour: facts.colour(method),
            style: Style::Steps,
            points: steps
                .into_values()
                .filter_map(|(x, values)| Some(Point::of(x, Estimate::of(&values)?)))
                .collect(),
        };
        Panel {
            title: if layers > 1 { format!("hidden layer {layer}") } else { String::new() },
            x: Axis::new("sparsity of the layer"),
            y: Axis::positive("mean |ray sum| / m"),
            curves: methods.into_iter().map(curve).collect(),
        }
    };
    Figure {
        name,
        title: title.into(),
        caption: "Mean absolute entry of the ray sum, divided by the number m of neurons before the clip, as \
                  in Figure 3 of the paper; means over the seeds with their 95 % interval."
            .into(),
        panels: all.into_iter().map(panel).collect(),
    }
}
