//! The number of batches in every cycle.

use crate::config::{Budget, Method, RunConfig};
use crate::ladder;

/// The number of batches in every cycle. Cycle `c` comes before clip `c`; the last one comes after the last clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycles {
    /// The batches of every cycle, in order.
    batches: Vec<usize>,
    /// The batches of any further cycle.
    further: usize,
}

impl Cycles {
    /// Returns the cycles of a run.
    pub fn of(config: &RunConfig) -> Self {
        let training = &config.training;
        let count = ladder(config).len() + 1;
        let further = training.batches_per_cycle;
        let mut batches = training.first_batches.clone();
        batches.resize(count, further);
        if training.final_batches > 0 {
            batches[count - 1] = training.final_batches;
        }
        Self { batches, further }
    }

    /// Returns the cycles of fresh networks with the widths after a clip, which a method trains on the budget of the
    /// configuration. In a cycle in which a clipped network takes more batches (because it is trained in several copies)
    /// or operations, they have as many more batches, rounded up. The operations of a teacher that says only once what it
    /// says of all images are those of the cycle after the first clip.
    pub fn of_scratch(config: &RunConfig, clip: usize, method: Method) -> Self {
        let mut cycles = Self::of(config);
        let compression = &config.compression;
        let learns = method == Method::ScratchDistilled;
        let flops = |cycle: usize, learns: bool| {
            let teacher =
                if learns && config.learns_in(cycle) { compression.teacher_flops } else { 0.0 };
            Some(compression.training_flops.get(cycle)? + teacher)
        };
        // All cycles of a fresh network have the widths after the clip.
        let own =
            |cycle| Some(flops(clip + 1, false)? + flops(cycle, learns)? - flops(cycle, false)?);
        let batch_size = config.training.batch_size as f64;
        for (cycle, batches) in cycles.batches.iter_mut().enumerate().take(clip + 2) {
            if cycle == 0 && config.trains_teacher(method) {
                continue;
            }
            let copies = config.copies_in(cycle) as f64;
            let (ratio, once) = match (compression.budget, flops(cycle, true).zip(own(cycle))) {
                // Operations are known as soon as the network is.
                (Budget::Batches, _) | (_, None) => (1.0, 0.0),
                (Budget::Operations | Budget::Parent, Some((clipped, own))) => {
                    let once = if cycle == 1 && !learns { compression.teacher_once } else { 0.0 };
                    (clipped / own, once / (own * batch_size))
                }
            };
            *batches = (*batches as f64 * copies * ratio + once).ceil() as usize;
            if cycle == 0 && compression.budget == Budget::Parent {
                *batches = 0;
            }
        }
        cycles
    }

    /// Returns the number of batches of a cycle.
    pub fn batches(&self, cycle: usize) -> usize {
        self.batches.get(cycle).copied().unwrap_or(self.further)
    }

    /// Returns the number of batches before a cycle; `None` if there are too many to count.
    pub fn batches_before(&self, cycle: usize) -> Option<usize> {
        let known = cycle.min(self.batches.len());
        let add = |sum: usize, batches: &usize| sum.checked_add(*batches);
        let sum = self.batches[..known].iter().try_fold(0_usize, add)?;
        sum.checked_add((cycle - known).checked_mul(self.further)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets::{Layers, Setting, resolve};

    /// The cycles of a run with three clips.
    fn cycles(settings: &[&str]) -> Cycles {
        let all = ["network.hidden=[20]", "compression.keep=0.5", "compression.min_width=3"];
        let settings = all.iter().chain(settings);
        let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
        Cycles::of(&resolve(&Layers { settings, ..Layers::default() }).unwrap())
    }

    #[test]
    fn the_first_cycles_and_the_last_one_have_batches_of_their_own() {
        let batches = |settings: &[&str]| -> Vec<usize> {
            let cycles = cycles(settings);
            (0..5).map(|cycle| cycles.batches(cycle)).collect()
        };
        let (first, last) = ("training.first_batches=[9, 7]", "training.final_batches=50");
        let few = "training.batches_per_cycle=2";
        assert_eq!(batches(&[few]), [2; 5]);
        assert_eq!(batches(&[few, first, last]), [9, 7, 2, 50, 2]);
        assert_eq!(batches(&[few, "training.first_batches=[9, 8, 7, 6, 5]"]), [9, 8, 7, 6, 2]);
        let cycles = cycles(&[few, first, last]);
        let before: Vec<Option<usize>> = (0..6).map(|cycle| cycles.batches_before(cycle)).collect();
        assert_eq!(before, [0, 9, 16, 18, 68, 70].map(Some));
    }

    #[test]
    fn fresh_networks_have_as_many_batches_or_as_many_operations() {
        let batches = |budget: &str| -> Vec<Vec<usize>> {
            let budget = format!("compression.budget={budget}");
            let settings = ["training.first_batches=[9]", "training.batches_per_cycle=7", &budget];
            let ladder = ["network.hidden=[20]", "compression.keep=0.5", "compression.min_width=3"];
            let settings = settings.iter().chain(&ladder);
            let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
            let mut config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
            config.compression.training_flops = vec![200.0, 100.0, 50.0, 30.0];
            let cycles = Cycles::of_scratch(&config, 1, Method::Scratch);
            let all: Vec<usize> = (0..3).map(|cycle| cycles.batches(cycle)).collect();
            // With two copies of each clipped network, which learn from another.
            config.training.soup = 2;
            config.training.distillation = 0.5;
            config.compression.teacher_flops = 25.0;
            config.compression.teacher_once = 0.0;
            let cycles = [Method::Scratch, Method::ScratchDistilled].map(|method| {
                let cycles = Cycles::of_scratch(&config, 1, method);
                (0..3).map(|cycle| cycles.batches(cycle)).collect()
            });
            // The teacher says once what it says of all images: the operations of three batches of the fresh network.
            config.training.soup = 1;
            config.compression.teacher_flops = 0.0;
            config.compression.teacher_once = 3.0 * 50.0 * config.training.batch_size as f64;
            let once = [Method::Scratch, Method::ScratchDistilled].map(|method| {
                let cycles = Cycles::of_scratch(&config, 1, method);
                (0..3).map(|cycle| cycles.batches(cycle)).collect()
            });
            [all].into_iter().chain(cycles).chain(once).collect()
        };
        let expected = [[9, 7, 7], [9, 14, 14], [9, 14, 14], [9, 7, 7], [9, 7, 7]];
        assert_eq!(batches("batches"), expected);
        let expected = [[36, 14, 7], [36, 35, 21], [9, 24, 14], [36, 17, 7], [9, 14, 7]];
        assert_eq!(batches("operations"), expected);
        let expected = [[0, 14, 7], [0, 35, 21], [9, 24, 14], [0, 17, 7], [9, 14, 7]];
        assert_eq!(batches("parent"), expected);
    }

    #[test]
    fn what_cannot_be_counted_is_not_known() {
        let huge = Cycles { batches: vec![usize::MAX / 2; 3], further: usize::MAX };
        assert_eq!(
            [2, 3, 4].map(|cycle| huge.batches_before(cycle)),
            [Some(usize::MAX - 1), None, None]
        );
    }
}
