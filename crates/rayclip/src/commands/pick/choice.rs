//! Chooses a network: the smallest that is accurate enough; without an accuracy, the largest that fits.

use std::cmp::Ordering;

use anyhow::ensure;

use super::candidates::{Candidate, Pool, Weights};
use crate::args::PickArgs;

/// The conditions for a network; at least one is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    accuracy: Option<f64>,
    max_drop: Option<f64>,
    neurons: Option<usize>,
    parameters: Option<usize>,
}

impl Wish {
    /// Returns the conditions from the arguments.
    ///
    /// # Errors
    /// There is no condition.
    pub(super) fn of(args: &PickArgs) -> anyhow::Result<Self> {
        let PickArgs { accuracy, max_drop, neurons, parameters, .. } = *args;
        ensure!(
            accuracy.or(max_drop).is_some() || neurons.or(parameters).is_some(),
            "give a condition: --accuracy 0.98, --max-drop 0.01, --neurons 57 or --parameters 50000, or several \
             of them"
        );
        Ok(Self { accuracy, max_drop, neurons, parameters })
    }

    /// Returns the chosen network, among those whose weights were kept.
    pub(super) fn best<'a>(&self, pool: &'a Pool) -> Option<&'a Candidate> {
        self.first(pool, |candidate| !matches!(candidate.weights, Weights::Gone))
    }

    /// Returns the network that would be chosen instead of `best` if all weights had been kept.
    pub(super) fn better_without_weights<'a>(
        &self,
        pool: &'a Pool,
        best: &Candidate,
    ) -> Option<&'a Candidate> {
        self.first(pool, |_| true).filter(|first| first.parameters != best.parameters)
    }

    fn first<'a>(
        &self,
        pool: &'a Pool,
        is_there: impl Fn(&Candidate) -> bool,
    ) -> Option<&'a Candidate> {
        let fitting =
            pool.candidates.iter().filter(|candidate| self.holds(candidate, pool.held_out));
        let worse = |a: &&Candidate, b: &&Candidate| -> Ordering {
            let size = a.parameters.cmp(&b.parameters);
            let size = if self.has_floor() { size } else { size.reverse() };
            size.then(by_accuracy(b, a, pool.held_out))
        };
        fitting.filter(|candidate| is_there(candidate)).min_by(worse)
    }

    /// Returns the most accurate of the networks that are small enough; if none is, the smallest of all.
    pub(super) fn nearest<'a>(&self, pool: &'a Pool) -> Option<&'a Candidate> {
        let there = |candidate: &&Candidate| !matches!(candidate.weights, Weights::Gone);
        let candidates = || pool.candidates.iter().filter(there);
        let better = |a: &&Candidate, b: &&Candidate| {
            by_accuracy(a, b, pool.held_out).then(b.parameters.cmp(&a.parameters))
        };
        let small = candidates().filter(|candidate| self.is_small(candidate)).max_by(better);
        small.or_else(|| candidates().min_by_key(|candidate| candidate.parameters))
    }

    /// Returns a part of the message, if networks meet the conditions but their weights were not kept.
    pub(super) fn not_kept(&self, pool: &Pool) -> String {
        let fitting =
            pool.candidates.iter().filter(|candidate| self.holds(candidate, pool.held_out));
        match fitting.count() {
            0 => String::new(),
            count => format!(" whose weights were kept ({count} without; see --keep-networks)"),
        }
    }

    /// Returns the conditions in words.
    pub(super) fn text(&self, held_out: bool) -> String {
        let on = if held_out { "the held-out images" } else { "the test images" };
        let parts = [
            self.accuracy.map(|accuracy| format!("has an accuracy of {accuracy} on {on}")),
            self.max_drop.map(|drop| format!("has lost at most {drop} on {on}")),
            self.neurons.map(|count| format!("has at most {count} hidden neurons")),
            self.parameters.map(|count| format!("has at most {count} parameters")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    /// Whether no accuracy decided: only sizes are given, and only one replica has networks.
    fn is_by_size_alone(&self, pool: &Pool) -> bool {
        let replica = |candidate: &Candidate| (candidate.network.method, candidate.network.seed);
        let mut replicas = pool.candidates.iter().map(replica);
        let first = replicas.next();
        !self.has_floor() && replicas.all(|other| Some(other) == first)
    }

    /// Returns what the choice depends on: `size`, or the accuracy on `validation` or `test` images.
    pub(super) fn chosen_on(&self, pool: &Pool) -> &'static str {
        match (self.is_by_size_alone(pool), pool.held_out) {
            (true, _) => "size",
            (false, true) => "validation",
            (false, false) => "test",
        }
    }

    fn has_floor(&self) -> bool {
        self.accuracy.or(self.max_drop).is_some()
    }

    fn is_small(&self, candidate: &Candidate) -> bool {
        self.neurons.is_none_or(|most| candidate.neurons() <= most)
            && self.parameters.is_none_or(|most| candidate.parameters <= most)
    }

    fn holds(&self, candidate: &Candidate, held_out: bool) -> bool {
        let accuracy = candidate.accuracy(held_out);
        let at_least = |least: f64| accuracy.is_some_and(|accuracy| accuracy >= least);
        let drop = |most: f64| candidate.before.is_some_and(|before| at_least(before - most));
        self.is_small(candidate)
            && self.accuracy.is_none_or(at_least)
            && self.max_drop.is_none_or(drop)
    }
}

/// Compares accuracies. One that was not measured comes first.
fn by_accuracy(a: &Candidate, b: &Candidate, held_out: bool) -> Ordering {
    let [a, b] = [a, b].map(|candidate| candidate.accuracy(held_out));
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::Method;
    use rayclip_run_folder::presets::{Layers, resolve};
    use rayclip_trainer::KeptNetwork;

    use super::*;

    /// Networks with 100, 50 and 20 neurons of two seeds. The weights of the second one with 20 neurons are gone.
    fn pool(held_out: bool) -> Pool {
        let accuracies = [(100, [0.98, 0.97]), (50, [0.96, 0.975]), (20, [0.91, 0.93])];
        let candidate = |(width, seed, accuracy): (usize, u64, f64)| Candidate {
            network: KeptNetwork {
                method: Method::Magnitude,
                seed,
                clip: (width < 100).then_some(0),
                widths: vec![width],
                test: accuracy,
                validation: held_out.then_some(accuracy - 0.1),
            },
            parameters: 10 * width,
            before: Some([0.98, 0.97][seed as usize] - if held_out { 0.1 } else { 0.0 }),
            weights: if (width, seed) == (20, 1) { Weights::Gone } else { Weights::Final(0) },
        };
        let all = accuracies.into_iter().flat_map(|(width, both)| {
            [0, 1].map(|seed| candidate((width, seed, both[seed as usize])))
        });
        let config = resolve(&Layers::default()).unwrap();
        Pool {
            config,
            candidates: all.collect(),
            held_out,
            is_old: false,
            manifest: None,
            missing: vec![],
        }
    }

    const NOTHING: Wish = Wish { accuracy: None, max_drop: None, neurons: None, parameters: None };

    fn picked(wish: Wish, held_out: bool) -> Option<(usize, u64)> {
        let pool = pool(held_out);
        wish.best(&pool).map(|candidate| (candidate.neurons(), candidate.network.seed))
    }

    #[test]
    fn with_an_accuracy_the_smallest_network_is_picked() {
        let accuracy = |accuracy| Wish { accuracy: Some(accuracy), ..NOTHING };
        assert_eq!(picked(accuracy(0.96), false), Some((50, 1)));
        assert_eq!(picked(accuracy(0.976), false), Some((100, 0)));
        // The weights of the network with 20 neurons and .93 are gone.
        assert_eq!(picked(accuracy(0.92), false), Some((50, 1)));
        assert_eq!(picked(accuracy(0.91), false), Some((20, 0)));
        let (all, wish) = (pool(false), accuracy(0.92));
        let best = wish.best(&all).unwrap();
        assert_eq!(wish.better_without_weights(&all, best).unwrap().neurons(), 20);
        let (all, wish) = (pool(false), accuracy(0.91));
        assert!(wish.better_without_weights(&all, wish.best(&all).unwrap()).is_none());
        assert_eq!(picked(accuracy(0.99), false), None);
        assert_eq!(picked(accuracy(0.86), true), Some((50, 1)));
        assert_eq!(picked(accuracy(0.9), true), None);
    }

    #[test]
    fn a_drop_is_from_the_same_replicas_start() {
        let drop = |drop| Wish { max_drop: Some(drop), ..NOTHING };
        assert_eq!(picked(drop(0.0), false), Some((50, 1)));
        assert_eq!(picked(drop(0.0), true), Some((50, 1)));
        assert_eq!(picked(drop(0.071), false), Some((20, 0)));
        let both = Wish { neurons: Some(30), ..drop(0.03) };
        assert_eq!(picked(both, false), None);
    }

    #[test]
    fn with_a_size_alone_the_largest_network_is_picked() {
        assert_eq!(picked(Wish { neurons: Some(57), ..NOTHING }, false), Some((50, 1)));
        assert_eq!(picked(Wish { parameters: Some(499), ..NOTHING }, false), Some((20, 0)));
        assert_eq!(picked(Wish { neurons: Some(19), ..NOTHING }, false), None);
        let both = Wish { neurons: Some(100), accuracy: Some(0.9), ..NOTHING };
        assert_eq!(picked(both, false), Some((20, 0)));
    }

    #[test]
    fn what_comes_nearest_is_the_most_accurate_of_those_that_fit() {
        let pool = pool(false);
        let nearest = |wish: Wish| {
            let nearest = wish.nearest(&pool).unwrap();
            (nearest.neurons(), nearest.network.seed)
        };
        let accuracy = Wish { accuracy: Some(0.999), ..NOTHING };
        assert_eq!(nearest(accuracy), (100, 0));
        assert_eq!(nearest(Wish { neurons: Some(60), ..accuracy }), (50, 1));
        assert_eq!(nearest(Wish { neurons: Some(2), ..NOTHING }), (20, 0));
        assert!(
            Wish { accuracy: Some(0.92), neurons: Some(20), ..NOTHING }
                .not_kept(&pool)
                .contains("1 without")
        );
    }
}
