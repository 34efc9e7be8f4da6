//! Neurons that a criterion does not tell apart: equal scores, down the ladder.
//!
//! Neurons with equal scores are ordered by a seeded permutation: where most of them tie, most of a clip is a
//! random draw.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Run;
use crate::comparison::place_of;
use crate::statistics::Estimate;

/// A line of `ties.csv`: one layer of one method in one cycle, over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TiesRow {
    /// The method.
    pub method: String,
    /// The hidden layer.
    pub layer: usize,
    /// The clip's cycle.
    pub cycle: usize,
    /// Neurons that were ranked: those before the clip.
    pub neurons: usize,
    /// Seeds.
    pub n: usize,
    /// Mean fraction of the neurons whose score is that of another one.
    pub fraction: f64,
    /// The least fraction of a seed.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

/// Method, layer, cycle and width, and a fraction a seed.
type Group = ((usize, usize, usize, usize), Vec<f64>);

/// The ties of all methods that rank neurons, in the order of the runs; nothing of runs that did not count
/// them.
pub fn ties(runs: &[Run], labels: impl Fn(&Run, &str) -> String) -> Vec<TiesRow> {
    let mut methods: Vec<String> = vec![];
    let mut groups: BTreeMap<(usize, usize, usize, usize), Vec<f64>> = BTreeMap::new();
    for run in runs {
        for clip in run.clips.iter().filter(|clip| !clip.is_scratch()) {
            let Some(ties) = clip.ties else { continue };
            let method = place_of(labels(run, &clip.method), &mut methods);
            let fraction = ties as f64 / clip.width_before as f64;
            let key = (method, clip.layer, clip.cycle, clip.width_before);
            groups.entry(key).or_default().push(fraction);
        }
    }
    let row = |((method, layer, cycle, neurons), fractions): Group| {
        let Estimate { n, mean, .. } = Estimate::of(&fractions)?;
        let least = fractions.iter().copied().fold(f64::INFINITY, f64::min);
        let most = fractions.iter().copied().fold(0.0, f64::max);
        let method = methods[method].clone();
        Some(TiesRow { method, layer, cycle, neurons, n, fraction: mean, least, most })
    };
    groups.into_iter().filter_map(row).collect()
}

/// The methods that leave neurons untold, in a sentence; nothing where none does.
pub fn ties_sentence(rows: &[TiesRow]) -> Option<String> {
    let mut parts: Vec<(&str, f64)> = vec![];
    for row in rows.iter().filter(|row| row.most > 0.0) {
        match parts.iter_mut().find(|(method, _)| *method == row.method) {
            Some((_, most)) => *most = most.max(row.most),
            None => parts.push((&row.method, row.most)),
        }
    }
    let text = |(method, most): &(&str, f64)| format!("{method} {:.0} %", 100.0 * most);
    let parts: Vec<String> = parts.iter().map(text).collect();
    (!parts.is_empty()).then(|| {
        format!(
            "ties: of the neurons that a clip ranks, at most so many share their score with another one: {}; a \
             seeded draw orders these",
            parts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clip;
    use crate::clips::SCRATCH;
    use crate::table::tests::{clip, run_of};

    #[test]
    fn ties_are_fractions_of_the_neurons_that_were_ranked() {
        let of = |method: &str, seed: usize, ties: Option<usize>| Clip {
            method: method.into(),
            ties,
            ..clip(seed, 0, 100, 90, 0.9)
        };
        let clips = vec![
            of("dtc", 0, Some(80)),
            of("dtc", 1, Some(95)),
            of("random", 0, Some(0)),
            of(SCRATCH, 0, Some(0)),
            of("l2", 0, None),
        ];
        let rows = ties(&[run_of(clips)], |_, method| method.to_owned());
        let found: Vec<_> = rows.iter().map(|row| (row.method.as_str(), row.n, row.most)).collect();
        assert_eq!(found, [("dtc", 2, 0.95), ("random", 1, 0.0)]);
        assert_eq!((rows[0].neurons, rows[0].fraction, rows[0].least), (100, 0.875, 0.8));
        let sentence = ties_sentence(&rows).unwrap();
        assert!(sentence.contains("another one: dtc 95 %; a seeded draw"), "{sentence}");
        assert_eq!(ties_sentence(&rows[1..]), None);
    }
}
