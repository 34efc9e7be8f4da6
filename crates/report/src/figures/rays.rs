//! Magnitudes of the weight rays: Figure 3 of the paper.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::figures::{FRACTION_LEFT, NEURONS_OF_LAYER};
use crate::{Clip, Estimate};

/// The figure of rays that are not there: of a method that takes some they are missing.
pub(super) fn none(facts: &Facts, name: &'static str, title: &str) -> Figure {
    let has_rays = facts.runs.iter().flat_map(|run| &run.clips).any(Clip::has_rays);
    if has_rays {
        Figure::gap(name, title, "The files of the weight rays are missing, or cannot be read.")
    } else {
        Figure::left_out(name, title, "")
    }
}

/// The axis of a layer's size, and what is left of it at a sparsity: neurons, where the first width is
/// known, else a fraction.
pub(super) fn size_of_layer(first: Option<usize>) -> (Axis, impl Fn(f64) -> f64) {
    let label = if first.is_some() { NEURONS_OF_LAYER } else { FRACTION_LEFT };
    let left = move |sparsity: f64| match first {
        Some(first) => (first as f64 * (1.0 - sparsity)).round(),
        None => 1.0 - sparsity,
    };
    (Axis::size(label), left)
}

/// By cycle: sparsity, and the values of the seeds.
type Steps = BTreeMap<usize, (f64, Vec<f64>)>;

/// `mean |r| / m` down the ladder, one panel a layer.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("weight_rays", "Magnitude of the weight rays");
    if facts.rays.is_empty() {
        return none(facts, name, title);
    }
    let mut all: BTreeMap<usize, BTreeMap<&str, Steps>> = BTreeMap::new();
    for rays in &facts.rays {
        let steps = all.entry(rays.layer).or_default().entry(&rays.method).or_default();
        steps.entry(rays.cycle).or_insert((rays.sparsity, vec![])).1.push(rays.magnitude());
    }
    let layers = all.len();
    let panel = |(layer, methods): (usize, BTreeMap<&str, Steps>)| {
        let (x, left) = size_of_layer(facts.first_width(layer));
        let curve = |(method, steps): (&str, Steps)| {
            let steps = steps.into_values();
            let points = steps.filter_map(|(sparsity, values)| {
                Some(Point::of(left(sparsity), Estimate::of(&values)?))
            });
            let colour = facts.colour(method);
            Curve::new(method.to_owned(), colour, Style::Steps, points.collect())
        };
        Panel {
            title: if layers > 1 { format!("hidden layer {layer}") } else { String::new() },
            x,
            y: Axis::positive("mean |ray sum| / m"),
            curves: methods.into_iter().map(curve).collect(),
        }
    };
    let caption = "Mean absolute entry of the ray sum, divided by the number m of neurons before the clip, \
                   as in Figure 3 of the paper; means over the seeds with their 95 % interval.";
    let panels = all.into_iter().map(panel).collect();
    Figure { panels, ..Figure::left_out(name, title, caption) }
}
