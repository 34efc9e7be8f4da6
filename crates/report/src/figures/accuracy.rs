//! Accuracy over the sparsity: Figures 1 and 2 of the paper, and what retraining makes of them.

use crate::clips::SCRATCH;
use crate::comparison::{Comparison, Measure};
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::published::{METHODS, Series, smoothed};
use crate::verdict::Difference;

const SPARSITY: &str = "sparsity (fraction of the hidden neurons clipped)";
const ACCURACY: &str = "test accuracy";

/// Figure 1 of the paper.
pub(super) fn after_clip(facts: &Facts) -> Figure {
    let title = "Test accuracy right after the clip";
    raw_and_smoothed(facts, "accuracy", title, Axis::new(SPARSITY))
}

/// Figure 2 of the paper.
pub(super) fn closeup(facts: &Facts) -> Figure {
    let title = "Test accuracy right after the clip, from sparsity 0.8 on";
    let name = "accuracy_closeup";
    let mut figure = raw_and_smoothed(facts, name, title, Axis::new(SPARSITY).within(0.8, 1.0));
    let curves = figure.panels.iter_mut().flat_map(|panel| &mut panel.curves);
    let mut left = 0;
    for curve in curves {
        curve.points.retain(|point| point.x >= 0.8);
        left += curve.points.len();
    }
    if left == 0 { Figure::gap(name, title, "No clip has led to sparsity 0.8.") } else { figure }
}

fn raw_and_smoothed(facts: &Facts, name: &'static str, title: &str, x: Axis) -> Figure {
    let Some(comparison) = &facts.comparison else { return recorded_alone(facts, name, title, x) };
    let mut curves = vec![];
    for (colour, method) in comparison.methods.iter().enumerate() {
        let points = raw(comparison, Measure::AccuracyAfterClip, colour);
        let (name, style) = if is_sparse(comparison, colour) {
            (method.clone(), Style::Bars)
        } else {
            (format!("{method}, raw"), Style::Dots)
        };
        curves.push(Curve { name, colour, style, points });
    }
    for (colour, method) in comparison.methods.iter().enumerate() {
        if is_sparse(comparison, colour) {
            continue;
        }
        let points = smoothed(comparison, colour).into_iter().map(|(x, y)| Point::of(x, y));
        let points = points.collect();
        curves.push(Curve { name: method.clone(), colour, style: Style::Line, points });
    }
    // Table I is the recorded run, smoothed.
    let published = Series::beside(comparison).map(|table| match &facts.recorded {
        Some(recorded) => (recorded.accuracies.smoothed(), "recorded run"),
        None => (table, "Table I"),
    });
    if let Some((series, whose)) = published {
        for (place, method) in METHODS.iter().enumerate() {
            let Ok(colour) = comparison.method(method) else { continue };
            let points = series.curve(place).map(|(x, y)| Point::bare(x, y)).collect();
            let name = format!("{method}, {whose}");
            curves.push(Curve { name, colour, style: Style::Dashed, points });
        }
    }
    let panel = Panel { title: String::new(), x, y: Axis::fraction(ACCURACY), curves };
    Figure {
        name,
        title: title.into(),
        caption: format!(
            "Dots: means over the seeds, {} at most. Lines: the same smoothed seed by seed as in the paper \
             (LOWESS over 0.3 of the clips, three robust passes), of the seeds that have every clip; the band \
             is the 95 % interval of their mean (Student).{}{}",
            comparison.seeds(),
            if comparison.seeds() < 2 { " One seed has no interval." } else { "" },
            if has_scratch(comparison) {
                " scratch had its width all along, the others were clipped just now: the fair comparison is \
                 after the training that follows."
            } else {
                ""
            }
        ),
        panels: vec![panel],
    }
}

/// The author's recorded run, where no other is given.
fn recorded_alone(facts: &Facts, name: &'static str, title: &str, x: Axis) -> Figure {
    let Some(recorded) = facts.recorded.as_ref().filter(|_| facts.runs.is_empty()) else {
        return gap(name, title);
    };
    let smoothed = recorded.accuracies.smoothed();
    let styles =
        [(&recorded.accuracies, Style::Dots, ", raw"), (&smoothed, Style::Line, ", smoothed")];
    let curves = styles.into_iter().flat_map(|(series, style, how)| {
        METHODS.iter().enumerate().map(move |(colour, method)| Curve {
            name: format!("{method}{how}"),
            colour,
            style,
            points: series.curve(colour).map(|(x, y)| Point::bare(x, y)).collect(),
        })
    });
    let curves = curves.collect();
    Figure {
        name,
        title: title.into(),
        caption:
            "The author's recorded run: one seed a method, as it is and smoothed as in the paper."
                .into(),
        panels: vec![Panel { title: String::new(), x, y: Axis::fraction(ACCURACY), curves }],
    }
}

/// What is left after the training that follows the clip.
pub(super) fn after_training(facts: &Facts) -> Figure {
    let (name, title) =
        ("accuracy_after_training", "Test accuracy after the training that follows");
    let Some(comparison) = &facts.comparison else { return gap(name, title) };
    let curve = |(colour, method): (usize, &String)| Curve {
        name: method.clone(),
        colour,
        style: if is_sparse(comparison, colour) { Style::Bars } else { Style::Line },
        points: raw(comparison, Measure::AccuracyAfterTraining, colour),
    };
    let curves = comparison.methods.iter().enumerate().map(curve).collect();
    let (x, y) = (Axis::new(SPARSITY), Axis::fraction(ACCURACY));
    Figure {
        name,
        title: title.into(),
        caption: format!(
            "Means over the seeds with their 95 % interval, not smoothed. This is the network that one would \
             use at that size.{}",
            if has_scratch(comparison) { " scratch is a fresh one, trained as long." } else { "" }
        ),
        panels: vec![Panel { title: String::new(), x, y, curves }],
    }
}

/// Every method minus the baseline.
pub(super) fn differences(facts: &Facts) -> Figure {
    let (name, title) = ("differences", "Differences from the baseline, paired by seed");
    let Some(comparison) = &facts.comparison else { return gap(name, title) };
    if comparison.methods.len() < 2 {
        return Figure::gap(name, title, "There is one method alone: nothing to compare it with.");
    }
    let measures = [
        (Measure::AccuracyAfterTraining, "after the training that follows"),
        (Measure::AccuracyAfterClip, "right after the clip"),
    ];
    let family = comparison.family(facts.baseline);
    let panels = measures.into_iter().map(|(measure, when)| {
        let curve = |colour: usize| {
            let method = &comparison.methods[colour];
            let own = family.iter().filter(|row| row.measure == measure && row.method == *method);
            let point = |row: &Difference| Point {
                x: row.sparsity,
                y: row.mean,
                interval: row.interval(),
                n: row.n,
            };
            Curve {
                name: method.clone(),
                colour,
                style: Style::Bars,
                points: own.map(point).collect(),
            }
        };
        Panel {
            title: when.into(),
            x: Axis::new(SPARSITY),
            y: Axis::new("difference of accuracy"),
            curves: comparison.compared(measure, facts.baseline).into_iter().map(curve).collect(),
        }
    });
    Figure {
        name,
        title: format!("Differences from {}, paired by seed", comparison.methods[facts.baseline]),
        caption: "Means over the seeds, with intervals of which all hold at once with 96 %: one that does not \
                  hold 0 shows a difference, as the verdicts below say. Bars at one sparsity are moved apart a \
                  little."
            .into(),
        panels: panels.filter(|panel| !panel.curves.is_empty()).collect(),
    }
}

fn has_scratch(comparison: &Comparison) -> bool {
    comparison.methods.iter().any(|method| method.starts_with(SCRATCH))
}

/// Whether a method trains at some rungs only, as `scratch` does: a line would make up what lies between.
fn is_sparse(comparison: &Comparison, method: usize) -> bool {
    2 * raw(comparison, Measure::AccuracyAfterClip, method).len() < comparison.rungs.len()
}

/// Means of a measure by sparsity.
fn raw(comparison: &Comparison, measure: Measure, method: usize) -> Vec<Point> {
    let point = |rung: &crate::Rung| {
        Some(Point::of(rung.sparsity, comparison.estimate(measure, rung.cycle, method)?))
    };
    comparison.rungs.values().filter_map(point).collect()
}

fn gap(name: &'static str, title: &str) -> Figure {
    Figure::gap(name, title, "There is no clip to show.")
}
