//! Draws a run in the terminal.

use std::time::Duration;

use indicatif::HumanDuration;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Gauge, Paragraph};

use super::Live;
use super::figures::{Ladder, draw_accuracy, draw_ladder, draw_loss, draw_rays};
use super::text::{colour, end_of, fitting};

/// Columns and rows: a smaller terminal has room for one figure only.
const LEAST: (u16, u16) = (70, 18);

/// Draws the run; `is_watched` says whether a key closes the view.
pub(crate) fn draw(live: &Live, frame: &mut Frame<'_>, is_watched: bool) {
    let (width, height) = (frame.area().width, frame.area().height);
    if width < LEAST.0 || height < LEAST.1 {
        return draw_small(live, frame, is_watched);
    }
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
    frame.render_widget(header(live, width), head);
    frame.render_widget(gauge(live, width), bar);
    draw_accuracy(live, frame, accuracy);
    draw_loss(live, frame, loss);
    draw_ladder(live, frame, ladder);
    draw_rays(live, frame, rays);
    frame.render_widget(footer(live, width, is_watched), foot);
}

/// Draws as much as fits into a small terminal.
fn draw_small(live: &Live, frame: &mut Frame<'_>, is_watched: bool) {
    let width = frame.area().width;
    let [head, bar, accuracy, ladder, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(header(live, width), head);
    frame.render_widget(gauge(live, width), bar);
    draw_accuracy(live, frame, accuracy);
    frame.render_widget(Paragraph::new(Ladder::of(live).title(width)), ladder);
    frame.render_widget(footer(live, width, is_watched), foot);
}

/// A terminal with fewer columns has a short header.
const NARROW: u16 = 60;

fn header(live: &Live, width: u16) -> Paragraph<'_> {
    let state = match (&live.run.summary, live.silence()) {
        (None, _) => "summary.json cannot be read".to_owned(),
        (Some(_), Some(silence)) if width < NARROW => {
            format!("silent {:#}: killed?", HumanDuration(silence))
        }
        (Some(_), Some(silence)) => {
            format!("no progress for {}: was it killed?", HumanDuration(silence))
        }
        (Some(summary), None) => match &summary.error {
            Some(error) => format!("{}: {error}", summary.outcome),
            None => summary.outcome.to_string(),
        },
    };
    let device = live.run.summary.as_ref().map_or("", |summary| summary.device.as_str());
    let mut second = vec![];
    for (index, method) in live.run.methods().into_iter().enumerate() {
        second.push(Span::styled(format!("━ {method}  "), colour(index)));
    }
    second.push(Span::raw(format!("{} on {device}", live.run.data.name)));
    let room = usize::from(width).saturating_sub(state.chars().count() + 2).max(12);
    let folder = end_of(&live.folder.display().to_string(), room);
    Paragraph::new(vec![
        Line::from(vec![folder.bold(), Span::raw("  "), Span::raw(state)]),
        Line::from(second),
    ])
}

fn gauge(live: &Live, width: u16) -> Gauge<'static> {
    let Some(progress) = &live.run.progress else {
        return Gauge::default().label("progress.json cannot be read");
    };
    let ratio = progress.batches_done as f64 / progress.batches.max(1) as f64;
    let so_far = HumanDuration(Duration::from_secs(progress.seconds.max(0.0) as u64));
    let left = live.left().filter(|_| live.silence().is_none()).map(HumanDuration);
    let long = left.as_ref().map(|left| format!(", about {left} left")).unwrap_or_default();
    let short = left.map(|left| format!(", {left:#} left")).unwrap_or_default();
    let (done, all) = (progress.batches_done, progress.batches);
    let labels = [
        format!("{done} of {all} batches in {so_far}{long}"),
        format!("{done}/{all} batches{short}"),
        format!("{done}/{all}{short}"),
    ];
    let label = fitting(labels, width);
    Gauge::default().ratio(ratio.clamp(0.0, 1.0)).label(label).gauge_style(Color::Blue)
}

fn footer(live: &Live, width: u16, is_watched: bool) -> Paragraph<'_> {
    let missing = live.run.missing.iter().filter(|_| live.is_over()).cloned();
    let gaps = live.gaps.iter().map(|gap| format!("{}: {}", gap.path.display(), gap.reason));
    let all: Vec<String> = gaps.chain(missing).collect();
    match all.as_slice() {
        [] if !is_watched => Paragraph::new(""),
        [] if live.is_over() || live.silence().is_some() => {
            Paragraph::new("q closes this view").dim()
        }
        [] => Paragraph::new("q closes this view; the run continues").dim(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (+{})", rest.len()) };
            let room = usize::from(width).saturating_sub("missing: ".len() + more.len());
            let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
            let cut: String = first.chars().take(room.saturating_sub(1)).collect();
            let first = if first.chars().count() <= room { first } else { format!("{cut}…") };
            Paragraph::new(format!("missing: {first}{more}")).yellow()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use rayclip_run_folder::presets::{Layers, Setting, resolve};
    use rayclip_trainer::RunDir;

    use super::*;

    /// A run that has clipped once, in a folder with a long name.
    fn live(parent: &Path) -> Live {
        let folder = parent.join("a-folder-with-a-name-that-is-longer-than-a-line");
        let settings = vec![Setting::parse("compression.methods=['magnitude']").unwrap()];
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        drop(RunDir::create(&folder, &config).unwrap());
        let header = fs::read_to_string(folder.join("cycles.csv")).unwrap();
        let value = |name: &str| match name {
            "method" => "magnitude",
            "group" => "layer_0",
            "width_before" => "512",
            "width_after" => "460",
            name if name.starts_with("solver") => "",
            name if name.starts_with("accuracy") => "0.9123",
            name if name.starts_with("validation") => "",
            "sparsity" | "train_loss" => "0.1",
            "parameters" | "at_once" => "1",
            _ => "0",
        };
        let row: Vec<&str> = header.trim().split(',').map(value).collect();
        fs::write(folder.join("cycles.csv"), format!("{header}{}\n", row.join(","))).unwrap();
        let timings = "replica,cycle,train_seconds,compress_seconds,joules\n0,0,1,1,\n";
        fs::write(folder.join("timings.csv"), timings).unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let progress = format!(
            r#"{{"cycle": 1, "widths": [460], "batches_done": 250, "batches": 7000, "updated": {now}, "resumed": 0,
            "train_seconds": 3.0, "compress_seconds": 1.0, "seconds": 4.0, "energy": null}}"#
        );
        fs::write(folder.join("progress.json"), progress).unwrap();
        let summary = r#"{"version": "0", "outcome": "running", "error": null, "device": "flex", "replicas": [],
            "parameters_before": 1, "parameters_after": 1, "widths_before": [512],
            "data": {"name": "digits", "digest": "", "train": 1, "validation": 0, "test": 1}}"#;
        fs::write(folder.join("summary.json"), summary).unwrap();
        Live::read(&folder).unwrap()
    }

    fn picture(live: &Live, width: u16, height: u16, is_watched: bool) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(live, frame, is_watched)).unwrap();
        let cells = terminal.backend().buffer().content.chunks(usize::from(width).max(1));
        let line = |line: &[ratatui::buffer::Cell]| {
            line.iter().map(ratatui::buffer::Cell::symbol).collect()
        };
        cells.map(line).collect::<Vec<String>>().join("\n")
    }

    #[test]
    fn a_small_terminal_shows_what_matters() {
        let parent = tempfile::tempdir().unwrap();
        let live = live(parent.path());
        let picture = picture(&live, 40, 12, true);
        for part in [
            "longer-than-a-line  running",
            "━ magnitude  synthetic digits on flex",
            "250/7000 batches",
            "• after clip 0.9123 ━ trained 0.9123",
            "neurons: first 512, now 460, end 9",
            "q closes this view",
        ] {
            assert!(picture.contains(part), "no `{part}` in\n{picture}");
        }
    }

    #[test]
    fn a_large_one_says_what_the_neurons_are_and_a_picture_names_no_key() {
        let parent = tempfile::tempdir().unwrap();
        let live = live(parent.path());
        let watched = picture(&live, 80, 24, true);
        let ladder = "neurons: 512 at first, 460 now, 9 at the end";
        let title = "accuracy: • after clip 0.9123 ━ trained 0.9123";
        for part in [ladder, title, "only dtc has them", "q closes this view; the run continues"] {
            assert!(watched.contains(part), "no `{part}` in\n{watched}");
        }
        assert!(!picture(&live, 80, 24, false).contains("closes"));
        let wide = picture(&live, 200, 50, true);
        assert!(wide.contains("hidden neurons: 512 at first, 460 now, 9 at the end"), "{wide}");
    }

    #[test]
    fn no_size_of_the_terminal_is_too_small() {
        let parent = tempfile::tempdir().unwrap();
        let live = live(parent.path());
        for width in (1..=120).step_by(7) {
            for height in 1..=30 {
                picture(&live, width, height, true);
            }
        }
    }
}
