//! Scores of all layers of a clip, each replica's by the criterion of its method.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rayclip_model::Mlp;

use crate::calibration::Calibration;
use crate::criteria::{Context, LayerWeights, SolveInfo, criterion};
use crate::events::{Event, Observer};
use crate::images::DeviceImages;
use crate::replica::{Replica, by_method};
use crate::{RunConfig, TrainerError};

/// Scores `[replica][m]` of every layer of a clip, and how the reconstructions of every replica went.
#[derive(Default)]
pub(crate) struct Scored {
    pub(crate) scores: BTreeMap<usize, Vec<Vec<f64>>>,
    pub(crate) solves: BTreeMap<usize, Vec<Option<SolveInfo>>>,
    /// What the method of every replica took.
    pub(crate) seconds: Vec<ScoringSeconds>,
}

/// Seconds of scoring by one method, of all its replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ScoringSeconds {
    /// The solver included.
    pub(crate) all: f64,
    /// Of the solver alone, where there is one.
    pub(crate) solver: Option<f64>,
}

/// Scores `layers` by the weights as they are, those of one width as one batch.
///
/// # Errors
/// A problem is refused, or the device fails.
pub(crate) fn score(
    (network, replicas): (&Mlp, &[Replica]),
    layers: &[usize],
    (config, images): (&RunConfig, &DeviceImages),
    cycle: usize,
    observer: &mut dyn Observer,
) -> Result<Scored, TrainerError> {
    let widths = network.shape().hidden;
    let distinct: BTreeSet<usize> = layers.iter().map(|layer| widths[*layer]).collect();
    let (mut done, total) = (0, layers.len() * replicas.len());
    let mut scored = Scored::default();
    for (method, places) in by_method(replicas) {
        let (began, mut solver) = (Instant::now(), None);
        let replicas = &replicas[places.clone()];
        let network = network.keep_replicas(&places.collect::<Vec<_>>());
        let calibration = Calibration::draw(images, network, replicas, cycle, config);
        let context = Context { config, replicas, cycle, calibration: &calibration };
        for width in &distinct {
            observer.notify(&Event::Scoring { done, total });
            let of_width = layers.iter().filter(|layer| widths[**layer] == *width);
            let weights = |&layer: &usize| {
                let [incoming, outgoing] =
                    [layer, layer + 1].map(|index| calibration.network.layers[index].weight.val());
                LayerWeights { layer, incoming, outgoing }
            };
            let group: Vec<LayerWeights> = of_width.map(weights).collect();
            let scores = criterion(method).score(&group, &context)?;
            solver = scores.solve_seconds.map(|seconds| seconds + solver.unwrap_or(0.0)).or(solver);
            for (place, (weights, of_layer)) in group.iter().zip(scores.layers).enumerate() {
                let solves = scored.solves.entry(weights.layer).or_default();
                match scores.solves.get(place) {
                    Some(of_layer) => solves.extend(of_layer.iter().cloned().map(Some)),
                    None => solves.extend(std::iter::repeat_n(None, of_layer.len())),
                }
                scored.scores.entry(weights.layer).or_default().extend(of_layer);
            }
            done += group.len() * replicas.len();
        }
        let seconds = ScoringSeconds { all: began.elapsed().as_secs_f64(), solver };
        scored.seconds.extend(std::iter::repeat_n(seconds, replicas.len()));
    }
    observer.notify(&Event::Scoring { done, total });
    Ok(scored)
}

impl Scored {
    /// Drops the replicas that are not at the places `alive`.
    pub(crate) fn keep_replicas(&mut self, alive: &[usize]) {
        for scores in self.scores.values_mut() {
            *scores = alive.iter().map(|place| scores[*place].clone()).collect();
        }
        for solves in self.solves.values_mut() {
            *solves = alive.iter().map(|place| solves[*place].clone()).collect();
        }
        self.seconds = alive.iter().map(|place| self.seconds[*place]).collect();
    }
}
