//! Accuracy against size: Figures 1 and 2 of the paper, and the accuracy after training.

use rayclip_run_folder::METHOD_SCRATCH;
use rayclip_run_folder::read::Rung;

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::verdict::Difference;
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::figures::size::{FRACTION_LEFT, NEURONS};
use crate::paper::published::{METHODS, Series, smoothed};

const ACCURACY: &str = "test accuracy";
const AFTER_CLIP: &str = "Test accuracy right after the clip";

/// Name and title of a figure.
const AFTER_TRAINING: (&str, &str) =
    ("accuracy_after_training", "Test accuracy after the training that follows");

/// A close-up of fewer clips would show nothing more.
const FEW: usize = 4;

/// Draws Figure 1 of the paper.
pub(super) fn after_clip(facts: &Facts) -> Figure {
    raw_and_smoothed(facts, "accuracy", AFTER_CLIP)
}

/// Draws Figure 2 of the paper: the small networks.
pub(super) fn closeup(facts: &Facts) -> Figure {
    let mut figure = raw_and_smoothed(facts, "accuracy_closeup", AFTER_CLIP);
    let title = format!("{AFTER_CLIP}: a close-up of the smallest networks");
    if figure.panels.is_empty() {
        return Figure { title, ..figure };
    }
    let first =
        facts.comparison.as_ref().map_or(1.0, |comparison| comparison.neurons_before as f64);
    let points = figure.panels.iter().flat_map(|panel| &panel.curves).flat_map(|c| &c.points);
    let Some(largest) = largest_of_closeup(points.map(|point| point.x).collect(), first) else {
        return Figure::left_out(figure.name, &title, "");
    };
    for curve in figure.panels.iter_mut().flat_map(|panel| &mut panel.curves) {
        curve.points.retain(|point| point.x <= largest);
    }
    let title = match &facts.comparison {
        Some(_) => format!("{AFTER_CLIP}: a close-up of {largest:.0} neurons and fewer"),
        None => title,
    };
    Figure { title, ..figure }
}

/// Returns the size of the largest network in the close-up. It is the first with at most a fifth of the neurons, as
/// in the paper. If the ladder has few clips there, it is the one in the middle of the ladder. Returns `None` if
/// the ladder has few clips in all.
fn largest_of_closeup(mut sizes: Vec<f64>, first: f64) -> Option<f64> {
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    sizes.dedup();
    let fifth = sizes.iter().position(|size| *size <= 0.2 * first + 1e-9).unwrap_or(sizes.len());
    let first = if sizes.len() - fifth >= FEW { fifth } else { sizes.len() / 2 };
    (sizes.len() - first >= FEW).then(|| sizes[first])
}

fn raw_and_smoothed(facts: &Facts, name: &'static str, title: &str) -> Figure {
    let Some(comparison) = &facts.comparison else { return recorded_alone(facts, name, title) };
    let mut curves = vec![];
    for (colour, method) in comparison.methods.iter().enumerate() {
        let points = raw(comparison, Measure::AccuracyAfterClip, colour);
        let curve = |style| Curve::new(method.clone(), colour, style, points);
        curves.push(if is_sparse(comparison, colour) {
            curve(Style::Bars)
        } else {
            curve(Style::Dots).in_role("mean")
        });
    }
    for (colour, method) in comparison.methods.iter().enumerate() {
        if is_sparse(comparison, colour) {
            continue;
        }
        let points = smoothed(comparison, colour).into_iter();
        let points = points.map(|(sparsity, mean)| Point::of(left(comparison, sparsity), mean));
        curves.push(Curve::new(method.clone(), colour, Style::Line, points.collect()));
    }
    // Table I is the recorded run, smoothed.
    let published = Series::beside(comparison).map(|table| match &facts.recorded {
        Some(recorded) => (recorded.accuracies.smoothed(), "recorded run"),
        None => (table, "Table I"),
    });
    if let Some((series, whose)) = published {
        for (index, method) in METHODS.iter().enumerate() {
            let Ok(colour) = comparison.method(method) else { continue };
            let points = series.curve(index).map(|(s, y)| Point::bare(left(comparison, s), y));
            let name = comparison.methods[colour].clone();
            curves.push(Curve::new(name, colour, Style::Dashed, points.collect()).in_role(whose));
        }
    }
    let (x, y) = (Axis::size(NEURONS), Axis::fraction(ACCURACY));
    Figure {
        caption: format!(
            "Dots: means over at most {} seeds. Lines: means of the seeds that have every clip, each smoothed as \
             in the paper (LOWESS over 0.3 of the clips, three robust passes). The band is the 95 % interval of \
             their mean (Student).{}{}",
            comparison.seeds(),
            if comparison.seeds() < 2 { " One seed has no interval." } else { "" },
            if has_scratch(comparison) {
                " scratch always had its width, the others were just clipped: the fair comparison is after the \
                 training that follows."
            } else {
                ""
            }
        ),
        panels: vec![Panel { title: String::new(), x, y, curves }],
        ..Figure::left_out(name, title, "")
    }
}

/// Draws the author's recorded run, if no other run is given.
fn recorded_alone(facts: &Facts, name: &'static str, title: &str) -> Figure {
    let Some(recorded) = facts.recorded.as_ref().filter(|_| facts.runs.is_empty()) else {
        return gap(name, title);
    };
    let smoothed = recorded.accuracies.smoothed();
    let styles = [(&recorded.accuracies, Style::Dots, "raw"), (&smoothed, Style::Line, "")];
    let curves = styles.into_iter().flat_map(|(series, style, role)| {
        METHODS.iter().enumerate().map(move |(colour, method)| {
            let points = series.curve(colour).map(|(s, y)| Point::bare(1.0 - s, y));
            Curve::new((*method).to_owned(), colour, style, points.collect()).in_role(role)
        })
    });
    let (x, y) = (Axis::size(FRACTION_LEFT), Axis::fraction(ACCURACY));
    let panel = Panel { title: String::new(), x, y, curves: curves.collect() };
    let caption = "The author's recorded run: one seed per method, raw (dots) and smoothed as in the paper \
                   (lines).";
    Figure { panels: vec![panel], ..Figure::left_out(name, title, caption) }
}

/// Draws the accuracy after the training that follows the clip.
pub(super) fn after_training(facts: &Facts) -> Figure {
    match &facts.comparison {
        Some(comparison) => accuracy_after_training(comparison),
        None => gap(AFTER_TRAINING.0, AFTER_TRAINING.1),
    }
}

/// Draws the accuracy of a comparison's networks by size, after the training that follows each clip.
pub fn accuracy_after_training(comparison: &Comparison) -> Figure {
    let (name, title) = AFTER_TRAINING;
    let curve = |(colour, method): (usize, &String)| {
        let style = if is_sparse(comparison, colour) { Style::Bars } else { Style::Line };
        let points = raw(comparison, Measure::AccuracyAfterTraining, colour);
        Curve::new(method.clone(), colour, style, points)
    };
    let curves = comparison.methods.iter().enumerate().map(curve).collect();
    let (x, y) = (Axis::size(NEURONS), Axis::fraction(ACCURACY));
    Figure {
        caption: format!(
            "{}. This is the network that one would use at that size.{}",
            if comparison.seeds() < 2 {
                "One seed, not smoothed"
            } else {
                "Means over the seeds with their 95 % interval, not smoothed"
            },
            if has_scratch(comparison) { " scratch is a fresh one." } else { "" }
        ),
        panels: vec![Panel { title: String::new(), x, y, curves }],
        ..Figure::left_out(name, title, "")
    }
}

/// Draws every method minus the baseline.
pub(super) fn differences(facts: &Facts) -> Figure {
    let (name, title) = ("differences", "Differences from the baseline, paired by seed");
    let Some(comparison) = &facts.comparison else { return gap(name, title) };
    if comparison.methods.len() < 2 {
        return Figure::left_out(name, title, "");
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
                x: row.neurons as f64,
                y: row.mean,
                interval: row.interval(),
                n: row.n,
            };
            Curve::new(method.clone(), colour, Style::Bars, own.map(point).collect())
        };
        Panel {
            title: when.into(),
            x: Axis::size(NEURONS),
            y: Axis::new("difference in accuracy"),
            curves: comparison.compared(measure, facts.baseline).into_iter().map(curve).collect(),
        }
    });
    Figure {
        title: format!("Differences from {}, paired by seed", comparison.methods[facts.baseline]),
        caption: "Means over the seeds, with intervals that hold jointly with 96 %. An interval that excludes 0 \
                  shows a difference, like the verdicts below. Bars at one width are moved apart a little."
            .into(),
        panels: panels.filter(|panel| !panel.curves.is_empty()).collect(),
        ..Figure::left_out(name, title, "")
    }
}

fn has_scratch(comparison: &Comparison) -> bool {
    comparison.methods.iter().any(|method| method.starts_with(METHOD_SCRATCH))
}

/// Returns whether a method trains only at some rungs, as `scratch` does. A line would suggest values between them.
fn is_sparse(comparison: &Comparison, method: usize) -> bool {
    2 * raw(comparison, Measure::AccuracyAfterClip, method).len() < comparison.rungs.len()
}

/// Returns the hidden neurons that are left at a sparsity.
fn left(comparison: &Comparison, sparsity: f64) -> f64 {
    (comparison.neurons_before as f64 * (1.0 - sparsity)).round()
}

/// Returns the means of a measure by hidden neurons.
fn raw(comparison: &Comparison, measure: Measure, method: usize) -> Vec<Point> {
    let point = |rung: &Rung| {
        let neurons = rung.neurons() as f64;
        Some(Point::of(neurons, comparison.estimate(measure, rung.cycle, method)?))
    };
    comparison.rungs.values().filter_map(point).collect()
}

fn gap(name: &'static str, title: &str) -> Figure {
    Figure::gap(name, title, "There is no clip to show.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::run::Run;
    use crate::read::sample::{clip, run_of};

    /// Returns a run through `widths`, with a falling accuracy.
    fn run(widths: &[usize]) -> Run {
        let clips = widths.windows(2).enumerate();
        let clips =
            clips.map(|(cycle, pair)| clip(0, cycle, pair[0], pair[1], 0.9 - 0.01 * cycle as f64));
        let mut run = run_of(clips.collect());
        run.groups.widths = vec![widths[0]];
        run
    }

    fn facts(widths: &[usize]) -> Facts {
        let comparison = Comparison::of(&[run(widths)]).ok();
        Facts { comparison, ..Facts::default() }
    }

    #[test]
    fn the_close_up_goes_by_the_ladder() {
        let paper: Vec<usize> =
            std::iter::successors(Some(512), |m| Some((0.9 * (m - 1) as f64).ceil() as usize))
                .take(35)
                .collect();
        let figure = closeup(&facts(&paper));
        assert!(figure.title.ends_with("of 102 neurons and fewer"), "{}", figure.title);
        let sizes = figure.panels[0].curves.iter().flat_map(|curve| &curve.points);
        assert!(sizes.clone().count() > 20 && sizes.clone().all(|point| point.x <= 102.0));
        // If a ladder never reaches a fifth of its neurons, the close-up shows its lower half.
        let short = closeup(&facts(&[24, 21, 18, 16, 14, 12, 10, 9, 8]));
        assert!(short.title.ends_with("of 12 neurons and fewer"), "{}", short.title);
        let few = closeup(&facts(&[24, 21, 18]));
        assert!(few.panels.is_empty() && !few.is_missing);
    }

    #[test]
    fn figures_of_accuracy_go_by_neurons() {
        let figure = after_clip(&facts(&[100, 50, 25, 12]));
        let curves = &figure.panels[0].curves;
        assert_eq!(curves.iter().map(Curve::full_name).collect::<Vec<_>>(), ["dtc, mean", "dtc"]);
        for curve in curves {
            let sizes: Vec<f64> = curve.points.iter().map(|point| point.x).collect();
            assert_eq!(sizes, [50.0, 25.0, 12.0]);
        }
    }
}
