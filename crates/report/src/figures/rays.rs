//! The magnitude of the weight rays: Figure 3 of the paper.

use std::collections::BTreeMap;

use rayclip_run_folder::CycleRow;

use crate::compare::statistics::Estimate;
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::figures::size::size_of_group;

/// Returns the figure if there are no rays. They are missing if a method reconstructs rays.
pub(super) fn none(facts: &Facts, name: &'static str, title: &str) -> Figure {
    let has_rays = facts.runs.iter().flat_map(|run| &run.rows).any(CycleRow::has_rays);
    if has_rays {
        Figure::gap(name, title, "The files of the weight rays are missing, or cannot be read.")
    } else {
        Figure::left_out(name, title, "")
    }
}

/// By cycle: sparsity, and the values of the seeds.
type Steps = BTreeMap<usize, (f64, Vec<f64>)>;

/// Draws `mean |r| / m` at every rung, one panel per group.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("weight_rays", "Magnitude of the weight rays");
    if facts.rays.is_empty() {
        return none(facts, name, title);
    }
    // The groups are in the order of the network.
    let mut all: BTreeMap<(usize, &str), BTreeMap<&str, Steps>> = BTreeMap::new();
    for rays in &facts.rays {
        let of_group = all.entry((rays.position, &rays.group)).or_default();
        let steps = of_group.entry(&rays.method).or_default();
        steps.entry(rays.cycle).or_insert((rays.sparsity, vec![])).1.push(rays.magnitude());
    }
    let panel = |((_, group), methods): ((usize, &str), BTreeMap<&str, Steps>)| {
        let (x, left) = size_of_group(facts.first_width(group));
        let curve = |(method, steps): (&str, Steps)| {
            let steps = steps.into_values();
            let points = steps.filter_map(|(sparsity, values)| {
                Some(Point::of(left(sparsity), Estimate::of(&values)?))
            });
            let colour = facts.colour(method);
            Curve::new(method.to_owned(), colour, Style::Line, points.collect())
        };
        Panel {
            title: if facts.has_several_groups() { group.to_owned() } else { String::new() },
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
