//! Counts neurons with equal scores, which a criterion cannot tell apart.
//!
//! A seeded permutation orders neurons with equal scores. If most neurons tie, most of a clip is a random draw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::comparison::index_of;
use crate::compare::statistics::Estimate;
use crate::read::run::Run;

/// A line of `ties.csv`: one group of one method in one cycle, over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TiesRow {
    /// The method.
    pub method: String,
    /// The group.
    pub group: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Ranked neurons: those before the clip.
    pub neurons: usize,
    /// Number of seeds.
    pub n: usize,
    /// Mean fraction of the neurons with the same score as another neuron.
    pub fraction: f64,
    /// The smallest fraction of any seed.
    pub least: f64,
    /// The largest fraction of any seed.
    pub most: f64,
}

/// One group of one method in one cycle; method and group are indices.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    method: usize,
    position: usize,
    cycle: usize,
    width: usize,
}

/// Returns the ties of all methods that rank neurons, in the order of the runs. Runs that did not count ties are
/// left out.
pub fn ties(runs: &[Run], labels: impl Fn(&Run, &str) -> String) -> Vec<TiesRow> {
    let mut methods: Vec<String> = vec![];
    let mut found: BTreeMap<Key, (&str, Vec<f64>)> = BTreeMap::new();
    for run in runs {
        for row in run.rows.iter().filter(|row| !row.is_scratch()) {
            let (Some(ties), Some(position)) = (row.ties, run.groups.position(&row.group)) else {
                continue;
            };
            let method = index_of(labels(run, &row.method), &mut methods);
            let (cycle, width) = (row.cycle, row.width_before);
            let key = Key { method, position, cycle, width };
            let (_, fractions) = found.entry(key).or_insert((&row.group, vec![]));
            fractions.push(ties as f64 / width as f64);
        }
    }
    let row = |(key, (group, fractions)): (Key, (&str, Vec<f64>))| {
        let Estimate { n, mean, .. } = Estimate::of(&fractions)?;
        Some(TiesRow {
            method: methods[key.method].clone(),
            group: group.to_owned(),
            cycle: key.cycle,
            neurons: key.width,
            n,
            fraction: mean,
            least: fractions.iter().copied().fold(f64::INFINITY, f64::min),
            most: fractions.iter().copied().fold(0.0, f64::max),
        })
    };
    found.into_iter().filter_map(row).collect()
}

/// Names the methods that give neurons equal scores, in a sentence; `None` if there is none.
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
            "ties: at most this share of the neurons in a clip has the score of another one: {}; a seeded draw \
             orders them",
            parts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::{CycleRow, METHOD_SCRATCH};

    use super::*;
    use crate::read::sample::{clip, run_of};

    #[test]
    fn ties_are_fractions_of_the_neurons_that_were_ranked() {
        let of = |method: &str, seed: usize, ties: Option<usize>| CycleRow {
            method: method.into(),
            ties,
            ..clip(seed, 0, 100, 90, 0.9)
        };
        let clips = vec![
            of("dtc", 0, Some(80)),
            of("dtc", 1, Some(95)),
            of("random", 0, Some(0)),
            of(METHOD_SCRATCH, 0, Some(0)),
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
