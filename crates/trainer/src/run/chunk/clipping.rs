//! A clip: score with all methods, choose the neurons to keep, rebuild smaller networks.

use rayclip_model::Population;
use rayclip_run_folder::config::Moments as MomentsAtClip;
use rayclip_run_folder::{KeptRow, Replica, clipped_groups};
use tracing::info_span;

use super::teacher::Teacher;
use super::{Advance, BeforeClip, Chunk, Network, Phase, fresh};
use crate::compress::{
    ByGroup, Clipped, Rebuilt, Scoring, ScoringInputs, keep, merge, rebuild, refit, rescale,
};
use crate::criteria::GroupScores;
use crate::data::Calibration;
use crate::error::TrainerError;
use crate::run::inputs::Inputs;
use crate::streams::{Purpose, stream};

/// The number of training images on which a rebuilt network is compared with the larger one.
const PROBE: usize = 32;

/// What the repairs of a clip need.
struct Repair<'a> {
    /// The networks before the clip.
    before: Population,
    calibration: Calibration<'a>,
}

impl<'a> Chunk<'a> {
    pub(super) fn begin_scoring(&mut self, before: BeforeClip) -> Result<Advance, TrainerError> {
        let groups = self.groups_to_clip()?;
        if groups.is_empty() || self.is_from_scratch() {
            return Ok(Advance::Done);
        }
        let before = BeforeClip { at_once: self.at_once(), ..before };
        self.phase = Phase::Scoring(before, Scoring::new(groups, &self.replicas));
        Ok(Advance::Scored(None))
    }

    fn groups_to_clip(&self) -> Result<Vec<usize>, TrainerError> {
        let widths = self.network()?.graph().widths();
        Ok(match (self.rungs.after().get(self.cycle.number), self.rungs.global()) {
            (None, _) => vec![],
            (Some(_), Some(global)) => global.groups(&self.rungs.first().widths),
            (Some(next), None) => clipped_groups(&widths, &next.widths),
        })
    }

    pub(super) fn score(
        &mut self,
        before: BeforeClip,
        mut scoring: Scoring,
    ) -> Result<Advance, TrainerError> {
        let Inputs { config, splits, .. } = self.inputs;
        let network = self.network()?;
        let mut kept = self.rungs.at(Some(self.cycle.number)).widths.clone();
        // With a global ranking, a group may be narrower already.
        for (kept, width) in kept.iter_mut().zip(network.graph().widths()) {
            *kept = width.min(*kept);
        }
        let inputs = ScoringInputs {
            config,
            images: &splits.train,
            cycle: self.cycle.number,
            kept: &kept,
            network,
            start: &|indices| self.at_start(indices),
            replicas: &self.replicas,
        };
        if let Some(scored) = scoring.advance(&inputs)? {
            self.phase = Phase::Scoring(before, scoring);
            return Ok(Advance::Scored(Some(scored)));
        }
        let groups = self.network()?.graph().free_groups();
        let reason = |group: Option<usize>| {
            let name = &groups[group?].name;
            Some(format!("the scores of group {name} are not finite"))
        };
        let reasons: Vec<Option<String>> = scoring.not_finite().into_iter().map(reason).collect();
        if reasons.iter().all(Option::is_none) {
            return self.clip(before, scoring.into_scores());
        }
        self.phase = Phase::Scored(before, scoring.into_scores());
        Ok(Advance::Diverged(self.freeze(reasons)))
    }

    /// Returns the networks of some replicas with their present neurons and the weights that these had at the start of the
    /// run.
    ///
    /// # Errors
    /// The networks are larger than memory can address.
    fn at_start(&self, indices: &[usize]) -> Result<Population, TrainerError> {
        let Inputs { original, device, .. } = self.inputs;
        let replicas: Vec<Replica> = indices.iter().map(|index| self.replicas[*index]).collect();
        let mut start = match original {
            Some(original) => original.keep_replicas(&vec![0; replicas.len()]),
            None => fresh(self.rungs.first(), &replicas, device)?,
        };
        for group_index in 0..self.rungs.group_names().len() {
            // A clip of one group moves the channels of those beside it.
            let group = start.graph().free_groups().remove(group_index);
            let kept = indices.iter().map(|index| self.lineage[*index][group_index].clone());
            start = start.cut(&group, &kept.collect::<Vec<_>>());
        }
        Ok(start)
    }

    /// Keeps the best neurons of every scored group, in the networks, the moments and the lineage.
    pub(super) fn clip(
        &mut self,
        before: BeforeClip,
        scores: ByGroup,
    ) -> Result<Advance, TrainerError> {
        let _span = info_span!("clip", cycle = self.cycle.number).entered();
        let Inputs { config, splits, .. } = self.inputs;
        let (compression, cycle) = (&config.compression, self.cycle.number);
        let probe = splits.train.batch(&[(0..PROBE.min(splits.train.len())).collect()])?.images;
        let repair = self.repair()?;
        if cycle == 0 && self.schedule.learns_from_first_cycle(1, config) {
            self.set_teacher(Teacher::by_seed(self.network()?, &self.replicas))?;
        }
        self.allocate(&scores)?;
        let mut clipped = vec![];
        for (&index, scores) in &scores {
            // A clip of one group moves the channels of those beside it.
            let group = self.network()?.graph().free_groups().remove(index);
            let count = self.rungs.at(Some(cycle)).widths[index];
            if count == group.width {
                continue;
            }
            let choose = |(scores, replica): (&Vec<f64>, &Replica)| {
                let mut ties = stream(replica.seed, Purpose::Ties, [cycle, index]);
                keep(scores, count, compression.clip, &mut ties)
            };
            let scores = scores.iter().map(|scores| &scores.values);
            let kept: Vec<Vec<usize>> = scores.zip(&self.replicas).map(choose).collect();
            let rebuilt = Rebuilt { cycle, group: &group, probe: &probe };
            let wider = self.network()?.clone();
            let merged = match &repair {
                Some(repair) if compression.merge => {
                    Some(merge(wider.clone(), &group, &kept, &repair.calibration)?)
                }
                _ => None,
            };
            let mut network = rebuild(wider, &mut self.optimizer, &rebuilt, &kept)?;
            if let Some(merged) = merged {
                network = merged.cut(&group, &kept);
            }
            clipped.push(Clipped { group, kept: kept.clone() });
            if let Some(Repair { before, calibration }) = &repair {
                if compression.compensate {
                    network = refit(network, before, &clipped, calibration)?;
                }
                if compression.rescale {
                    network = rescale(network, before, &clipped, calibration)?;
                }
            }
            self.network = Network::Here(network);
            for (lineage, kept) in self.lineage.iter_mut().zip(&kept) {
                lineage[index] = kept.iter().map(|neuron| lineage[index][*neuron]).collect();
            }
        }
        if config.training.moments == MomentsAtClip::Reset {
            self.optimizer.reset();
        }
        self.sync()?;
        self.phase = Phase::Clipped(before, scores);
        Ok(Advance::Clipped(self.kept()?))
    }

    /// Returns what the repairs of the configuration need; `None` if there are none.
    fn repair(&self) -> Result<Option<Repair<'a>>, TrainerError> {
        let Inputs { config, splits, .. } = self.inputs;
        if !config.compression.repairs() {
            return Ok(None);
        }
        let (images, cycle) = (&splits.train, self.cycle.number);
        let calibration = Calibration::draw(images, &self.replicas, cycle, config);
        Ok(Some(Repair { before: self.network()?.clone(), calibration }))
    }

    /// With a global ranking, decides the widths of the network after this clip.
    fn allocate(&mut self, scores: &ByGroup) -> Result<(), TrainerError> {
        let Some(global) = self.rungs.global() else { return Ok(()) };
        let [replica] = self.replicas[..] else {
            return Err(TrainerError::fault("a chunk with a global ranking has one network"));
        };
        let (cycle, graph) = (self.cycle.number, self.network()?.graph());
        let of_replica = |(group, scores): (&usize, &Vec<GroupScores>)| {
            scores.first().map(|scores| (*group, scores.values.clone()))
        };
        let scores = scores.iter().filter_map(of_replica).collect();
        let mut ties = stream(replica.seed, Purpose::Ties, [cycle, graph.widths().len()]);
        let widths = global.widths(graph, &scores, &self.rungs.at(Some(cycle)).graph, &mut ties)?;
        self.rungs.to_mut().set(cycle, &widths);
        Ok(())
    }

    /// Waits until the device has finished its work.
    pub(crate) fn sync(&self) -> Result<(), TrainerError> {
        self.inputs.device.sync().map_err(|error| TrainerError::Device {
            doing: "rebuilding the networks",
            reason: error.to_string(),
        })
    }

    /// Returns the live neurons of every replica.
    fn kept(&self) -> Result<Vec<KeptRow>, TrainerError> {
        let groups = self.network()?.graph().free_groups();
        let kept = |(replica, neurons): (&Replica, &Vec<Vec<usize>>)| KeptRow {
            replica: replica.number,
            method: replica.method,
            seed: replica.seed,
            groups: groups.iter().map(|g| g.name.clone()).zip(neurons.iter().cloned()).collect(),
        };
        Ok(self.replicas.iter().zip(&self.lineage).map(kept).collect())
    }
}
