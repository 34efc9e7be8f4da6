//! Estimates the time that is left of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use rayclip_run_folder::Cycles;

use super::Live;
use crate::pace::Pace;

impl Live {
    /// Returns an estimate of the time that is left. The time of a batch is a linear function of the hidden neurons,
    /// which is fitted to the finished cycles.
    pub(super) fn left(&self) -> Option<Duration> {
        let progress = self.run.progress.as_ref()?;
        if self.is_over() || progress.batches_done == 0 {
            return None;
        }
        let neurons = |widths: &Vec<usize>| widths.iter().sum::<usize>() as f64;
        let first = self.run.groups.neurons() as f64;
        let widths: Vec<f64> =
            std::iter::once(first).chain(self.ladder.iter().map(neurons)).collect();
        let costs = self.run.settings.as_ref().map(Cycles::of).and_then(|cycles| {
            let pace = Pace::of(&self.batch_seconds(&cycles))?;
            let cost = |(cycle, width): (usize, &f64)| Cost {
                batches: cycles.batches(cycle) as f64,
                a_batch: pace.at(*width) * self.networks(cycle),
            };
            Some(widths.iter().enumerate().map(cost).collect::<Vec<Cost>>())
        });
        let batches = Batches { done: progress.batches_done as f64, all: progress.batches as f64 };
        let seconds = match costs {
            Some(costs) => batches.seconds_left(&costs),
            None => progress.seconds * (batches.all - batches.done) / batches.done,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Returns the number of networks of a seed that train in a cycle: one before the first clip, later one or several
    /// copies for each method.
    fn networks(&self, cycle: usize) -> f64 {
        let Some(config) = self.run.settings.as_ref().filter(|_| cycle > 0) else { return 1.0 };
        let methods = config.compression.methods.iter().filter(|method| !method.is_from_scratch());
        (methods.count().max(1) * config.copies_in(cycle)) as f64
    }

    /// Returns, for each finished cycle with batches, the hidden neurons before its clip and the seconds of a batch of one
    /// network of each seed.
    fn batch_seconds(&self, of: &Cycles) -> Vec<(f64, f64)> {
        let mut cycles: BTreeMap<usize, (BTreeMap<&str, usize>, f64)> = BTreeMap::new();
        // Every row of `scratch` counts from the start of training.
        for row in self.run.rows.iter().filter(|row| !row.is_scratch()) {
            let batches = of.batches(row.cycle);
            if let Some(timing) = self.run.timing(row).filter(|_| batches > 0) {
                let cycle = cycles.entry(row.cycle).or_default();
                cycle.0.insert(&row.group, row.width_before);
                let seconds = timing.train_seconds + timing.compress_seconds;
                cycle.1 = seconds / batches as f64 / self.networks(row.cycle);
            }
        }
        let neurons = |widths: BTreeMap<&str, usize>| widths.into_values().sum::<usize>() as f64;
        cycles.into_values().map(|(widths, seconds)| (neurons(widths), seconds)).collect()
    }
}

/// A cycle.
struct Cost {
    batches: f64,
    /// Seconds of a batch.
    a_batch: f64,
}

/// Batches of a run.
struct Batches {
    done: f64,
    all: f64,
}

impl Batches {
    /// Returns the seconds of the batches that are left, as if all chunks took the same time. `costs` are the cycles
    /// of a chunk.
    fn seconds_left(&self, costs: &[Cost]) -> f64 {
        let chunk: f64 = costs.iter().map(|cost| cost.batches).sum();
        let total: f64 = costs.iter().map(|cost| cost.batches * cost.a_batch).sum();
        let mut within = self.done % chunk;
        let spent = costs.iter().map(|cost| {
            let done = within.min(cost.batches);
            within -= done;
            done * cost.a_batch
        });
        let spent: f64 = spent.sum();
        (total * (self.all / chunk - (self.done / chunk).floor()) - spent).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_rest_of_the_chunk_and_the_chunks_that_follow() {
        // Two chunks of thirty batches.
        let costs = [(5.0, 2.0), (10.0, 0.5), (15.0, 0.25)];
        let costs = costs.map(|(batches, a_batch)| Cost { batches, a_batch });
        let left = |done| Batches { done, all: 60.0 }.seconds_left(&costs);
        assert_eq!([11.0, 30.0, 60.0].map(left), [2.0 + 3.75 + 18.75, 18.75, 0.0]);
    }

    #[test]
    fn a_cycle_costs_a_constant_and_a_part_that_grows_with_the_neurons() {
        let done = [(100.0, 12.0), (50.0, 7.0)];
        let at = |done: &[(f64, f64)], neurons| Pace::of(done).map(|pace| pace.at(neurons));
        assert_eq!([100.0, 50.0, 20.0].map(|n| at(&done, n)), [Some(12.0), Some(7.0), Some(4.0)]);
        // Times that grow while the network shrinks are noise: all cycles cost the same.
        let noise = [(100.0, 7.0), (50.0, 9.0)];
        assert_eq!([100.0, 20.0].map(|n| at(&noise, n)), [Some(8.0), Some(8.0)]);
        assert_eq!(at(&done[..1], 100.0), None);
    }
}
