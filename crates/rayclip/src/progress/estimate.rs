//! Estimates how long a run will take, from the time of its first batches.

use std::time::{Duration, Instant};

use rayclip_trainer::{Chunks, PlannedChunk, PlannedCycle};

use crate::pace::Pace;

/// Before the first cycle is finished, an estimate needs this many batches and this much time.
const LEAST_BATCHES: usize = 3;
const LEAST_TIME: Duration = Duration::from_secs(3);

/// The rest of a run, and an estimate of its time.
#[derive(Debug)]
pub(super) struct Estimate {
    chunks: Chunks,
    /// Finished batches.
    done: usize,
    /// Neurons of a finished cycle, and the seconds of a batch per network.
    cycles: Vec<(f64, f64)>,
    now: Option<Open>,
    /// Whether a reported batch is finished. A GPU may only have queued it.
    is_host: bool,
}

/// The current cycle.
#[derive(Debug, Clone)]
struct Open {
    /// `None` before the first batch.
    cycle: Option<usize>,
    neurons: f64,
    /// The networks in each cycle of the chunk.
    networks: Vec<f64>,
    since: Instant,
    batches: usize,
}

/// A range of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seconds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Estimate {
    pub(super) fn new(chunks: &Chunks, is_host: bool) -> Self {
        Self { chunks: chunks.clone(), done: 0, cycles: vec![], now: None, is_host }
    }

    /// Returns all cycles of all chunks, in order.
    fn all(&self) -> impl Iterator<Item = &PlannedCycle> {
        let all = self.chunks.clipped.iter().chain(self.chunks.scratch.iter().flatten());
        all.flat_map(|chunk| &chunk.cycles)
    }

    /// Starts a chunk. All batches before it count as finished, even if they were not reported.
    pub(super) fn chunk(
        &mut self,
        number: usize,
        rung: Option<usize>,
        replicas: usize,
        at: Instant,
    ) {
        let Chunks { clipped, scratch, .. } = &self.chunks;
        let before: Vec<&PlannedChunk> = match rung {
            None => clipped.iter().take(number).collect(),
            Some(rung) => {
                let same =
                    scratch.get(number).into_iter().flat_map(|rungs| rungs.iter().take(rung));
                clipped.iter().chain(scratch.iter().take(number).flatten()).chain(same).collect()
            }
        };
        let batches = before.iter().flat_map(|chunk| &chunk.cycles).map(|cycle| cycle.batches);
        self.done = self.done.max(batches.fold(0, usize::saturating_add));
        let planned = match rung {
            None => clipped.get(number),
            Some(rung) => scratch.get(number).and_then(|rungs| rungs.get(rung)),
        };
        let planned = planned.cloned().unwrap_or_default();
        // Some replicas may have diverged or stopped.
        let part = replicas as f64 / planned.replicas.max(1) as f64;
        let networks = |cycle: &PlannedCycle| cycle.networks as f64 * part;
        let networks = planned.cycles.iter().map(networks).collect();
        self.now = Some(Open { cycle: None, neurons: 0.0, networks, since: at, batches: 0 });
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
        let Some(now) = &mut self.now else { return false };
        let before = now.cycle.filter(|before| *before != cycle);
        if let Some(before) = before {
            // From the start of the cycle before, or from its first batch, to the first batch of this one.
            let seconds = at.duration_since(now.since).as_secs_f64() / (now.batches + 1) as f64;
            self.cycles.push((now.neurons, seconds / now.networks_in(before)));
            (now.since, now.batches) = (at, 0);
        } else {
            now.batches += 1;
        }
        (now.cycle, now.neurons) = (Some(cycle), widths.iter().sum::<usize>() as f64);
        before.is_some()
    }

    /// Returns the batches and seconds of the current cycle, if they are enough for an estimate.
    pub(super) fn first_batches(&self, at: Instant) -> Option<(usize, f64)> {
        let now = self.now.as_ref();
        let now = now.filter(|now| now.batches >= LEAST_BATCHES && self.is_host)?;
        let time = at.duration_since(now.since);
        (time >= LEAST_TIME).then_some((now.batches, time.as_secs_f64()))
    }

    /// Returns the time that is left. After one cycle or less, it is a range: the time of a batch may be proportional
    /// to the neurons, or constant.
    pub(super) fn left(&self, at: Instant) -> Option<Seconds> {
        let pace = Pace::of(&self.cycles);
        let of_now = || {
            let (batches, seconds) = self.first_batches(at)?;
            let now = self.now.as_ref()?;
            Some((now.neurons, seconds / batches as f64 / now.networks_in(now.cycle?)))
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
        for PlannedCycle { batches, networks, neurons } in self.all() {
            let left = batches.saturating_sub(skip);
            skip = skip.saturating_sub(*batches);
            seconds += left as f64 * *networks as f64 * a_batch(*neurons as f64);
        }
        seconds
    }
}

impl Open {
    fn networks_in(&self, cycle: usize) -> f64 {
        self.networks.get(cycle).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with two chunks of two networks at 20, 18 and 16 neurons, and a chunk of scratch at 16; ten batches
    /// per cycle.
    fn estimate() -> (Estimate, usize) {
        let chunk = |networks, neurons: [usize; 3]| {
            let cycle = |neurons| PlannedCycle { batches: 10, networks, neurons };
            PlannedChunk { replicas: networks, cycles: neurons.map(cycle).to_vec() }
        };
        let clipped = vec![chunk(2, [20, 18, 16]); 2];
        let scratch = vec![vec![chunk(4, [16; 3])]];
        (Estimate::new(&Chunks { clipped, scratch, scratch_clips: vec![1] }, true), 10)
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
