//! A run that has begun: how far it is, and how long it will take.

use std::time::{Duration, Instant};

use indicatif::HumanDuration;
use rayclip_trainer::Chunks;
use serde_json::json;

use super::estimate::{Estimate, Seconds};
use super::rows::{self, Rows};

/// A run that takes less is over before an estimate is read.
const WORTH_SAYING: f64 = 10.0;

/// A run that has begun.
pub(super) struct Begun {
    pub(super) clips: usize,
    pub(super) batches: usize,
    pub(super) chunks: Chunks,
    pub(super) rows: Rows,
    pub(super) estimate: Estimate,
    pub(super) since: Instant,
    /// Whether the time that the run will take was told.
    pub(super) is_told: bool,
    /// When the bar, and when a line, last said how far it is.
    pub(super) refreshed: Instant,
    pub(super) pulsed: Instant,
    /// The chunk whose rows are shown: whether it is of `scratch`, and its number.
    pub(super) chunk: Option<(bool, usize)>,
}

impl Begun {
    /// The time of the whole run, and what it was estimated by; nothing where it is short.
    pub(super) fn time_of_all(&self, left: Seconds, now: Instant) -> Option<String> {
        let so_far = now.duration_since(self.since).as_secs_f64();
        let all = Seconds { low: left.low + so_far, high: left.high + so_far };
        (all.high >= WORTH_SAYING).then(|| {
            format!("estimated time: {}, by what the first {} took", range(all), human(so_far))
        })
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

/// `2m to 4m`, or `about 3m` where both are the same.
fn range(Seconds { low, high }: Seconds) -> String {
    let (low, high) = (human(low), human(high));
    if low == high { format!("about {high}") } else { format!("{low} to {high}") }
}

pub(super) fn span(left: Seconds) -> String {
    format!("{} left", range(left))
}
