//! The time of a classification.

use serde::Serialize;

/// How long a network takes to classify some images at once: the times that so many of the repetitions do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Images that are classified at once.
    pub images: usize,
    /// Repetitions before the first one that counts.
    pub warm_up: usize,
    /// Repetitions that count.
    pub repetitions: usize,
    /// Milliseconds that half of the repetitions do not exceed.
    pub p50_ms: f64,
    /// The same for 90 %.
    pub p90_ms: f64,
    /// The same for 99 %; of fewer than a hundred repetitions, the longest time.
    pub p99_ms: f64,
}

impl Latency {
    /// Returns the percentiles of the milliseconds of all repetitions; `None` without a repetition.
    pub fn of(images: usize, warm_up: usize, mut milliseconds: Vec<f64>) -> Option<Self> {
        milliseconds.sort_by(f64::total_cmp);
        let repetitions = milliseconds.len();
        // The nearest rank: the smallest time that at least this part of all times does not exceed.
        let percentile = |percent: usize| {
            let rank = (percent * repetitions).div_ceil(100);
            milliseconds.get(rank.saturating_sub(1)).copied()
        };
        let (p50_ms, p90_ms, p99_ms) = (percentile(50)?, percentile(90)?, percentile(99)?);
        Some(Self { images, warm_up, repetitions, p50_ms, p90_ms, p99_ms })
    }

    /// Returns the images per second at the median.
    pub fn images_per_second(&self) -> f64 {
        1e3 * self.images as f64 / self.p50_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let of = |count: u32| {
            let times = (1..=count).rev().map(f64::from).collect();
            let found = Latency::of(4, 2, times).unwrap();
            (found.p50_ms, found.p90_ms, found.p99_ms)
        };
        assert_eq!(of(1), (1.0, 1.0, 1.0));
        assert_eq!(of(10), (5.0, 9.0, 10.0));
        assert_eq!(of(11), (6.0, 10.0, 11.0));
        assert_eq!(of(200), (100.0, 180.0, 198.0));
        assert_eq!(Latency::of(1, 2, vec![]), None);
        assert_eq!(Latency::of(4, 2, vec![2.0]).unwrap().images_per_second(), 2000.0);
    }
}
