//! How a run is shown: bars and lines for people, JSON lines for scripts, or nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rayclip_trainer::{CycleRow, Event, Observer, Summary};
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
    /// Nothing.
    Quiet,
}

/// Shows a run.
pub(crate) struct Progress {
    mode: Mode,
    interrupt: Interrupt,
    bars: MultiProgress,
    training: ProgressBar,
    solving: ProgressBar,
    batches_per_cycle: usize,
    clips: usize,
    /// Hidden neurons before the first clip.
    neurons: usize,
}

impl Progress {
    pub(crate) fn new(mode: Mode, interrupt: Interrupt) -> Self {
        let bars = MultiProgress::new();
        Self {
            mode,
            interrupt,
            bars,
            training: ProgressBar::hidden(),
            solving: ProgressBar::hidden(),
            batches_per_cycle: 0,
            clips: 0,
            neurons: 0,
        }
    }

    /// A bar of `unit`s; hidden unless lines are shown and stderr is a terminal.
    fn bar(&self, name: &'static str, total: u64, unit: &str) -> ProgressBar {
        if self.mode != Mode::Lines {
            return ProgressBar::hidden();
        }
        let template =
            format!("{{prefix:>8}} {{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left  {{msg}}");
        let style = ProgressStyle::with_template(&template).expect("the template is constant");
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

    pub(crate) fn finish(&self, summary: &Summary, folder: &std::path::Path) {
        self.training.finish_and_clear();
        if self.mode == Mode::Json {
            let mut value = json!({ "event": "finished", "folder": folder });
            merge(&mut value, json!(summary));
            self.line(&value.to_string());
        }
    }
}

impl Observer for Progress {
    fn notify(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { clips, batches_per_cycle, widths } => {
                self.neurons = widths.iter().sum();
                self.batches_per_cycle = *batches_per_cycle;
                self.clips = *clips;
                let batches = ((clips + 1) * batches_per_cycle) as u64;
                self.training = self.bar("training", batches, "batches");
                if self.mode == Mode::Lines {
                    self.line(HEADER);
                }
                if self.mode == Mode::Json {
                    self.line(&json!({ "event": "started", "clips": clips }).to_string());
                }
            }
            Event::Batch { cycle, done, widths } => {
                self.training.set_position((cycle * self.batches_per_cycle + done) as u64);
                if *done == 1 {
                    let message = format!("cycle {cycle} of {}, {widths:?} neurons", self.clips);
                    self.training.set_message(message);
                }
            }
            Event::Scoring { done, total, .. } => {
                if *done == 0 {
                    self.solving = self.bar("solving", *total as u64, "layers");
                }
                self.solving.set_position(*done as u64);
                if done == total {
                    self.solving.finish_and_clear();
                }
            }
            Event::Cycle { rows, widths } if self.mode == Mode::Lines => {
                self.line(&cycle_line(rows, widths, self.neurons));
            }
            Event::Cycle { rows, .. } if self.mode == Mode::Json => {
                for row in *rows {
                    let mut value = json!({ "event": "cycle" });
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

fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    if let (Some(into), serde_json::Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

const HEADER: &str = "cycle         neurons  sparsity  after clip  after training  parameters  \
                      train s  compress s  solver";

/// One line for all rows of a cycle: widths of all layers, means over the replicas; `neurons` are
/// those before the first clip.
fn cycle_line(rows: &[CycleRow], widths: &[usize], neurons: usize) -> String {
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
        first.train_seconds,
        first.compress_seconds,
    )
}
