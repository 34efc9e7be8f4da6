//! How long a run will still take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Live;

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
        let costs = costs(&self.cycle_seconds(), &widths);
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

/// Seconds of every cycle of a chunk, those at the widths; nothing where too few are done.
fn costs(done: &[(f64, f64)], widths: &[f64]) -> Option<Vec<f64>> {
    if done.len() < 2 || widths.len() < 2 {
        return None;
    }
    let n = done.len() as f64;
    let mean_x = done.iter().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = done.iter().map(|(_, y)| y).sum::<f64>() / n;
    let spread: f64 = done.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let joint: f64 = done.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    // Smaller networks are not slower, and none is free.
    let slope = if spread > 0.0 { (joint / spread).clamp(0.0, mean_y / mean_x) } else { 0.0 };
    Some(widths.iter().map(|width| mean_y + slope * (width - mean_x)).collect())
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
        assert_eq!(costs(&done, &[100.0, 50.0, 20.0]), Some(vec![12.0, 7.0, 4.0]));
        // Times that grow while the network shrinks are noise: all cycles cost the same.
        assert_eq!(costs(&[(100.0, 7.0), (50.0, 9.0)], &[100.0, 20.0]), Some(vec![8.0, 8.0]));
        assert_eq!(costs(&done[..1], &[100.0, 20.0]), None);
    }
}
