//! The picture of a run in the terminal.

use std::time::Duration;

use indicatif::HumanDuration;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Axis, Bar, BarChart, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap,
};

use super::Live;

const COLOURS: [Color; 6] =
    [Color::Blue, Color::Yellow, Color::Green, Color::Magenta, Color::Cyan, Color::Red];

/// Draws the run.
pub(crate) fn draw(live: &Live, frame: &mut Frame<'_>) {
    let [head, bar, curves, below, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let halves = |area| Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(area);
    let [accuracy, loss]: [Rect; 2] = halves(curves);
    let [ladder, rays]: [Rect; 2] = halves(below);
    frame.render_widget(header(live), head);
    frame.render_widget(gauge(live), bar);
    draw_accuracy(live, frame, accuracy);
    draw_loss(live, frame, loss);
    draw_ladder(live, frame, ladder);
    draw_rays(live, frame, rays);
    frame.render_widget(footer(live), foot);
}

fn header(live: &Live) -> Paragraph<'_> {
    let folder = live.folder.display().to_string();
    let state = match (&live.run.summary, live.silence()) {
        (None, _) => "summary.json cannot be read".to_owned(),
        (Some(_), Some(silence)) => {
            format!("not heard of for {}: was it killed?", HumanDuration(silence))
        }
        (Some(summary), None) => match &summary.error {
            Some(error) => format!("{}: {error}", summary.outcome),
            None => summary.outcome.clone(),
        },
    };
    let device = live.run.summary.as_ref().map_or("", |summary| summary.device.as_str());
    let mut second = vec![Span::raw(format!("{} on {device}  ", live.run.data.name))];
    for (place, method) in live.run.methods().into_iter().enumerate() {
        second.push(Span::styled(format!("━ {method}  "), colour(place)));
    }
    Paragraph::new(vec![
        Line::from(vec![folder.bold(), Span::raw("  "), Span::raw(state)]),
        Line::from(second),
    ])
}

fn colour(place: usize) -> Style {
    Style::new().fg(COLOURS[place % COLOURS.len()])
}

fn gauge(live: &Live) -> Gauge<'static> {
    let Some(progress) = &live.run.progress else {
        return Gauge::default().label("how far it is, the folder does not tell");
    };
    let ratio = progress.batches_done as f64 / progress.batches.max(1) as f64;
    let span =
        |seconds: f64| HumanDuration(Duration::from_secs(seconds.max(0.0) as u64)).to_string();
    let left = match live.left() {
        Some(left) if live.silence().is_none() => format!(", about {} left", HumanDuration(left)),
        _ => String::new(),
    };
    let (done, all) = (progress.batches_done, progress.batches);
    let label = format!("{done} of {all} batches in {}{left}", span(progress.seconds));
    Gauge::default().ratio(ratio.clamp(0.0, 1.0)).label(label).gauge_style(Color::Blue)
}

fn footer(live: &Live) -> Paragraph<'_> {
    let missing = live.run.missing.iter().filter(|_| live.is_over()).cloned();
    let gaps = live.gaps.iter().map(|gap| format!("{}: {}", gap.path.display(), gap.reason));
    let all: Vec<String> = gaps.chain(missing).collect();
    match all.as_slice() {
        [] if live.is_over() => Paragraph::new("q leaves").dim(),
        [] => Paragraph::new("q leaves; the run goes on").dim(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (+{})", rest.len()) };
            Paragraph::new(format!("missing: {first}{more}")).wrap(Wrap { trim: true }).yellow()
        }
    }
}

/// A curve over the cycles.
struct Curve {
    place: usize,
    marker: Marker,
    kind: GraphType,
    points: Vec<(f64, f64)>,
}

fn draw_accuracy(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let mut curves = vec![];
    for (place, method) in live.run.methods().into_iter().enumerate() {
        let after_clip = live.curve(method, |clip| Some(clip.accuracy_after_clip));
        let after_training = live.curve(method, |clip| clip.accuracy_after_training);
        let (dot, braille) = (Marker::Dot, Marker::Braille);
        curves.push(Curve { place, marker: dot, kind: GraphType::Scatter, points: after_clip });
        curves.push(Curve {
            place,
            marker: braille,
            kind: GraphType::Line,
            points: after_training,
        });
    }
    let last = |place: usize| curves[place].points.last().map(|(_, y)| format!("{y:.4}"));
    let title = match curves.len() {
        2 => format!(
            "accuracy after the clip • {}, after training ━ {}",
            last(0).unwrap_or("–".into()),
            last(1).unwrap_or("–".into())
        ),
        _ => "accuracy after the clip •, after training ━".into(),
    };
    draw_curves(live, frame, area, (title, &curves, 1.0));
}

fn draw_loss(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let curve = |(place, method): (usize, &str)| Curve {
        place,
        marker: Marker::Braille,
        kind: GraphType::Line,
        points: live.curve(method, |clip| clip.train_loss),
    };
    let curves: Vec<Curve> = live.run.methods().into_iter().enumerate().map(curve).collect();
    draw_curves(live, frame, area, ("training loss".into(), &curves, f64::INFINITY));
}

fn draw_curves(
    live: &Live,
    frame: &mut Frame<'_>,
    area: Rect,
    (title, curves, most): (String, &[Curve], f64),
) {
    let block = Block::bordered().title(title);
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
    let (low, high) = ((low - room).max(0.0), (high + room).min(most));
    let cycles = live.ladder.len().max(live.run.cycles()).max(2) - 1;
    let labels = |low: f64, high: f64| [low, f64::midpoint(low, high), high];
    let datasets = curves.iter().map(|curve| {
        Dataset::default()
            .marker(curve.marker)
            .graph_type(curve.kind)
            .style(colour(curve.place))
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

/// A bar a rung: those that the clips have reached are filled.
fn draw_ladder(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let first: usize = live.run.widths_before.iter().sum();
    let reached = rayclip_report::rungs(&live.run);
    let planned = live.ladder.iter().map(|widths| widths.iter().sum::<usize>()).enumerate();
    let mut all: Vec<(usize, bool)> = vec![(first, true)];
    if live.ladder.is_empty() {
        all.extend(reached.values().map(|rung| (rung.neurons(), true)));
    }
    all.extend(planned.map(|(cycle, left)| (left, reached.contains_key(&cycle))));
    let now = reached.values().next_back().map_or(first, rayclip_report::Rung::neurons);
    let end = all.last().map_or(first, |(left, _)| *left);
    let block = Block::bordered().title(format!("ladder: {first} → {now} → {end} hidden neurons"));
    let bars = (0..columns(area, all.len())).map(|column| {
        let (left, reached) = all[column * all.len() / columns(area, all.len())];
        let style = if reached { Color::Blue } else { Color::DarkGray };
        Bar::default().value(left as u64).text_value("").style(style)
    });
    draw_bars(frame, area, (block, bars.collect()));
}

/// The ray sum of the first replica in the last clip that has one, entry by entry.
fn draw_rays(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let Some(rays) = live.rays.first().filter(|rays| !rays.ray_sum.is_empty()) else {
        let block = Block::bordered().title("weight rays");
        frame.render_widget(
            Paragraph::new("no rays yet, or a method without").dim().block(block),
            area,
        );
        return;
    };
    let layer = match live.run.widths_before.len() {
        1 => String::new(),
        _ => format!("layer {}, ", rays.layer),
    };
    let title = format!(
        "|ray sum| of {layer}cycle {}, seed {}: mean {:.1e}",
        rays.cycle,
        rays.seed,
        rays.magnitude() * rays.ray_sum.len() as f64,
    );
    let count = columns(area, rays.ray_sum.len());
    let all: Vec<f64> = rays.ray_sum.iter().map(|value| value.abs()).collect();
    let highest = all.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    // A column shows the largest of the entries that fall into it.
    let bars = (0..count).map(|column| {
        let part = column * all.len() / count..((column + 1) * all.len() / count).max(1);
        let value = all[part].iter().copied().fold(0.0, f64::max);
        let height = (value / highest * 1000.0).round() as u64;
        Bar::default().value(height).text_value("").style(Color::Cyan)
    });
    draw_bars(frame, area, (Block::bordered().title(title), bars.collect()));
}

/// Columns that the inside of a box has for so many bars.
fn columns(area: Rect, bars: usize) -> usize {
    usize::from(area.width.saturating_sub(2)).clamp(1, bars.max(1))
}

fn draw_bars(frame: &mut Frame<'_>, area: Rect, (block, bars): (Block<'_>, Vec<Bar<'_>>)) {
    let width = (area.width.saturating_sub(2) / bars.len().max(1) as u16).max(1);
    let chart = BarChart::vertical(bars).bar_width(width).bar_gap(0).block(block);
    frame.render_widget(chart, area);
}
