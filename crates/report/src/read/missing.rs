//! Finds what a run lacks according to its summary: replicas that did not reach the end, and rows.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_data::plain_within;
use rayclip_run_folder::{
    CycleRow, Divergence, Outcome, ReplicaSummary, Summary, is_from_scratch, limits,
};

/// Names the replicas that did not reach the end, with one line per reason.
pub(crate) fn missing(summary: &Summary) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<&ReplicaSummary>> = BTreeMap::new();
    for replica in &summary.replicas {
        if let Some(reason) = reason(replica, false) {
            groups.entry(reason).or_default().push(replica);
        }
    }
    let mut groups: Vec<(String, Vec<&ReplicaSummary>)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, replicas)| replicas[0].replica);
    let line = |(one, replicas): (String, Vec<&ReplicaSummary>)| match replicas.as_slice() {
        [ReplicaSummary { replica, method, seed, .. }] => {
            format!("replica {replica} ({method}, seed {seed}) {one}")
        }
        some => {
            let reason = reason(some[0], true).unwrap_or(one);
            let (count, all) = (some.len(), summary.replicas.len());
            format!("{count} of {all} replicas ({}) {reason}", names(some))
        }
    };
    let shown = |group| plain_within(&line(group), limits::ERROR);
    groups.into_iter().map(shown).collect()
}

/// Says how many finished replicas lack a clip; `None` if there are none.
pub(crate) fn lost(summary: &Summary, rows: &[CycleRow]) -> Option<String> {
    let mut cycles: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for row in rows {
        cycles.entry(row.replica).or_default().insert(row.cycle);
    }
    let finished =
        |r: &&ReplicaSummary| r.outcome == Outcome::Finished && !is_from_scratch(&r.method);
    let lacks = summary.replicas.iter().filter(finished).filter(|replica| {
        cycles.get(&replica.replica).map_or(0, BTreeSet::len) < summary.clips.unwrap_or(0)
    });
    let count = lacks.count();
    (count > 0).then(|| format!("rows of {count} finished replicas are missing"))
}

/// Says why a replica, or it and `others`, did not reach the end; `None` if it did.
fn reason(replica: &ReplicaSummary, others: bool) -> Option<String> {
    let (is, its) = if others { ("are", "their") } else { ("is", "its") };
    if let Some(Divergence { cycle, reason, .. }) = &replica.divergence {
        return Some(format!("diverged in cycle {cycle}: {reason}"));
    }
    match replica.outcome {
        // A stopped replica did what `compression.until_accuracy` or `compression.max_drop` asks for.
        Outcome::Finished | Outcome::Stopped => None,
        Outcome::Running => {
            Some(format!("{is} not finished: the run is in progress, or was killed"))
        }
        outcome => Some(format!("did not reach {its} end: {outcome}")),
    }
}

/// Returns methods and seeds of some replicas.
fn names(replicas: &[&ReplicaSummary]) -> String {
    let mut methods: Vec<(&str, Vec<u64>)> = vec![];
    for ReplicaSummary { method, seed, .. } in replicas {
        match methods.last_mut().filter(|(last, _)| last == method) {
            Some((_, seeds)) => seeds.push(*seed),
            None => methods.push((method, vec![*seed])),
        }
    }
    let seeds = |seeds: &[u64]| match seeds {
        [only] => format!("seed {only}"),
        [first, .., last] if last.checked_sub(*first) == Some(seeds.len() as u64 - 1) => {
            format!("seeds {first} to {last}")
        }
        many if many.len() > 12 => format!("{} seeds", many.len()),
        some => {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("seeds {}", some.join(", "))
        }
    };
    let all = methods.iter().map(|(method, all)| format!("{method}, {}", seeds(all)));
    all.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::sample;

    fn summary(replicas: &[(usize, &str, u64, Outcome)]) -> Summary {
        let replica = |&(replica, method, seed, outcome): &(usize, &str, u64, Outcome)| {
            ReplicaSummary { seed, outcome, ..sample::replica(replica, method) }
        };
        let replicas = replicas.iter().map(replica).collect();
        Summary { replicas, ..sample::summary() }
    }

    #[test]
    fn replicas_that_miss_their_end_for_one_reason_are_one_line() {
        let stopped = Outcome::Interrupted;
        let some = [
            (0, "dtc", 0, stopped),
            (1, "dtc", 1, stopped),
            (2, "dtc", 2, stopped),
            (3, "l2", 0, Outcome::Finished),
            (4, "l2", 1, stopped),
            (5, "l2", 2, Outcome::Running),
        ];
        let expected = [
            "4 of 6 replicas (dtc, seeds 0 to 2; l2, seed 1) did not reach their end: interrupted",
            "replica 5 (l2, seed 2) is not finished: the run is in progress, or was killed",
        ];
        assert_eq!(missing(&summary(&some)), expected);
        assert!(missing(&summary(&[(0, "d\u{1b}c", 0, stopped)]))[0].contains("d\u{fffd}c"));
    }

    #[test]
    fn a_finished_replica_that_lacks_a_clip_is_told() {
        let two = [(0, "dtc", 0, Outcome::Finished), (1, "dtc", 1, Outcome::Finished)];
        let summary = Summary { clips: Some(2), ..summary(&two) };
        let row = |replica, cycle| CycleRow { replica, cycle, ..CycleRow::default() };
        let rows = [row(0, 0), row(0, 1), row(1, 0)];
        assert!(lost(&summary, &rows).unwrap().starts_with("rows of 1 finished"));
        assert_eq!(lost(&summary, &[&rows[..], &[row(1, 1)]].concat()), None);
    }
}
