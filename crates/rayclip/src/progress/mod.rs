//! How a run is shown: bars and lines for people, JSON lines for scripts, or nothing.

mod begun;
mod estimate;
mod label;
mod rows;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rayclip_data::{Dir, plain};
use rayclip_report::{EVENTS, EventFiles, Run};
use rayclip_trainer::{Chunks, Divergence, Event, Observer, Replica, RunConfig, Summary};
use serde_json::json;

use crate::interrupt::Interrupt;
use crate::output;
use begun::{Begun, span};
use estimate::Estimate;
use rows::Rows;

/// Where nobody sees the bars, a line says so often how far the run is.
const PULSE: Duration = Duration::from_secs(30);

/// What the training bar says is brought up to date so often.
const REFRESH: Duration = Duration::from_millis(500);

/// How much a run prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bars on stderr (where it is a terminal), one line a cycle on stdout.
    Lines,
    /// One JSON object an event on stdout.
    Json,
    /// The bars alone.
    Bars,
    /// Nothing but what went wrong, on stderr.
    Quiet,
}

/// Shows a run.
pub(crate) struct Progress {
    mode: Mode,
    interrupt: Interrupt,
    bars: MultiProgress,
    training: ProgressBar,
    solving: ProgressBar,
    config: RunConfig,
    is_host: bool,
    begun: Option<Begun>,
    events: Option<Events>,
}

/// TensorBoard's view of a run.
struct Events {
    run: PathBuf,
    files: EventFiles,
}

impl Progress {
    pub(crate) fn new(mode: Mode, interrupt: Interrupt, config: RunConfig) -> Self {
        let bars = MultiProgress::new();
        Self {
            mode,
            interrupt,
            bars,
            training: ProgressBar::hidden(),
            solving: ProgressBar::hidden(),
            config,
            is_host: false,
            begun: None,
            events: None,
        }
    }

    /// On the device of this name; a batch that a GPU is given is not done yet.
    pub(crate) fn on(self, device: &str) -> Self {
        Self { is_host: ["flex", "ndarray"].contains(&device), ..self }
    }

    /// Writes TensorBoard event files into a folder of the run folder `run`.
    pub(crate) fn with_events(self, run: &Path) -> Self {
        let (files, run) = (EventFiles::new(Dir::from(run).join(EVENTS)), run.to_path_buf());
        Self { events: Some(Events { run, files }), ..self }
    }

    /// Brings the event files up to date; a run does not end because they cannot be written.
    fn follow(&mut self, over: bool) {
        let Some(Events { run, files }) = &mut self.events else { return };
        let followed = Run::read(run).and_then(|run| files.follow(&run, over));
        if let Err(error) = followed {
            let text = format!("no more event files: {}", output::chain(&error.into()));
            self.bars.suspend(|| output::note(&text));
            self.events = None;
        }
    }

    /// A bar of `unit`s; hidden unless lines are shown and stderr is a terminal.
    fn bar(&self, name: &'static str, total: u64, unit: &str) -> ProgressBar {
        if !matches!(self.mode, Mode::Lines | Mode::Bars) {
            return ProgressBar::hidden();
        }
        // What is wide takes what is left, and is cut there.
        let bar = match output::columns() {
            70.. => "{bar:20} ",
            50.. => "{bar:10} ",
            _ => "",
        };
        let unit = if output::columns() < 50 { "" } else { unit };
        let template = format!("{bar}{{pos}}/{{len}} {unit}{{wide_msg}}");
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(total).with_style(style).with_prefix(name));
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Runs `load` with a bar for the data that tells how far it is.
    pub(crate) fn while_loading<T>(&self, load: impl FnOnce(&(dyn Fn(u64, u64) + Sync)) -> T) -> T {
        let bar = self.bar("data", 1, "read");
        let loaded = load(&|done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        loaded
    }

    /// A line on stdout that does not tear the bars.
    fn line(&self, line: &str) {
        self.bars.suspend(|| output::result(line));
    }

    /// A line for the person at the terminal that does not tear the bars.
    fn note(&self, line: &str) {
        self.bars.suspend(|| output::note(line));
    }

    fn started(&mut self, (clips, batches): (usize, usize), widths: &[usize], chunks: &Chunks) {
        let methods = self.config.compression.methods.iter().map(ToString::to_string);
        let rows = Rows::new(&methods.collect::<Vec<_>>(), widths, output::columns());
        self.training = self.bar("training", batches as u64, "batches");
        let now = Instant::now();
        match self.mode {
            Mode::Lines => {
                let whole = label::whole(&self.config, chunks, clips, batches);
                for line in output::wrapped(&whole, output::columns()) {
                    self.note(&line);
                }
                rows.heading().iter().for_each(|line| self.line(line));
            }
            Mode::Json => {
                let event = json!({
                    "event": "started", "clips": clips, "batches": batches, "widths": widths,
                    "chunks": chunks.clipped.len(), "scratch_chunks": chunks.scratch.len(),
                });
                self.line(&event.to_string());
            }
            Mode::Bars | Mode::Quiet => {}
        }
        self.begun = Some(Begun {
            clips,
            batches,
            chunks: chunks.clone(),
            rows,
            estimate: Estimate::new(&self.config, chunks, self.is_host),
            since: now,
            is_told: false,
            refreshed: now,
            pulsed: now,
            chunk: None,
        });
    }

    fn chunk(&mut self, (number, rung): (usize, Option<usize>), replicas: &[Replica]) {
        let Some(begun) = &mut self.begun else { return };
        begun.estimate.chunk(number, rung, replicas.len(), Instant::now());
        self.training.set_position(begun.estimate.done() as u64);
        let chunk = Some((rung.is_some(), number));
        if begun.chunk == chunk {
            return;
        }
        begun.chunk = chunk;
        let is_only = begun.chunks.clipped.len() + begun.chunks.scratch.len() == 1;
        let about = (&self.config, &begun.chunks, begun.clips);
        let label = label::chunk((number, rung), replicas, about, output::columns());
        match self.mode {
            Mode::Lines if !is_only || rung.is_some() => self.line(&label),
            Mode::Json => {
                let methods: Vec<String> = replicas.iter().map(|r| r.method.to_string()).collect();
                let seeds: Vec<u64> = replicas.iter().map(|r| r.seed).collect();
                let event = json!({
                    "event": "chunk", "number": number, "scratch": rung.is_some(),
                    "methods": methods, "seeds": seeds,
                });
                self.line(&event.to_string());
            }
            _ => {}
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
            // What does not fit is cut off: the widths, before the time that is left.
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

    fn resumed(&self, batches_done: usize, was: Option<&str>) {
        if self.mode == Mode::Json {
            let event = json!({ "event": "resumed", "batches_done": batches_done, "was": was });
            self.line(&event.to_string());
        }
        if self.mode != Mode::Quiet {
            let text = format!("resumed: {batches_done} batches are done already");
            self.bars.suspend(|| output::note(&text));
        }
        if let Some(was) = was {
            let text = format!(
                "they were done on {was}: from here on, results are not those of a run that never ended, to \
                 the bit"
            );
            self.bars.suspend(|| output::note(&text));
        }
    }

    fn stopped(&self, method: &str, seed: u64, cycle: usize, validation: f64) {
        if self.mode == Mode::Json {
            let what = json!({ "method": method, "seed": seed, "cycle": cycle });
            let mut event = json!({ "event": "stopped", "validation_after_training": validation });
            merge(&mut event, what);
            self.line(&event.to_string());
        }
        if self.mode != Mode::Quiet {
            let text = format!(
                "stopped: {method}, seed {seed}, is below compression.until_accuracy after clip {cycle}: \
                 {validation:.4} on the held-out images"
            );
            self.bars.suspend(|| output::note(&text));
        }
    }

    pub(crate) fn finish(&mut self, summary: &Summary, folder: &Path) {
        self.follow(true);
        self.training.finish_and_clear();
        if self.mode == Mode::Json {
            let mut value = json!({ "event": "finished", "folder": folder });
            merge(&mut value, json!(summary));
            merge(&mut value, json!({ "progress": summary.progress }));
            self.line(&value.to_string());
        }
    }
}

impl Observer for Progress {
    fn notify(&mut self, event: &Event<'_>) {
        if let Event::Cycle { .. } = event {
            self.follow(false);
        }
        match event {
            Event::Started { clips, batches, widths, chunks } => {
                self.started((*clips, *batches), widths, chunks);
            }
            Event::Chunk { number, rung, replicas } => self.chunk((*number, *rung), replicas),
            Event::Chunked { replicas, at_once, reason }
                if !matches!(self.mode, Mode::Bars | Mode::Quiet) =>
            {
                let text = format!("{replicas} replicas, {at_once} at once: {reason}");
                self.bars.suspend(|| output::note(&text));
            }
            Event::CheckpointSkipped { path, reason } => {
                let (path, reason) = (output::path(path), plain(reason));
                let text = format!("skipped: checkpoint {path}: {reason}");
                self.bars.suspend(|| output::note(&text));
            }
            Event::NotDeterministic => {
                let text = "the device gives other bits for the same batch again: a run that is resumed is not, \
                            to the bit, one that never ended";
                self.bars.suspend(|| output::note(text));
            }
            Event::Resumed { batches_done, was } => {
                self.training.set_position(*batches_done as u64);
                if let Some(begun) = &mut self.begun {
                    begun.estimate.resumed(*batches_done);
                }
                self.resumed(*batches_done, *was);
            }
            Event::Batch { cycle, widths } => {
                self.batch(*cycle, widths);
            }
            Event::Diverged { divergence, left, replicas } => {
                if self.mode == Mode::Json {
                    let mut value = json!({ "event": "diverged" });
                    merge(&mut value, json!(divergence));
                    self.line(&value.to_string());
                }
                if let Some(text) = frozen(divergence, *left, *replicas) {
                    self.bars.suspend(|| output::note(&text));
                }
            }
            Event::FewerNetworks { bytes } => {
                let text = format!(
                    "the networks of all rungs would take {:.1} GiB: those at the halvings of the width are kept, \
                     and the last; --keep-networks all keeps all",
                    *bytes as f64 / (1_u64 << 30) as f64
                );
                self.bars.suspend(|| output::note(&text));
            }
            Event::Stopped { method, seed, cycle, validation } => {
                self.stopped(method, *seed, *cycle, *validation);
            }
            Event::Scoring { done, total } => {
                if *done == 0 {
                    self.solving = self.bar("solving", *total as u64, "layers");
                }
                self.solving.set_position(*done as u64);
                if done == total {
                    self.solving.finish_and_clear();
                }
            }
            Event::Cycle { rows, timings, widths } if self.mode == Mode::Lines => {
                let Some(begun) = &self.begun else { return };
                self.line(&begun.rows.row(rows, timings, widths));
                if let Some(text) = rows::missed(rows).filter(|_| !begun.rows.show_solver()) {
                    self.note(&text);
                }
            }
            Event::Cycle { rows, timings, .. } if self.mode == Mode::Json => {
                for row in *rows {
                    let mut value = json!({ "event": "cycle" });
                    let timing = timings.iter().find(|timing| timing.replica == row.replica);
                    merge(&mut value, json!(timing));
                    merge(&mut value, json!(row));
                    self.line(&value.to_string());
                }
            }
            _ => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.asked()
    }
}

/// What is said of a replica that is frozen; nothing of the only one, whose error ends the run.
fn frozen(divergence: &Divergence, left: usize, replicas: usize) -> Option<String> {
    let others = match left {
        0 if replicas == 1 => return None,
        0 => "no replica is left".to_owned(),
        1 => "the other one goes on".to_owned(),
        _ => format!("the other {left} go on"),
    };
    Some(format!("frozen: {divergence}; {others}"))
}

/// Adds the fields of one object to another.
pub(crate) fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    if let (Some(into), serde_json::Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_is_said_only_where_somebody_does() {
        let divergence = Divergence {
            replica: 0,
            method: "dtc".into(),
            seed: 3,
            cycle: 1,
            reason: "the training loss is NaN".into(),
        };
        let said = |left, replicas| frozen(&divergence, left, replicas).unwrap_or_default();
        assert_eq!(said(0, 1), "");
        assert!(said(0, 2).ends_with("; no replica is left"));
        assert!(said(1, 2).ends_with("; the other one goes on"));
        assert!(said(4, 5).starts_with("frozen: replica 0 (dtc, seed 3) in cycle 1: "));
        assert!(said(4, 5).ends_with("; the other 4 go on"));
    }
}
