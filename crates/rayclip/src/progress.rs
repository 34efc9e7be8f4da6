//! How a run is shown: bars and lines for people, JSON lines for scripts, or nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rayclip_data::{Dir, plain};
use rayclip_report::{EVENTS, EventFiles, Run};
use rayclip_trainer::{CycleRow, Divergence, Event, Observer, Summary, TimingRow};
use serde_json::json;

use crate::interrupt::Interrupt;
use crate::output;

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
    clips: usize,
    /// The methods of the run; with several, a line shows their accuracies side by side.
    methods: Vec<String>,
    /// What the training bar says.
    message: String,
    /// Hidden neurons before the first clip.
    neurons: usize,
    events: Option<Events>,
}

/// TensorBoard's view of a run.
struct Events {
    run: PathBuf,
    files: EventFiles,
}

impl Progress {
    pub(crate) fn new(mode: Mode, interrupt: Interrupt, methods: Vec<String>) -> Self {
        let bars = MultiProgress::new();
        Self {
            mode,
            interrupt,
            bars,
            training: ProgressBar::hidden(),
            solving: ProgressBar::hidden(),
            clips: 0,
            methods,
            message: String::new(),
            neurons: 0,
            events: None,
        }
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
        let template =
            format!("{{prefix:>8}} {{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left  {{msg}}");
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
            Event::Started { clips, batches, widths } => {
                self.neurons = widths.iter().sum();
                self.clips = *clips;
                self.training = self.bar("training", *batches as u64, "batches");
                match self.mode {
                    Mode::Lines if self.methods.len() == 1 => self.line(HEADER),
                    Mode::Lines => self.line(&methods_header(&self.methods)),
                    Mode::Json => {
                        let event = json!({ "event": "started", "clips": clips });
                        self.line(&event.to_string());
                    }
                    Mode::Bars | Mode::Quiet => {}
                }
            }
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
                self.training.reset_eta();
                self.resumed(*batches_done, *was);
            }
            Event::Batch { cycle, widths } => {
                self.training.inc(1);
                let message = format!("cycle {cycle} of {}, {widths:?} neurons", self.clips);
                if message != self.message {
                    self.training.set_message(message.clone());
                    self.message = message;
                }
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
                let line = match self.methods.len() {
                    1 => cycle_line(rows, timings, widths, self.neurons),
                    _ => methods_line(rows, timings, widths, self.neurons, &self.methods),
                };
                self.line(&line);
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

const HEADER: &str = "cycle         neurons  sparsity  after clip  after training  parameters  \
                      train s  compress s  solver";

/// One line for all rows of a cycle: widths of all layers, means over the replicas; `neurons` are
/// those before the first clip.
fn cycle_line(
    rows: &[CycleRow],
    timings: &[TimingRow],
    widths: &[usize],
    neurons: usize,
) -> String {
    let first = &rows[0];
    let sparsity = 1.0 - widths.iter().sum::<usize>() as f64 / neurons as f64;
    let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
    let mean = |value: fn(&CycleRow) -> Option<f64>| {
        let values: Option<Vec<f64>> = rows.iter().map(value).collect();
        values.map_or("–".into(), |values| {
            format!("{:.4}", values.iter().sum::<f64>() / values.len() as f64)
        })
    };
    let solver = match first.solver_iterations {
        Some(_) => {
            let iterations = rows.iter().filter_map(|row| row.solver_iterations).max();
            let statuses: BTreeSet<String> =
                rows.iter().filter_map(|row| Some(row.solver_status?.to_string())).collect();
            let statuses: Vec<String> = statuses.into_iter().collect();
            format!(
                "{}, {} iterations, {}",
                first.solver,
                iterations.unwrap_or(0),
                statuses.join(" or ")
            )
        }
        None => "none".into(),
    };
    format!(
        "{:>5}  {:>14}  {sparsity:>8.4}  {:>10}  {:>14}  {:>10}  {:>7.2}  {:>10.3}  {solver}",
        first.cycle,
        widths.join(" × "),
        mean(|row| Some(row.accuracy_after_clip)),
        mean(|row| row.accuracy_after_training),
        first.parameters,
        timings.first().map_or(0.0, |timing| timing.train_seconds),
        timings.first().map_or(0.0, |timing| timing.compress_seconds),
    )
}

/// The header over [`methods_line`].
fn methods_header(methods: &[String]) -> String {
    let columns: Vec<String> = methods.iter().map(|name| format!("  {name:>COLUMN$}")).collect();
    let columns = columns.concat();
    let what = "test accuracy after the training that follows the clip, mean over the seeds that train at \
                once:";
    format!("{what}\ncycle         neurons  sparsity{columns}  train s  compress s")
}

/// Width of a method's column; longer names take more.
const COLUMN: usize = 9;

/// One line for all rows of a cycle, a column a method.
fn methods_line(
    rows: &[CycleRow],
    timings: &[TimingRow],
    widths: &[usize],
    neurons: usize,
    methods: &[String],
) -> String {
    let sparsity = 1.0 - widths.iter().sum::<usize>() as f64 / neurons as f64;
    let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
    let column = |method: &String| {
        let of_method = rows.iter().filter(|row| row.method == *method);
        let values: Vec<f64> = of_method.filter_map(|row| row.accuracy_after_training).collect();
        let mean = match values.len() {
            0 => String::new(),
            count => format!("{:.4}", values.iter().sum::<f64>() / count as f64),
        };
        format!("  {mean:>width$}", width = COLUMN.max(method.len()))
    };
    let columns: String = methods.iter().map(column).collect();
    let cycle = rows[0].cycle;
    let TimingRow { train_seconds, compress_seconds, .. } =
        timings.first().cloned().unwrap_or_default();
    let widths = widths.join(" × ");
    format!(
        "{cycle:>5}  {widths:>14}  {sparsity:>8.4}{columns}  {train_seconds:>7.2}  {compress_seconds:>10.3}"
    )
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
