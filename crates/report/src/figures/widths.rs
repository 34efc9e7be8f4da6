//! The widths of the groups after every clip: which groups are cut the hardest.

use std::collections::BTreeMap;

use rayclip_run_folder::CycleRow;

use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, GREY, Panel, Point, Style};
use crate::figures::size::NEURONS;
use crate::read::run::Run;

/// The most curves with a colour and a name in the legend.
const NAMED: usize = 12;

/// Draws the width of every group, one panel for all methods with the same widths.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("group_widths", "Widths of the groups");
    let ladders = ladders(facts);
    let Some(groups) = facts.runs.iter().find(|run| !run.rows.is_empty()).map(|run| &run.groups)
    else {
        return Figure::gap(name, title, "There is no clip to show.");
    };
    // The horizontal axis of the other figures shows the width of a group alone.
    if ladders.is_empty() || groups.names.len() < 2 {
        return Figure::left_out(name, title, "");
    }
    let sets = sets(&ladders, groups.names.len());
    let panel = |ladder: &Ladder| Panel {
        title: if ladders.len() > 1 { ladder.methods.join(", ") } else { String::new() },
        x: Axis::size(NEURONS),
        y: Axis { limits: (0.0, 1.0), ..Axis::log("fraction of the first width (log scale)") },
        curves: curves(ladder, &sets, &groups.names),
    };
    Figure {
        caption: caption(&ladders, &sets),
        panels: ladders.iter().map(panel).collect(),
        ..Figure::left_out(name, title, "")
    }
}

fn caption(ladders: &[Ladder], sets: &[Vec<usize>]) -> String {
    let shared = if sets.iter().any(|set| set.len() > 1) {
        " Groups with the same widths share a curve."
    } else {
        ""
    };
    let legend = if sets.len() > NAMED {
        let (half, others) = (NAMED / 2, sets.len() - NAMED);
        let over = if ladders.len() > 1 { ", on average over the panels" } else { "" };
        format!(
            "The legend names the {half} curves that end highest and the {half} that end lowest{over}; the others \
             ({others}) are grey."
        )
    } else {
        "The legend has the curves in the order of their ends, from top to bottom.".into()
    };
    let mut points = ladders.iter().flat_map(|ladder| ladder.groups.iter().flatten());
    let interval = if points.any(|point| point.interval.is_some()) {
        " Means over the seeds. A band reaches from the narrowest network to the widest; grey curves have none."
    } else {
        ""
    };
    format!(
        "Width of every group after each clip, divided by its width before the first clip. Below the dashed line \
         are the groups that were cut harder than the network as a whole.{shared} {legend}{interval}"
    )
}

/// The widths that some methods have in common.
struct Ladder {
    methods: Vec<String>,
    /// Fractions of the first widths, `[group][clip]`. The first point is before the first clip.
    groups: Vec<Vec<Point>>,
    /// Fractions of the first neurons of all groups, `[clip]`.
    whole: Vec<Point>,
}

impl Ladder {
    fn new(method: String, clips: &BTreeMap<usize, Clip>) -> Self {
        let first = clips.values().next().map_or(1.0, Clip::mean_neurons);
        let groups = clips.values().next().map_or(0, |clip| clip.fractions.len());
        let whole = |clip: &Clip| Point::bare(clip.mean_neurons(), clip.mean_neurons() / first);
        let of_group = |group| clips.values().map(|clip| clip.point(group)).collect();
        Self {
            methods: vec![method],
            groups: (0..groups).map(of_group).collect(),
            whole: clips.values().map(whole).collect(),
        }
    }

    /// Returns whether two methods have the same widths after every clip that both have.
    fn agrees(&self, other: &Self) -> bool {
        let same = |(one, other): (&Point, &Point)| one.x == other.x && one.y == other.y;
        let pairs = self.groups.iter().zip(&other.groups);
        pairs.flat_map(|(one, other)| one.iter().zip(other)).all(same)
    }
}

/// The widths of the replicas of a method after a clip.
#[derive(Default)]
struct Clip {
    /// Neurons of all groups, `[replica]`.
    neurons: Vec<f64>,
    /// Fractions of the first widths, `[group][replica]`.
    fractions: Vec<Vec<f64>>,
}

impl Clip {
    /// Adds a replica.
    fn add(&mut self, widths: &[usize], first: &[usize]) {
        self.neurons.push(widths.iter().map(|width| *width as f64).sum());
        self.fractions.resize(widths.len(), vec![]);
        for (values, (width, first)) in self.fractions.iter_mut().zip(widths.iter().zip(first)) {
            values.push(*width as f64 / *first as f64);
        }
    }

    fn mean_neurons(&self) -> f64 {
        self.neurons.iter().sum::<f64>() / self.neurons.len() as f64
    }

    /// Returns the mean of a group, from the smallest to the largest replica.
    fn point(&self, group: usize) -> Point {
        let fractions = &self.fractions[group];
        let n = fractions.len();
        let least = fractions.iter().copied().fold(f64::INFINITY, f64::min);
        let most = fractions.iter().copied().fold(0.0, f64::max);
        // Replicas with one ladder have the same widths. Their mean could be off by a rounding error.
        let (y, interval) = if least < most {
            (fractions.iter().sum::<f64>() / n as f64, Some((least, most)))
        } else {
            (most, None)
        };
        Point { x: self.mean_neurons(), y, interval, n }
    }
}

/// Returns the widths of all methods, the methods with the same widths together. `scratch` clips nothing.
fn ladders(facts: &Facts) -> Vec<Ladder> {
    let mut clips: BTreeMap<(usize, String), BTreeMap<usize, Clip>> = BTreeMap::new();
    for (run, labels) in facts.labelled() {
        for ((method, _), cycles) in replicas(run) {
            let label = labels(method);
            let clips = clips.entry((facts.colour(&label), label)).or_default();
            let first = &run.groups.widths;
            let mut widths = first.clone();
            clips.entry(0).or_default().add(&widths, first);
            for (cycle, rows) in cycles {
                for row in rows {
                    if let Some(group) = run.groups.position(&row.group) {
                        widths[group] = row.width_after;
                    }
                }
                clips.entry(cycle + 1).or_default().add(&widths, first);
            }
        }
    }
    let mut ladders: Vec<Ladder> = vec![];
    for ((_, method), clips) in clips {
        let own = Ladder::new(method, &clips);
        match ladders.iter_mut().find(|known| known.agrees(&own)) {
            Some(known) => {
                known.methods.extend(own.methods);
                // A method that ended early must not hide the clips of the others.
                if own.whole.len() > known.whole.len() {
                    (known.groups, known.whole) = (own.groups, own.whole);
                }
            }
            None => ladders.push(own),
        }
    }
    ladders
}

/// Returns the rows of a run by method and replica, and then by cycle.
fn replicas(run: &Run) -> BTreeMap<(&str, usize), BTreeMap<usize, Vec<&CycleRow>>> {
    let mut replicas: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
    for row in run.rows.iter().filter(|row| !row.is_scratch()) {
        let cycles = replicas.entry((row.method.as_str(), row.replica)).or_default();
        cycles.entry(row.cycle).or_default().push(row);
    }
    replicas
}

/// Returns sets of groups with the same widths in every ladder, those that keep the most of their width first.
fn sets(ladders: &[Ladder], groups: usize) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = vec![];
    for group in 0..groups {
        let same = |set: &&mut Vec<usize>| {
            ladders.iter().all(|ladder| ladder.groups[set[0]] == ladder.groups[group])
        };
        match sets.iter_mut().find(same) {
            Some(set) => set.push(group),
            None => sets.push(vec![group]),
        }
    }
    let end = |set: &Vec<usize>| -> f64 {
        ladders.iter().filter_map(|ladder| ladder.groups[set[0]].last()).map(|point| point.y).sum()
    };
    sets.sort_by(|one, other| end(other).total_cmp(&end(one)));
    sets
}

/// Returns the curves of a panel: the groups without a colour, those with one, and all groups together.
fn curves(ladder: &Ladder, sets: &[Vec<usize>], names: &[String]) -> Vec<Curve> {
    let curve = |set: &Vec<usize>, colour| {
        let all: Vec<&str> = set.iter().map(|group| names[*group].as_str()).collect();
        let mut points = ladder.groups[set[0]].clone();
        if colour == GREY {
            // So many bands would hide the curves.
            for point in &mut points {
                point.interval = None;
            }
        }
        let curve = Curve::new(all.join(", "), colour, Style::Line, points);
        match set.len() {
            _ if colour == GREY => curve.listed_as("other groups".into()),
            1 => curve,
            count => curve.listed_as(format!("{} and {} more", all[0], count - 1)),
        }
    };
    let others = sets.len().saturating_sub(NAMED);
    let (high, rest) = sets.split_at(if others > 0 { NAMED / 2 } else { sets.len() });
    let (others, low) = rest.split_at(others);
    let named = high.iter().chain(low).enumerate();
    let mut curves: Vec<Curve> = others.iter().map(|set| curve(set, GREY)).collect();
    curves.extend(named.map(|(colour, set)| curve(set, colour)));
    let whole = ladder.whole.clone();
    curves.push(Curve::new("all groups together".into(), GREY, Style::Dashed, whole));
    curves
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::read::Groups;

    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::read::sample::{clip, run_of};

    /// Returns the facts of a run of groups with 100 neurons each: for every replica its method, and the widths of
    /// all groups after every clip.
    fn facts(replicas: &[(&str, &[&[usize]])]) -> Facts {
        let mut rows = vec![];
        for (replica, (method, clips)) in replicas.iter().enumerate() {
            let mut before = vec![100; clips[0].len()];
            for (cycle, widths) in clips.iter().enumerate() {
                let of_group = |(group, width): (usize, &usize)| CycleRow {
                    method: (*method).to_owned(),
                    group: format!("group_{group}"),
                    ..clip(replica, cycle, before[group], *width, 0.9)
                };
                rows.extend(widths.iter().enumerate().map(of_group));
                before = widths.to_vec();
            }
        }
        let count = replicas[0].1[0].len();
        let names = (0..count).map(|group| format!("group_{group}")).collect();
        let run = Run { groups: Groups { names, widths: vec![100; count] }, ..run_of(rows) };
        let comparison = Comparison::of(std::slice::from_ref(&run)).ok();
        Facts { comparison, runs: vec![run], ..Facts::default() }
    }

    fn values(curve: &Curve) -> Vec<(f64, f64)> {
        curve.points.iter().map(|point| (point.x, point.y)).collect()
    }

    #[test]
    fn groups_with_the_same_widths_share_a_curve_and_the_hardest_cut_is_last() {
        let clips: [&[usize]; 2] = [&[50, 80, 50], &[10, 80, 10]];
        let figure = figure(&facts(&[("l2", &clips), ("l1", &clips[..1])]));
        let [panel] = &figure.panels[..] else { panic!("methods with one ladder share a panel") };
        let names: Vec<String> = panel.curves.iter().map(Curve::full_name).collect();
        assert_eq!(names, ["group_1", "group_0, group_2", "all groups together"]);
        assert_eq!(panel.curves[1].entry(), "group_0 and 1 more");
        assert_eq!(values(&panel.curves[1]), [(300.0, 1.0), (180.0, 0.5), (100.0, 0.1)]);
        assert_eq!(values(&panel.curves[2]), [(300.0, 1.0), (180.0, 0.6), (100.0, 1.0 / 3.0)]);
        assert!(figure.caption.contains("share a curve") && !figure.caption.contains("band"));
    }

    #[test]
    fn replicas_with_widths_of_their_own_have_an_interval_and_methods_a_panel() {
        let figure = figure(&facts(&[
            ("l2", &[&[50, 80]]),
            ("l2", &[&[60, 70]]),
            ("l1", &[&[20, 70]]),
            ("scratch", &[&[30, 30]]),
        ]));
        let titles: Vec<&str> = figure.panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, ["l2", "l1"]);
        let end = figure.panels[0].curves[0].points[1];
        assert_eq!((end.x, end.y, end.n), (130.0, 0.75, 2));
        assert_eq!(end.interval, Some((0.7, 0.8)));
        assert!(figure.caption.contains("A band reaches"));
    }

    #[test]
    fn of_many_groups_the_first_and_the_last_have_names() {
        let widths: Vec<usize> = (0..20).map(|group| 99 - group).collect();
        let figure = figure(&facts(&[("l2", &[&widths])]));
        let curves = &figure.panels[0].curves;
        let others = curves.iter().filter(|curve| curve.entry() == "other groups").count();
        assert_eq!((curves.len(), others), (21, 8));
        // The table has the names of all.
        assert_eq!((curves[0].full_name(), curves[0].colour), ("group_6".to_owned(), GREY));
        assert_eq!((curves[8].entry(), curves[8].colour), ("group_0", 0));
        assert_eq!((curves[19].entry(), curves[19].colour), ("group_19", 11));
        assert!(figure.caption.contains("the others (8) are grey"), "{}", figure.caption);
    }

    #[test]
    fn one_group_has_no_figure_and_no_clip_is_a_gap() {
        let figure = |facts: &Facts| (figure(facts).panels.len(), figure(facts).is_missing);
        assert_eq!(figure(&facts(&[("l2", &[&[50]])])), (0, false));
        assert_eq!(figure(&facts(&[("scratch", &[&[50, 50]])])), (0, false));
        assert_eq!(figure(&Facts { runs: vec![run_of(vec![])], ..Facts::default() }), (0, true));
    }
}
