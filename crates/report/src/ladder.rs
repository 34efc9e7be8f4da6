//! The widths that a run's clips led through.

use std::collections::BTreeMap;

use crate::{Clip, Run};

/// The network after a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// The clip's cycle.
    pub cycle: usize,
    /// Neurons of every hidden layer.
    pub widths: Vec<usize>,
    /// Fraction of the first hidden neurons that is gone.
    pub sparsity: f64,
    /// Weights and biases.
    pub parameters: usize,
}

impl Rung {
    /// Hidden neurons.
    pub fn neurons(&self) -> usize {
        sum(&self.widths)
    }

    /// The widths as they are shown, `460` or `460 × 230`.
    pub fn label(&self) -> String {
        joined(&self.widths)
    }
}

/// Neurons of some layers; of widths that no network has, the most that can be counted.
pub(crate) fn sum(widths: &[usize]) -> usize {
    widths.iter().copied().fold(0, usize::saturating_add)
}

/// Widths as they are shown.
pub(crate) fn joined(widths: &[usize]) -> String {
    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// The rungs that a run has rows of, by cycle.
pub fn rungs(run: &Run) -> BTreeMap<usize, Rung> {
    let first = sum(&run.widths_before);
    let mut widths = run.widths_before.clone();
    let mut rungs = BTreeMap::new();
    for (cycle, clips) in by_cycle(run) {
        let mut parameters = None;
        for clip in clips {
            widths[clip.layer] = clip.width_after;
            parameters = Some(clip.parameters);
        }
        if let Some(parameters) = parameters {
            let sparsity = 1.0 - sum(&widths) as f64 / first as f64;
            rungs.insert(cycle, Rung { cycle, widths: widths.clone(), sparsity, parameters });
        }
    }
    rungs
}

/// The clips of every cycle that has one, in the order of the file.
pub(crate) fn by_cycle(run: &Run) -> BTreeMap<usize, Vec<&Clip>> {
    let mut cycles: BTreeMap<usize, Vec<&Clip>> = BTreeMap::new();
    for clip in &run.clips {
        cycles.entry(clip.cycle).or_default().push(clip);
    }
    cycles
}

/// The first of some rungs, those at which the hidden neurons have halved again, and the last.
pub fn milestones<'a>(
    rungs: impl IntoIterator<Item = &'a Rung>,
    neurons_before: usize,
) -> Vec<&'a Rung> {
    let all: Vec<&Rung> = rungs.into_iter().collect();
    let mut milestone = neurons_before;
    let mut is_one = |place: usize, rung: &Rung| {
        let halved = rung.neurons() <= milestone / 2;
        milestone = if halved { rung.neurons() } else { milestone };
        halved || place == 0 || place + 1 == all.len()
    };
    all.iter().enumerate().filter(|(place, rung)| is_one(*place, rung)).map(|(_, r)| *r).collect()
}
