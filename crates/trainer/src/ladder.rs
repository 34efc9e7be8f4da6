//! The ladder: the widths that the clips lead through.

use crate::RunConfig;
use crate::config::{ScratchAt, ScratchRule};

/// Neurons that a clip of `m` keeps: `max(1, ceil(keep · (m − 1)))`.
///
/// That is how many lie strictly below a linearly interpolated `keep`-quantile of `m` distinct
/// scores. For `m ≥ 2` it is less than `m`.
pub fn kept_count(m: usize, keep: f64) -> usize {
    ((keep * (m - 1) as f64).ceil() as usize).max(1)
}

/// Neurons of every hidden layer after each clip, until every layer has at most `min_width`.
pub fn ladder(config: &RunConfig) -> Vec<Vec<usize>> {
    rungs(config).collect()
}

/// Whether there are more than `most` clips; no more are looked at.
pub(crate) fn is_longer(config: &RunConfig, most: usize) -> bool {
    rungs(config).nth(most).is_some()
}

fn rungs(config: &RunConfig) -> impl Iterator<Item = Vec<usize>> {
    let (keep, min_width) = (config.compression.keep, config.compression.min_width);
    let clip = move |m: usize| if m > min_width { kept_count(m, keep) } else { m };
    let next = move |widths: &Vec<usize>| {
        let next: Vec<usize> = widths.iter().map(|m| clip(*m)).collect();
        (next != *widths).then_some(next)
    };
    std::iter::successors(Some(config.network.hidden.clone()), next).skip(1)
}

/// Hidden layers that a clip shrinks.
pub(crate) fn clipped_layers(before: &[usize], after: &[usize]) -> Vec<usize> {
    (0..before.len()).filter(|&layer| after[layer] < before[layer]).collect()
}

/// The first clip, those at which the hidden neurons have halved again, and the last.
pub(crate) fn halvings(config: &RunConfig) -> Vec<usize> {
    let neurons: Vec<usize> = ladder(config).iter().map(|widths| widths.iter().sum()).collect();
    let mut milestone: usize = config.network.hidden.iter().sum();
    let mut is_one = |(clip, left): (usize, &usize)| {
        let halved = 2 * left <= milestone;
        milestone = if halved { *left } else { milestone };
        halved || clip == 0 || clip + 1 == neurons.len()
    };
    (0..neurons.len()).filter(|clip| is_one((*clip, &neurons[*clip]))).collect()
}

/// The clips (counted from 0) at which `scratch` trains a network.
///
/// # Errors
/// A number of neurons that no clip leads to.
pub(crate) fn scratch_clips(config: &RunConfig) -> Result<Vec<usize>, String> {
    let neurons: Vec<usize> = ladder(config).iter().map(|widths| widths.iter().sum()).collect();
    match &config.compression.scratch_at {
        ScratchAt::Rule(ScratchRule::All) => Ok((0..neurons.len()).collect()),
        ScratchAt::Rule(ScratchRule::Halvings) => Ok(halvings(config)),
        ScratchAt::Neurons(wanted) if wanted.is_empty() => {
            Err("the list is empty; name numbers of hidden neurons, halvings or all".into())
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::presets::{Layers, Setting, resolve};

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
        assert_eq!(clipped_layers(&[13, 9, 20], &ladder[0]), [0, 2]);
    }

    #[test]
    fn scratch_trains_at_the_clips_that_were_asked_for() {
        let clips = |at: &str| scratch_clips(&config(&[&format!("compression.scratch_at={at}")]));
        assert_eq!(clips("halvings"), Ok(vec![0, 6, 13, 19, 25, 31, 33]));
        assert_eq!(clips("all").unwrap().len(), 34);
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
