//! The ladder: the widths after each clip.

use super::{RunConfig, ScratchAt, ScratchRule};

/// Returns how many of `m` neurons a clip keeps: `max(1, ceil(keep · (m − 1)))`.
///
/// This many of `m` distinct scores are strictly below their linearly interpolated `keep`-quantile. For `m ≥ 2` it
/// is less than `m`.
pub fn kept_count(m: usize, keep: f64) -> usize {
    ((keep * (m - 1) as f64).ceil() as usize).max(1)
}

/// Returns the widths of all hidden layers after each clip, until every layer has at most `min_width` neurons.
pub fn ladder(config: &RunConfig) -> Vec<Vec<usize>> {
    rungs(config).collect()
}

/// Returns whether there are more than `most` clips. Computes no more than `most + 1`.
pub(crate) fn is_longer(config: &RunConfig, most: usize) -> bool {
    rungs(config).nth(most).is_some()
}

fn rungs(config: &RunConfig) -> impl Iterator<Item = Vec<usize>> {
    let own = &config.compression.ladder;
    let by_fraction = own.is_empty().then(|| by_fraction(config));
    own.clone().into_iter().chain(by_fraction.into_iter().flatten())
}

/// Returns the widths after each clip that keeps the same fraction of every layer.
fn by_fraction(config: &RunConfig) -> impl Iterator<Item = Vec<usize>> + use<> {
    let (keep, min_width) = (config.compression.keep, config.compression.min_width);
    let clip = move |m: usize| if m > min_width { kept_count(m, keep) } else { m };
    let next = move |widths: &Vec<usize>| {
        let next: Vec<usize> = widths.iter().map(|m| clip(*m)).collect();
        (next != *widths).then_some(next)
    };
    std::iter::successors(Some(config.network.first_widths().to_vec()), next).skip(1)
}

/// Returns the indices of the groups that a clip shrinks.
pub fn clipped_groups(before: &[usize], after: &[usize]) -> Vec<usize> {
    (0..before.len()).filter(|&group| after[group] < before[group]).collect()
}

/// Returns the first clip, each clip at which the number of neurons has halved again, and the last clip. `before`
/// is the number of neurons before the first clip, `left` the numbers after each clip.
pub fn halvings(before: usize, left: &[usize]) -> Vec<usize> {
    let mut milestone = before;
    let mut is_one = |clip: &usize| {
        let halved = left[*clip] <= milestone / 2;
        milestone = if halved { left[*clip] } else { milestone };
        halved || *clip == 0 || clip + 1 == left.len()
    };
    (0..left.len()).filter(|clip| is_one(clip)).collect()
}

impl RunConfig {
    /// Returns the [`halvings`] of its ladder.
    pub fn halvings(&self) -> Vec<usize> {
        halvings(self.network.first_widths().iter().sum(), &neurons(self))
    }
}

/// Returns the number of hidden neurons after each clip.
fn neurons(config: &RunConfig) -> Vec<usize> {
    rungs(config).map(|widths| widths.iter().sum()).collect()
}

/// Returns the clips (counted from 0) at which `scratch` trains a network.
///
/// # Errors
/// The configuration names a number of neurons that no clip leads to.
pub fn scratch_clips(config: &RunConfig) -> Result<Vec<usize>, String> {
    let neurons = neurons(config);
    match &config.compression.scratch_at {
        ScratchAt::Rule(ScratchRule::All) => Ok((0..neurons.len()).collect()),
        ScratchAt::Rule(ScratchRule::Halvings) => Ok(config.halvings()),
        ScratchAt::Rule(ScratchRule::Last) => {
            Ok(neurons.len().checked_sub(1).into_iter().collect())
        }
        ScratchAt::Neurons(wanted) if wanted.is_empty() => Err(
            "the list is empty: name numbers of hidden neurons, or set it to halvings, all or last"
                .into(),
        ),
        ScratchAt::Neurons(wanted) => {
            let clip_of = |wanted: &usize| {
                neurons.iter().position(|left| left == wanted).ok_or_else(|| {
                    format!("no clip leads to {wanted} hidden neurons; the ladder is {neurons:?}")
                })
            };
            let mut clips = wanted.iter().map(clip_of).collect::<Result<Vec<_>, _>>()?;
            clips.sort_unstable();
            clips.dedup();
            Ok(clips)
        }
    }
}

/// Returns the name of the group of hidden layer `layer` of a perceptron. It is the name of the layer that makes
/// its neurons.
pub fn hidden_group(layer: impl std::fmt::Display) -> String {
    format!("layer_{layer}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::presets::{Layers, Setting, resolve};

    fn config(settings: &[&str]) -> RunConfig {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    #[test]
    fn the_ladder_is_the_papers() {
        let widths: Vec<usize> = ladder(&config(&[])).concat();
        assert_eq!(
            widths,
            [
                460, 414, 372, 334, 300, 270, 243, 218, 196, 176, 158, 142, 127, 114, 102, 91, 81,
                72, 64, 57, 51, 45, 40, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 9
            ]
        );
    }

    #[test]
    fn a_layer_that_is_small_enough_waits_for_the_others() {
        let config = config(&["network.hidden=[13, 9, 20]"]);
        let ladder = ladder(&config);
        assert_eq!(ladder[..2], [[11, 9, 18], [9, 9, 16]]);
        assert_eq!(ladder.last().unwrap(), &[9, 9, 10]);
        assert_eq!(clipped_groups(&[13, 9, 20], &ladder[0]), [0, 2]);
    }

    #[test]
    fn scratch_trains_at_the_clips_that_were_asked_for() {
        let clips = |at: &str| scratch_clips(&config(&[&format!("compression.scratch_at={at}")]));
        assert_eq!(clips("halvings"), Ok(vec![0, 6, 13, 19, 25, 31, 33]));
        assert_eq!(clips("all").unwrap().len(), 34);
        assert_eq!(clips("last"), Ok(vec![33]));
        assert_eq!(clips("[9, 127, 9]"), Ok(vec![12, 33]));
    }

    proptest! {
        #[test]
        fn a_clip_always_shrinks_and_never_empties(m in 2_usize..5000, keep in 0.001..0.999) {
            let count = kept_count(m, keep);
            prop_assert!(count >= 1 && count < m);
        }
    }
}
