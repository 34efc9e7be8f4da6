//! Shows the progress of a run: bars and lines for people, JSON lines for scripts, or nothing.

mod begun;
mod estimate;
mod event_files;
mod json;
mod label;
mod notes;
mod rows;

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rayclip_report::ReportError;
use rayclip_run_folder::{CycleRow, Replica, RunConfig, Summary, TimingRow};
use rayclip_trainer::{Chunks, Event, Observer};

use crate::output;
use begun::{Begun, span};
use estimate::Estimate;
use event_files::RunEvents;
pub(crate) use json::merged;
use label::ChunkLabel;
use rows::Rows;

/// If stderr is not a terminal, a line this often says how far the run is.
const PULSE: Duration = Duration::from_secs(30);

/// How often the text of the training bar is updated.
const REFRESH: Duration = Duration::from_millis(500);

/// How much a run prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bars on stderr (if it is a terminal), one line per cycle on stdout.
    Lines,
    /// One JSON object per event on stdout.
    Json,
    /// Only the bars.
    Bars,
    /// Only errors, on stderr.
    Quiet,
}

/// Shows the progress of a run.
pub(crate) struct Progress {
    mode: Mode,
    bars: MultiProgress,
    training: ProgressBar,
    solving: ProgressBar,
    config: RunConfig,
    is_host: bool,
    begun: Option<Begun>,
    events: Option<RunEvents>,
}

/// Returns the style of a bar that counts in `unit`. It fits the terminal.
pub(crate) fn bar_style(unit: &str) -> ProgressStyle {
    // `wide_msg` takes the rest of the line, and is cut at its end.
    let bar = match output::columns() {
        70.. => "{bar:20} ",
        50.. => "{bar:10} ",
        _ => "",
    };
    let unit = if output::columns() < 50 { "" } else { unit };
    let template = format!("{bar}{{pos}}/{{len}} {unit}{{wide_msg}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress {
    pub(crate) fn new(mode: Mode, config: RunConfig) -> Self {
        let bars = MultiProgress::new();
        Self {
            mode,
            bars,
            training: ProgressBar::hidden(),
            solving: ProgressBar::hidden(),
            config,
            is_host: false,
            begun: None,
            events: None,
        }
    }

    /// Sets the configuration that is resolved with the images.
    pub(crate) fn resolved(self, config: RunConfig) -> Self {
        Self { config, ..self }
    }

    /// Sets the device. On a GPU, a reported batch may not be finished.
    pub(crate) fn on(self, device: &str) -> Self {
        Self { is_host: ["flex", "ndarray"].contains(&device), ..self }
    }

    /// Also writes TensorBoard event files into the run folder `run`.
    pub(crate) fn with_events(self, run: &Path) -> Self {
        Self { events: Some(RunEvents::new(run)), ..self }
    }

    /// Writes into the event files. If they cannot be written, the run continues without them.
    fn write_events(&mut self, write: impl FnOnce(&mut RunEvents) -> Result<(), ReportError>) {
        let Some(events) = &mut self.events else { return };
        if let Err(error) = write(events) {
            let text =
                format!("event files are no longer written: {}", output::chain(&error.into()));
            self.note(&text);
            self.events = None;
        }
    }

    /// Returns a bar that counts in `unit`; hidden unless the mode has bars and stderr is a terminal.
    fn bar(&self, name: &'static str, total: u64, unit: &str) -> ProgressBar {
        if !matches!(self.mode, Mode::Lines | Mode::Bars) {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total).with_style(bar_style(unit)).with_prefix(name);
        let bar = self.bars.add(bar);
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Runs `load` with a bar that shows how much of the data is loaded.
    pub(crate) fn while_loading<T>(&self, load: impl FnOnce(&(dyn Fn(u64, u64) + Sync)) -> T) -> T {
        self.while_counting("data", "read", load)
    }

    /// Runs `work` with a bar that shows how much of it is done, as it reports: what is done, and the whole.
    pub(crate) fn while_counting<T>(
        &self,
        name: &'static str,
        unit: &str,
        work: impl FnOnce(&(dyn Fn(u64, u64) + Sync)) -> T,
    ) -> T {
        let bar = self.bar(name, 1, unit);
        let done = work(&|done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        done
    }

    /// Prints a line on stdout without damage to the bars.
    fn line(&self, line: &str) {
        self.bars.suspend(|| output::result(line));
    }

    /// Prints a message on stderr without damage to the bars.
    fn note(&self, line: &str) {
        self.bars.suspend(|| output::note(line));
    }

    fn started(&mut self, clips: usize, batches: usize, widths: &[usize], chunks: &Chunks) {
        let methods = self.config.compression.methods.iter().map(ToString::to_string);
        let rows = Rows::new(&methods.collect::<Vec<_>>(), widths, output::columns());
        self.training = self.bar("training", batches as u64, "batches");
        let now = Instant::now();
        if self.mode == Mode::Lines {
            let whole = label::whole(&self.config, chunks, clips, batches);
            for line in output::wrapped(&whole, output::columns()) {
                self.note(&line);
            }
            rows.heading().iter().for_each(|line| self.line(line));
        }
        self.begun = Some(Begun {
            clips,
            batches,
            chunks: chunks.clone(),
            rows,
            estimate: Estimate::new(chunks, self.is_host),
            since: now,
            is_told: false,
            refreshed: now,
            pulsed: now,
            chunk: None,
        });
    }

    fn chunk(&mut self, number: usize, rung: Option<usize>, replicas: &[Replica]) {
        let Some(begun) = &mut self.begun else { return };
        begun.estimate.chunk(number, rung, replicas.len(), Instant::now());
        self.training.set_position(begun.estimate.done() as u64);
        let is_only = begun.chunks.clipped.len() + begun.chunks.scratch.len() == 1;
        let is_told = self.mode != Mode::Lines || (is_only && rung.is_none());
        let is_new = begun.is_new(number, rung);
        begun.chunk = Some((rung.is_some(), number));
        if is_new && !is_told {
            let label = ChunkLabel {
                number,
                is_scratch: rung.is_some(),
                replicas,
                config: &self.config,
                chunks: &begun.chunks,
                clips: begun.clips,
            };
            let text = label.text(output::columns());
            self.line(&text);
        }
    }

    fn batch(&mut self, cycle: usize, widths: &[usize]) {
        let Some(begun) = &mut self.begun else { return };
        let now = Instant::now();
        let is_new = begun.estimate.batch(cycle, widths, now);
        self.training.inc(1);
        let is_first = begun.estimate.done() == 1;
        if !begun.is_told && (is_new || begun.estimate.first_batches(now).is_some()) {
            begun.is_told = true;
            let text = begun.estimate.left(now).and_then(|left| begun.time_of_all(left, now));
            if let Some(text) = text.filter(|_| self.mode == Mode::Lines) {
                self.note(&text);
            }
        }
        let Some(begun) = &mut self.begun else { return };
        if is_new || is_first || now.duration_since(begun.refreshed) >= REFRESH {
            begun.refreshed = now;
            let left = begun.estimate.left(now);
            let left = left.map(|left| format!(", {}", span(left))).unwrap_or_default();
            let (clips, widths) = (begun.clips, rows::shown_widths(widths));
            // The end is cut off if it does not fit: the widths go before the time that is left.
            self.training.set_message(format!("{left}, cycle {cycle}/{clips}, {widths} neurons"));
        }
        if now.duration_since(begun.pulsed) >= PULSE {
            begun.pulsed = now;
            let pulse = begun.pulse(cycle, widths, now);
            match self.mode {
                Mode::Json => self.line(&pulse.to_string()),
                Mode::Lines | Mode::Bars if !std::io::stderr().is_terminal() => {
                    let text = begun.pulse_line(cycle, widths, now);
                    self.note(&text);
                }
                _ => {}
            }
        }
    }

    fn resumed(&mut self, batches_done: usize) {
        self.training.set_position(batches_done as u64);
        if let Some(begun) = &mut self.begun {
            begun.estimate.resumed(batches_done);
        }
    }

    fn scoring(&mut self, done: usize, total: usize) {
        if done == 0 {
            self.solving = self.bar("solving", total as u64, "groups");
        }
        self.solving.set_position(done as u64);
        if done == total {
            self.solving.finish_and_clear();
        }
    }

    fn cycle(&mut self, rows: &[CycleRow], timings: &[TimingRow], widths: &[usize]) {
        self.write_events(|events| events.cycle(rows, timings));
        let Some(begun) = self.begun.as_ref().filter(|_| self.mode == Mode::Lines) else { return };
        self.line(&begun.rows.row(rows, timings, widths));
        if let Some(text) = rows::missed(rows).filter(|_| !begun.rows.show_solver()) {
            self.note(&text);
        }
    }

    /// Returns whether an event has its lines already: `scratch` starts a chunk again for each of its rungs.
    fn is_repeated(&self, event: &Event<'_>) -> bool {
        let Event::Chunk { number, rung, .. } = event else { return false };
        self.begun.as_ref().is_none_or(|begun| !begun.is_new(*number, *rung))
    }

    pub(crate) fn finish(&mut self, summary: &Summary, folder: &Path) {
        self.write_events(RunEvents::finish);
        self.training.finish_and_clear();
        if self.mode == Mode::Json {
            self.line(&json::finished(summary, folder).to_string());
        }
    }
}

impl Observer for Progress {
    fn notify(&mut self, event: &Event<'_>) {
        if self.mode == Mode::Json && !self.is_repeated(event) {
            for line in json::lines(event) {
                self.line(&line.to_string());
            }
        }
        for text in notes::notes(event, self.mode) {
            self.note(&text);
        }
        match event {
            Event::Started { clips, batches, widths, chunks } => {
                self.started(*clips, *batches, widths, chunks);
            }
            Event::Chunk { number, rung, replicas } => self.chunk(*number, *rung, replicas),
            Event::Resumed { batches_done, .. } => self.resumed(*batches_done),
            Event::Batch { cycle, widths } => self.batch(*cycle, widths),
            Event::Scoring { done, total } => self.scoring(*done, *total),
            Event::Cycle { rows, timings, widths } => self.cycle(rows, timings, widths),
            _ => {}
        }
    }
}
