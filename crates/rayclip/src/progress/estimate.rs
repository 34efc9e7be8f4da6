//! Estimates how long a run will take, from the time of its first batches.

use std::time::{Duration, Instant};

use rayclip_run_folder::{Cycles, RunConfig};
use rayclip_trainer::Chunks;

use crate::pace::Pace;

/// Before the first cycle is finished, an estimate needs this many batches and this much time.
const LEAST_BATCHES: usize = 3;
const LEAST_TIME: Duration = Duration::from_secs(3);

/// The rest of a run, and an estimate of its time.
#[derive(Debug)]
pub(super) struct Estimate {
    /// Hidden neurons of a clipped network in each cycle.
    ladder: Vec<f64>,
    chunks: Chunks,
    /// Batches of every cycle.
    batches: Vec<usize>,
    /// Batches of a network that trains from scratch at each of its clips.
    of_scratch: Vec<usize>,
    /// Finished batches.
    done: usize,
    /// Hidden neurons of a finished cycle, and the seconds of a batch per network of the chunk.
    cycles: Vec<(f64, f64)>,
    now: Option<Open>,
    /// Whether a reported batch is finished. A GPU may only have queued it.
    is_host: bool,
}

/// The current cycle.
#[derive(Debug, Clone, Copy)]
struct Open {
    cycle: usize,
    neurons: f64,
    networks: f64,
    since: Instant,
    batches: usize,
}

/// A range of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seconds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Batches of a chunk of networks at one width.
struct Leg {
    batches: usize,
    neurons: f64,
    networks: f64,
}

impl Estimate {
    pub(super) fn new(config: &RunConfig, chunks: &Chunks, is_host: bool) -> Self {
        let neurons = |widths: &[usize]| widths.iter().sum::<usize>() as f64;
        let rest = rayclip_run_folder::ladder(config);
        let first = config.network.first_widths();
        let cycles = Cycles::of(config);
        let of_scratch = |clip: &usize| {
            Cycles::of_scratch(config, *clip).batches_before(clip + 2).unwrap_or(usize::MAX)
        };
        Self {
            ladder: std::iter::once(first)
                .chain(rest.iter().map(Vec::as_slice))
                .map(neurons)
                .collect(),
            chunks: chunks.clone(),
            batches: (0..=rest.len()).map(|cycle| cycles.batches(cycle)).collect(),
            of_scratch: chunks.scratch_clips.iter().map(of_scratch).collect(),
            done: 0,
            cycles: vec![],
            now: None,
            is_host,
        }
    }

    fn legs(&self) -> impl Iterator<Item = Leg> + '_ {
        let clipped = self.chunks.clipped.iter().flat_map(move |networks| {
            let networks = *networks as f64;
            let cycles = self.ladder.iter().zip(&self.batches);
            cycles.map(move |(&neurons, &batches)| Leg { batches, neurons, networks })
        });
        let scratch = self.chunks.scratch.iter().flat_map(move |networks| {
            let networks = *networks as f64;
            let rungs = self.chunks.scratch_clips.iter().zip(&self.of_scratch);
            rungs.filter_map(move |(clip, &batches)| {
                let neurons = *self.ladder.get(clip + 1)?;
                Some(Leg { batches, neurons, networks })
            })
        });
        clipped.chain(scratch)
    }

    /// Starts a chunk. All batches before it count as finished, even if they were not reported.
    pub(super) fn chunk(
        &mut self,
        number: usize,
        rung: Option<usize>,
        networks: usize,
        at: Instant,
    ) {
        let of_ladder = sum(self.batches.iter().copied());
        let before = match rung {
            None => number.saturating_mul(of_ladder),
            Some(rung) => {
                let rungs = self.of_scratch.iter().copied();
                let of_scratch = sum(rungs.clone());
                let of_clipped = self.chunks.clipped.len().saturating_mul(of_ladder);
                sum([of_clipped, number.saturating_mul(of_scratch), sum(rungs.take(rung))])
            }
        };
        self.done = self.done.max(before);
        let networks = networks as f64;
        self.now = Some(Open { cycle: usize::MAX, neurons: 0.0, networks, since: at, batches: 0 });
    }

    /// Sets the number of batches that were finished before the run was resumed.
    pub(super) fn resumed(&mut self, done: usize) {
        self.done = done;
    }

    /// Returns the number of finished batches.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Counts a finished batch. Returns whether it starts a new cycle, so that the cycle before it is finished.
    pub(super) fn batch(&mut self, cycle: usize, widths: &[usize], at: Instant) -> bool {
        self.done += 1;
        let Some(mut now) = self.now else { return false };
        let is_first = now.cycle == usize::MAX;
        let is_next = !is_first && now.cycle != cycle;
        if is_next {
            // From the start of the cycle before, or from its first batch, to the first batch of this one.
            let seconds = at.duration_since(now.since).as_secs_f64() / (now.batches + 1) as f64;
            self.cycles.push((now.neurons, seconds / now.networks));
        }
        if is_first || is_next {
            now = Open { since: if is_first { now.since } else { at }, batches: 0, ..now };
        }
        now.batches += usize::from(!is_next);
        (now.cycle, now.neurons) = (cycle, widths.iter().sum::<usize>() as f64);
        self.now = Some(now);
        is_next
    }

    /// Returns the batches and seconds of the current cycle, if they are enough for an estimate.
    pub(super) fn first_batches(&self, at: Instant) -> Option<(usize, f64)> {
        let now = self.now.filter(|now| now.batches >= LEAST_BATCHES && self.is_host)?;
        let time = at.duration_since(now.since);
        (time >= LEAST_TIME).then_some((now.batches, time.as_secs_f64()))
    }

    /// Returns the time that is left. After one cycle or less, it is a range: the time of a batch may be proportional
    /// to the neurons, or constant.
    pub(super) fn left(&self, at: Instant) -> Option<Seconds> {
        let pace = Pace::of(&self.cycles);
        let of_now = || {
            let (batches, seconds) = self.first_batches(at)?;
            let now = self.now?;
            Some((now.neurons, seconds / batches as f64 / now.networks))
        };
        match (pace, self.cycles.first().copied().or_else(of_now)) {
            (Some(pace), _) => {
                let left = self.cost(|neurons| pace.at(neurons));
                Some(Seconds { low: left, high: left })
            }
            (None, Some((neurons, seconds))) => {
                let in_proportion = |other: f64| seconds * other / neurons;
                Some(Seconds {
                    low: self.cost(|other| in_proportion(other).min(seconds)),
                    high: self.cost(|other| in_proportion(other).max(seconds)),
                })
            }
            (None, None) => None,
        }
    }

    /// Returns the seconds of the batches that are left, from the seconds of a batch per network.
    fn cost(&self, a_batch: impl Fn(f64) -> f64) -> f64 {
        let mut skip = self.done;
        let mut seconds = 0.0;
        for leg in self.legs() {
            let left = leg.batches.saturating_sub(skip);
            skip = skip.saturating_sub(leg.batches);
            seconds += left as f64 * leg.networks * a_batch(leg.neurons);
        }
        seconds
    }
}

fn sum(batches: impl IntoIterator<Item = usize>) -> usize {
    batches.into_iter().fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayclip_run_folder::presets::{Layers, Setting, resolve};

    /// A run with two chunks of two networks at 20, 18 and 16 neurons, and a chunk of scratch at 16; ten batches
    /// per cycle.
    fn estimate() -> (Estimate, usize) {
        let settings = ["network.hidden=[20]", "compression.min_width=16", "replicas=4"];
        let more = ["training.batches_per_cycle=10", "compression.methods=['l1', 'scratch']"];
        let settings =
            settings.iter().chain(&more).map(|text| Setting::parse(text).unwrap()).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let chunks = Chunks { clipped: vec![2, 2], scratch: vec![4], scratch_clips: vec![1] };
        let estimate = Estimate::new(&config, &chunks, true);
        assert_eq!(estimate.ladder, [20.0, 18.0, 16.0]);
        (estimate, 10)
    }

    #[test]
    fn one_cycle_bounds_the_rest_and_two_determine_it() {
        let (mut estimate, batches) = estimate();
        let began = Instant::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        estimate.chunk(0, None, 2, began);
        assert_eq!(estimate.left(at(9.0)), None);
        // Two networks, one second per batch at 20 neurons.
        for batch in 1..=batches {
            assert!(!estimate.batch(0, &[20], at(batch as f64)));
        }
        assert_eq!(estimate.first_batches(at(10.0)), Some((10, 10.0)));
        let left = estimate.left(at(10.0)).unwrap();
        // Left: cycles at 18 and 16, the second chunk, and three cycles of scratch with twice the networks.
        let cycles = [18.0, 16.0, 20.0, 18.0, 16.0, 32.0, 32.0, 32.0];
        let in_proportion: f64 = cycles.iter().map(|n| n / 20.0 * 10.0).sum();
        assert!((left.low - in_proportion).abs() < 1e-9, "{left:?}");
        assert!((left.high - 110.0).abs() < 1e-9, "{left:?}");
        // 18 neurons take as long as 20: the width does not matter.
        for batch in 1..=batches {
            assert_eq!(estimate.batch(1, &[18], at(10.0 + batch as f64)), batch == 1);
        }
        estimate.batch(2, &[16], at(21.0));
        let left = estimate.left(at(21.0)).unwrap();
        assert_eq!(left.low, left.high);
        assert!((left.low - 99.0).abs() < 1e-9, "{left:?}");
    }

    #[test]
    fn a_chunk_that_ends_early_or_was_done_before_is_not_waited_for() {
        let (mut estimate, _) = estimate();
        let began = Instant::now();
        estimate.chunk(0, None, 2, began);
        estimate.batch(0, &[20], began);
        estimate.chunk(1, None, 2, began);
        assert_eq!(estimate.done(), 30);
        estimate.chunk(0, Some(0), 4, began);
        assert_eq!(estimate.done(), 60);
        estimate.resumed(75);
        estimate.chunk(0, Some(0), 4, began);
        assert_eq!(estimate.done(), 75);
    }

    #[test]
    fn a_batch_that_is_only_queued_tells_nothing() {
        let (mut estimate, _) = estimate();
        estimate.is_host = false;
        let began = Instant::now();
        estimate.chunk(0, None, 2, began);
        for _ in 0..9 {
            estimate.batch(0, &[20], began);
        }
        assert_eq!(estimate.first_batches(began + Duration::from_mins(1)), None);
    }
}
