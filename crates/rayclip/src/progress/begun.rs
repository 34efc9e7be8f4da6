//! A run that has started: how far it is, and how long it will take.

use std::time::{Duration, Instant};

use indicatif::HumanDuration;
use rayclip_trainer::Chunks;
use serde_json::json;

use super::estimate::{Estimate, Seconds};
use super::rows::{self, Rows};

/// Seconds: the estimate of a shorter run is not printed.
const WORTH_SAYING: f64 = 10.0;

/// A run that has started.
pub(super) struct Begun {
    pub(super) clips: usize,
    pub(super) batches: usize,
    pub(super) chunks: Chunks,
    pub(super) rows: Rows,
    pub(super) estimate: Estimate,
    pub(super) since: Instant,
    /// Whether the estimated time was printed.
    pub(super) is_told: bool,
    /// When the bar was last updated, and when the last line was printed.
    pub(super) refreshed: Instant,
    pub(super) pulsed: Instant,
    /// The current chunk: whether it is one of `scratch`, and its number.
    pub(super) chunk: Option<(bool, usize)>,
}

impl Begun {
    /// Returns whether a chunk is not the current one.
    pub(super) fn is_new(&self, number: usize, rung: Option<usize>) -> bool {
        self.chunk != Some((rung.is_some(), number))
    }

    /// Returns a line with the estimated time of the whole run; `None` for a short run.
    pub(super) fn time_of_all(&self, left: Seconds, now: Instant) -> Option<String> {
        let so_far = now.duration_since(self.since).as_secs_f64();
        let all = Seconds { low: left.low + so_far, high: left.high + so_far };
        (all.high >= WORTH_SAYING)
            .then(|| format!("estimated time: {}, from the first {}", range(all), human(so_far)))
    }

    pub(super) fn pulse(&self, cycle: usize, widths: &[usize], now: Instant) -> serde_json::Value {
        let left = self.estimate.left(now);
        json!({
            "event": "progress", "batches_done": self.estimate.done(), "batches": self.batches,
            "cycle": cycle, "widths": widths,
            "seconds": now.duration_since(self.since).as_secs_f64(),
            "seconds_left": left.map(|left| [left.low, left.high]),
        })
    }

    pub(super) fn pulse_line(&self, cycle: usize, widths: &[usize], now: Instant) -> String {
        let (done, all, clips) = (self.estimate.done(), self.batches, self.clips);
        let widths = rows::shown_widths(widths);
        let so_far = human(now.duration_since(self.since).as_secs_f64());
        let left = self.estimate.left(now);
        let left = left.map(|left| format!(", {}", span(left))).unwrap_or_default();
        format!(
            "{done}/{all} batches, cycle {cycle}/{clips}, {widths} neurons, {so_far} so far{left}"
        )
    }
}

fn human(seconds: f64) -> String {
    format!("{:#}", HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// Formats a range: `2m to 4m`, or `about 3m` if both ends are equal.
fn range(Seconds { low, high }: Seconds) -> String {
    let (low, high) = (human(low), human(high));
    if low == high { format!("about {high}") } else { format!("{low} to {high}") }
}

pub(super) fn span(left: Seconds) -> String {
    format!("{} left", range(left))
}
