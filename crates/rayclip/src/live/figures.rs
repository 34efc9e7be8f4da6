//! The figures of `rayclip watch`: curves, ladder, rays.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Stylize};
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Bar, BarChart, Block, Chart, Dataset, GraphType, Paragraph};

use super::Live;
use super::text::{colour, fitting};

/// A value for each cycle.
struct Curve {
    /// The index of its method, which gives the colour.
    method: usize,
    marker: Marker,
    kind: GraphType,
    points: Vec<(f64, f64)>,
}

pub(super) fn draw_accuracy(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let mut curves = vec![];
    for (index, method) in live.run.methods().into_iter().enumerate() {
        let after_clip = live.curve(method, |clip| Some(clip.accuracy_after_clip));
        let after_training = live.curve(method, |clip| clip.accuracy_after_training);
        let (dot, braille) = (Marker::Dot, Marker::Braille);
        let (scatter, line) = (GraphType::Scatter, GraphType::Line);
        curves.push(Curve { method: index, marker: dot, kind: scatter, points: after_clip });
        curves.push(Curve { method: index, marker: braille, kind: line, points: after_training });
    }
    let last = |index: usize| curves[index].points.last().map(|(_, y)| format!("{y:.4}"));
    let (clipped, trained) = match curves.len() {
        2 => {
            let value = |index| format!(" {}", last(index).unwrap_or("–".into()));
            (value(0), value(1))
        }
        _ => (String::new(), String::new()),
    };
    let titles = [
        format!("accuracy: • after the clip{clipped}, ━ after training{trained}"),
        format!("accuracy: • after clip{clipped} ━ trained{trained}"),
        format!("• after clip{clipped} ━ trained{trained}"),
        format!("•{clipped} ━{trained}"),
    ];
    let title = fitting(titles, area.width.saturating_sub(2));
    draw_curves(live, frame, area, &Curves { title, all: curves, largest: 1.0 });
}

pub(super) fn draw_loss(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let curve = |(index, method): (usize, &str)| Curve {
        method: index,
        marker: Marker::Braille,
        kind: GraphType::Line,
        points: live.curve(method, |clip| clip.train_loss),
    };
    let curves = live.run.methods().into_iter().enumerate().map(curve).collect();
    let title = "training loss".to_owned();
    draw_curves(live, frame, area, &Curves { title, all: curves, largest: f64::INFINITY });
}

/// Curves in one box.
struct Curves {
    title: String,
    all: Vec<Curve>,
    /// The largest value that they can have.
    largest: f64,
}

fn draw_curves(live: &Live, frame: &mut Frame<'_>, area: Rect, figure: &Curves) {
    let Curves { title, all: curves, largest } = figure;
    let block = Block::bordered().title(title.as_str());
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y);
    let finite = values().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        frame.render_widget(Paragraph::new("no clip yet").dim().block(block), area);
        return;
    }
    let room = ((high - low) * 0.05).max(1e-3);
    // Neither accuracies nor losses are negative.
    let (low, high) = ((low - room).max(0.0), (high + room).min(*largest));
    let cycles = live.ladder.len().max(live.run.cycles()).max(2) - 1;
    let labels = |low: f64, high: f64| [low, f64::midpoint(low, high), high];
    let datasets = curves.iter().map(|curve| {
        Dataset::default()
            .marker(curve.marker)
            .graph_type(curve.kind)
            .style(colour(curve.method))
            .data(&curve.points)
    });
    let x = Axis::default().bounds([0.0, cycles as f64]).labels([
        "0".to_owned(),
        "cycle".into(),
        cycles.to_string(),
    ]);
    let y = Axis::default()
        .bounds([low, high])
        .labels(labels(low, high).map(|value| format!("{value:.3}")));
    frame.render_widget(Chart::new(datasets.collect()).block(block).x_axis(x).y_axis(y), area);
}

/// The numbers of hidden neurons before the first clip and after each clip.
pub(super) struct Ladder {
    /// Hidden neurons, and whether a clip has reached this rung.
    rungs: Vec<(usize, bool)>,
    now: usize,
}

impl Ladder {
    pub(super) fn of(live: &Live) -> Self {
        let first: usize = live.run.groups.neurons();
        let reached = live.run.rungs();
        let planned = live.ladder.iter().map(|widths| widths.iter().sum::<usize>()).enumerate();
        let mut rungs: Vec<(usize, bool)> = vec![(first, true)];
        if live.ladder.is_empty() {
            rungs.extend(reached.values().map(|rung| (rung.neurons(), true)));
        }
        rungs.extend(planned.map(|(cycle, left)| (left, reached.contains_key(&cycle))));
        let now = reached.values().next_back().map_or(first, rayclip_report::Rung::neurons);
        Self { rungs, now }
    }

    /// Returns a title with the number of neurons at first, now and at the end.
    pub(super) fn title(&self, room: u16) -> String {
        let (now, ends) = (self.now, [self.rungs.first(), self.rungs.last()]);
        let [first, end] = ends.map(|rung| rung.map_or(now, |(neurons, _)| *neurons));
        fitting(
            [
                format!("hidden neurons: {first} at first, {now} now, {end} at the end"),
                format!("neurons: {first} at first, {now} now, {end} at the end"),
                format!("neurons: first {first}, now {now}, end {end}"),
            ],
            room,
        )
    }
}

/// Draws one bar per rung. The rungs that the clips have reached are blue.
pub(super) fn draw_ladder(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let ladder = Ladder::of(live);
    let block = Block::bordered().title(ladder.title(area.width.saturating_sub(2)));
    let all = ladder.rungs;
    let bars = (0..columns(area, all.len())).map(|column| {
        let (left, reached) = all[column * all.len() / columns(area, all.len())];
        let style = if reached { Color::Blue } else { Color::DarkGray };
        Bar::default().value(left as u64).text_value("").style(style)
    });
    draw_bars(frame, area, block, bars.collect());
}

/// Draws every entry of the ray sum of the first replica, for the last clip that has one.
pub(super) fn draw_rays(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let Some(rays) = live.rays.first().filter(|rays| !rays.ray_sum.is_empty()) else {
        let block = Block::bordered().title("weight rays");
        frame.render_widget(Paragraph::new("none yet; only dtc has them").dim().block(block), area);
        return;
    };
    let group = match live.run.groups.names.len() {
        1 => String::new(),
        _ => format!("{}, ", rays.group),
    };
    let mean = rays.magnitude() * rays.ray_sum.len() as f64;
    let (cycle, seed) = (rays.cycle, rays.seed);
    let titles = [
        format!("|ray sum| of {group}cycle {cycle}, seed {seed}: mean {mean:.1e}"),
        format!("|ray sum|, {group}cycle {cycle}"),
    ];
    let title = fitting(titles, area.width.saturating_sub(2));
    let count = columns(area, rays.ray_sum.len());
    let all: Vec<f64> = rays.ray_sum.iter().map(|value| value.abs()).collect();
    let highest = all.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    // A bar shows the largest of its entries.
    let bars = (0..count).map(|column| {
        let part = column * all.len() / count..((column + 1) * all.len() / count).max(1);
        let value = all[part].iter().copied().fold(0.0, f64::max);
        let height = (value / highest * 1000.0).round() as u64;
        Bar::default().value(height).text_value("").style(Color::Cyan)
    });
    draw_bars(frame, area, Block::bordered().title(title), bars.collect());
}

/// Returns the number of columns inside a box for this many bars.
fn columns(area: Rect, bars: usize) -> usize {
    usize::from(area.width.saturating_sub(2)).clamp(1, bars.max(1))
}

fn draw_bars(frame: &mut Frame<'_>, area: Rect, block: Block<'_>, bars: Vec<Bar<'_>>) {
    let width = (area.width.saturating_sub(2) / bars.len().max(1) as u16).max(1);
    let chart = BarChart::vertical(bars).bar_width(width).bar_gap(0).block(block);
    frame.render_widget(chart, area);
}
