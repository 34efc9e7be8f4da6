//! Scores all groups of a clip. The method of a replica decides its criterion.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use rayclip_model::Population;
use rayclip_run_folder::config::{Measured, Method, by_method};
use rayclip_run_folder::{Replica, RunConfig};
use tracing::info_span;

use crate::criteria::{Context, Fed, GroupScores, GroupWeights, criterion};
use crate::data::{Calibration, DeviceImages};
use crate::error::TrainerError;
use crate::trace::traced;

/// Scores by the index of the group, `[replica]` each.
pub(crate) type ByGroup = BTreeMap<usize, Vec<GroupScores>>;

/// The scoring of a clip, method after method.
pub(crate) struct Scoring {
    /// Indices of the groups to clip.
    groups: Vec<usize>,
    /// Methods that have not scored yet, with the indices of their replicas.
    pending: VecDeque<(Method, Range<usize>)>,
    scores: ByGroup,
    replicas: usize,
    done: usize,
}

/// The scoring by one method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) method: Method,
    /// Seconds spent in the solver, if one was used.
    pub(crate) solve_seconds: Option<f64>,
}

/// The input of the scoring.
pub(crate) struct ScoringInputs<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) images: &'a DeviceImages,
    pub(crate) cycle: usize,
    /// Channels that the clip keeps of every group.
    pub(crate) kept: &'a [usize],
    pub(crate) network: &'a Population,
    /// Returns the neurons of some replicas with their weights at the start of the run.
    pub(crate) start: &'a dyn Fn(&[usize]) -> Result<Population, TrainerError>,
    pub(crate) replicas: &'a [Replica],
}

impl Scoring {
    /// Starts the scoring of some groups.
    pub(crate) fn new(groups: Vec<usize>, replicas: &[Replica]) -> Self {
        let pending = by_method(replicas).into();
        Self { groups, pending, scores: ByGroup::new(), replicas: replicas.len(), done: 0 }
    }

    /// Returns the number of groups times replicas scored so far, and in total.
    pub(crate) fn progress(&self) -> (usize, usize) {
        (self.done, self.groups.len() * self.replicas)
    }

    /// Scores with the next method; groups of the same width are one batch. Returns `None` if all methods have
    /// scored.
    ///
    /// # Errors
    /// The solver refuses a problem, or the device fails.
    pub(crate) fn advance(
        &mut self,
        inputs: &ScoringInputs<'_>,
    ) -> Result<Option<Scored>, TrainerError> {
        let Some((method, range)) = self.pending.pop_front() else { return Ok(None) };
        let ScoringInputs { config, images, cycle, kept, .. } = *inputs;
        let replicas = &inputs.replicas[range.clone()];
        let indices: Vec<usize> = range.collect();
        let network = &inputs.network.keep_replicas(&indices);
        let changes = config.measured_by(method) == Some(Measured::Changes);
        let start = changes.then(|| (inputs.start)(&indices)).transpose()?;
        let calibration = &Calibration::draw(images, replicas, cycle, config);
        let fed = Some(Fed { network, start: start.as_ref(), calibration });
        let context = Context { config, replicas, cycle, kept, fed };
        let criterion =
            criterion(method).ok_or_else(|| TrainerError::fault("scratch cannot rank neurons"))?;
        let mut weights = GroupWeights::all(network);
        weights.retain(|weights| self.groups.contains(&weights.index));
        let widths: BTreeSet<usize> = weights.iter().map(|weights| weights.group.width).collect();
        let mut solve_seconds = None;
        for width in widths {
            let of_width: Vec<GroupWeights> =
                weights.extract_if(.., |weights| weights.group.width == width).collect();
            let span = info_span!("score", %method);
            let device = &network.device();
            let scores = traced(&span, device, || criterion.score(&of_width, &context))?;
            solve_seconds = sum(solve_seconds, scores.solve_seconds);
            for (weights, of_group) in of_width.iter().zip(scores.groups) {
                self.scores.entry(weights.index).or_default().extend(of_group);
            }
        }
        self.done += self.groups.len() * replicas.len();
        Ok(Some(Scored { method, solve_seconds }))
    }

    /// Returns, for every replica, the first group whose scores are not finite.
    pub(crate) fn not_finite(&self) -> Vec<Option<usize>> {
        let of_replica = |replica: usize| {
            let mut groups = self.scores.iter();
            let is_wrong = |scores: &GroupScores| scores.values.iter().any(|v| !v.is_finite());
            groups.find(|(_, scores)| is_wrong(&scores[replica])).map(|(group, _)| *group)
        };
        (0..self.replicas).map(of_replica).collect()
    }

    /// Returns the scores of all replicas. Call it after every method has scored.
    pub(crate) fn into_scores(self) -> ByGroup {
        self.scores
    }

    /// Drops the replicas whose indices are not in `alive`. Call it after every method has scored.
    pub(crate) fn keep_replicas(&mut self, alive: &[usize]) {
        for scores in self.scores.values_mut() {
            *scores = alive.iter().map(|index| scores[*index].clone()).collect();
        }
        self.replicas = alive.len();
    }
}

fn sum(so_far: Option<f64>, seconds: Option<f64>) -> Option<f64> {
    seconds.map(|seconds| seconds + so_far.unwrap_or(0.0)).or(so_far)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::{Graph, Shape};
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::data::PixelScale;
    use crate::streams::{Purpose, stream};

    fn config(methods: &str) -> RunConfig {
        let methods = format!("compression.methods=[{methods}]");
        let settings = ["replicas=2", "training.batch_size=4", "network.hidden=[12, 11]", &methods];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    fn scored(config: &RunConfig, groups: &[usize]) -> (Scoring, Vec<Scored>) {
        let replicas = config.all_replicas();
        let weights =
            |replica: usize, layer| stream(replicas[replica].seed, Purpose::Weights, [layer, 0]);
        let graph = Graph::perceptron(3, &[12, 11], 2, false);
        let network = Population::init(&graph, replicas.len(), &Device::flex(), weights).unwrap();
        let split = Split { images: (0..60).collect::<Vec<u8>>().into(), labels: vec![0; 20] };
        let scale = &PixelScale::all(0.0, 1.0);
        let images = &DeviceImages::upload(split, Shape::vector(3), scale, &Device::flex());
        let inputs = ScoringInputs {
            config,
            images,
            cycle: 1,
            kept: &[6, 6],
            network: &network,
            start: &|indices| Ok(network.keep_replicas(indices)),
            replicas: &replicas,
        };
        let mut scoring = Scoring::new(groups.to_vec(), &replicas);
        assert_eq!(scoring.progress(), (0, groups.len() * replicas.len()));
        let mut all = vec![];
        while let Some(scored) = scoring.advance(&inputs).unwrap() {
            all.push(scored);
        }
        assert_eq!(scoring.progress().0, scoring.progress().1);
        (scoring, all)
    }

    #[test]
    fn every_replica_has_the_scores_of_its_method_as_alone() {
        let (both, scored_both) = scored(&config("'l2', 'dtc'"), &[0, 1]);
        assert_eq!(scored_both.len(), 2);
        assert!(scored_both[0].solve_seconds.is_none() && scored_both[1].solve_seconds.is_some());
        let (alone, _) = scored(&config("'dtc'"), &[0, 1]);
        let (both, alone) = (both.into_scores(), alone.into_scores());
        for (group, width) in [(0, 12), (1, 11)] {
            assert_eq!(both[&group].len(), 4);
            assert_eq!(both[&group][2].values, alone[&group][0].values);
            assert_eq!(both[&group][3].values.len(), width);
            assert!(both[&group][3].rays.is_some() && both[&group][0].rays.is_none());
        }
    }

    #[test]
    fn only_the_groups_that_are_clipped_are_scored() {
        let (scoring, _) = scored(&config("'random'"), &[1]);
        assert_eq!(scoring.into_scores().into_keys().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn scores_that_are_not_finite_are_told_by_replica() {
        let (mut scoring, _) = scored(&config("'l1'"), &[0, 1]);
        assert_eq!(scoring.not_finite(), [None, None]);
        scoring.scores.get_mut(&1).unwrap()[1].values[3] = f64::NAN;
        assert_eq!(scoring.not_finite(), [None, Some(1)]);
        scoring.keep_replicas(&[0]);
        assert_eq!(scoring.not_finite(), [None]);
    }
}
