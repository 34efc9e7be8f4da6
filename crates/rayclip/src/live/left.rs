//! How long a run will still take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Live;
use crate::pace::Pace;

impl Live {
    /// An estimate of the time that is left: what a cycle takes is a constant and a part that grows with the
    /// hidden neurons, both fitted to the cycles that are done.
    pub(super) fn left(&self) -> Option<Duration> {
        let progress = self.run.progress.as_ref()?;
        if self.is_over() || progress.batches_done == 0 {
            return None;
        }
        let neurons = |widths: &Vec<usize>| widths.iter().sum::<usize>() as f64;
        let first = neurons(&self.run.widths_before);
        let widths: Vec<f64> =
            std::iter::once(first).chain(self.ladder.iter().map(neurons)).collect();
        let pace = Pace::of(&self.cycle_seconds());
        let costs = pace.map(|pace| widths.iter().map(|width| pace.at(*width)).collect::<Vec<_>>());
        let (done, all) = (progress.batches_done as f64, progress.batches as f64);
        let seconds = match costs {
            Some(costs) => remaining(&costs, self.batches_per_cycle()? as f64, (done, all)),
            None => progress.seconds * (all - done) / done,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn batches_per_cycle(&self) -> Option<i64> {
        self.run.setting("training", "batches_per_cycle")?.as_integer()
    }

    /// Hidden neurons before the clip and seconds of the cycles that are done, one of each.
    fn cycle_seconds(&self) -> Vec<(f64, f64)> {
        let mut cycles: BTreeMap<usize, (BTreeMap<usize, usize>, f64)> = BTreeMap::new();
        // `scratch` counts from the beginning in every row.
        for clip in self.run.clips.iter().filter(|clip| !clip.is_scratch()) {
            if let (Some(train), Some(compress)) = (clip.train_seconds, clip.compress_seconds) {
                let cycle = cycles.entry(clip.cycle).or_default();
                cycle.0.insert(clip.layer, clip.width_before);
                cycle.1 = train + compress;
            }
        }
        let neurons = |widths: BTreeMap<usize, usize>| widths.into_values().sum::<usize>() as f64;
        cycles.into_values().map(|(widths, seconds)| (neurons(widths), seconds)).collect()
    }
}

/// Seconds of the batches that are left of `all`; chunks are taken to be alike.
fn remaining(costs: &[f64], a_cycle: f64, (done, all): (f64, f64)) -> f64 {
    let chunk = costs.len() as f64 * a_cycle;
    let total: f64 = costs.iter().sum();
    let within = (done % chunk) / a_cycle;
    let spent = |(cycle, cost): (usize, &f64)| cost * (within - cycle as f64).clamp(0.0, 1.0);
    let spent: f64 = costs.iter().enumerate().map(spent).sum();
    (total * (all / chunk - (done / chunk).floor()) - spent).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_rest_of_the_chunk_and_the_chunks_that_follow() {
        let costs = [12.0, 7.0, 4.0];
        // Ten batches a cycle, two chunks.
        assert_eq!(remaining(&costs, 10.0, (15.0, 60.0)), 3.5 + 4.0 + 23.0);
        assert_eq!(remaining(&costs, 10.0, (30.0, 60.0)), 23.0);
        assert_eq!(remaining(&costs, 10.0, (60.0, 60.0)), 0.0);
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
