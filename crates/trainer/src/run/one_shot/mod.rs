//! Clips a network once, by its weights alone: no images, no training.

mod map;
mod network;
mod onnx;

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor, TensorData};
use glob::Pattern;
use rayclip_model::Group;
use rayclip_run_folder::config::presets::{self, Layers};
use rayclip_run_folder::{Method, Replica, RunConfig};

pub use map::{CHANNELS_KEY, channel_map};
pub use network::clip_network;
pub use onnx::clip_model;
pub use rayclip_onnx::{Role, Size as ModelSize};

use super::widths::{Resizable, after_one_clip, named_groups};
use crate::compress::keep;
use crate::criteria::{Context, GroupScores, GroupWeights, criterion};
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

/// How a network is clipped once. Exactly one of `keep`, `target_macs` and `target_parameters` is there.
#[derive(Debug, Clone)]
pub struct OneShot {
    /// The criterion that ranks the channels. It needs no images.
    pub method: Method,
    /// Seed of `random`, of `dtc`, and of the order among equal scores.
    pub seed: u64,
    /// The fraction of the channels of every group that is kept.
    pub keep: Option<f64>,
    /// The part of the multiply-accumulates that the smaller network may have.
    pub target_macs: Option<f64>,
    /// The part of the parameters that it may have.
    pub target_parameters: Option<f64>,
    /// Globs of the groups that are clipped; all if there are none.
    pub only: Vec<String>,
    /// Globs of groups that are not clipped.
    pub protect: Vec<String>,
    /// Widths are multiples of this number.
    pub round_to: usize,
    /// Channels that every group keeps at least.
    pub min_width: usize,
    /// Numbers for extents that have a name in an ONNX file.
    pub bound: BTreeMap<String, usize>,
}

impl Default for OneShot {
    fn default() -> Self {
        Self {
            method: Method::L2,
            seed: 0,
            keep: None,
            target_macs: None,
            target_parameters: None,
            only: vec![],
            protect: vec![],
            round_to: 1,
            min_width: 1,
            bound: BTreeMap::new(),
        }
    }
}

impl OneShot {
    /// Returns the configuration of a run with such a clip.
    ///
    /// # Errors
    /// A value is impossible, the method needs images, or it is not said how small the network becomes.
    fn config(&self) -> Result<RunConfig, TrainerError> {
        let refuse =
            |key: &str, reason: String| Err(TrainerError::Ladder { key: key.to_owned(), reason });
        if !self.method.ranks_by_weights() {
            let reason = format!(
                "{} needs images, but a clip looks at weights alone; use l2, l1, magnitude, dtc or random, or rayclip \
                 compress",
                self.method
            );
            return refuse("method", reason);
        }
        let sizes = [
            ("keep", self.keep),
            ("target_macs", self.target_macs),
            ("target_parameters", self.target_parameters),
        ];
        let given: Vec<(&str, f64)> =
            sizes.into_iter().filter_map(|(key, part)| Some((key, part?))).collect();
        let [(key, part)] = given[..] else {
            let reason = "give exactly one of keep, target_macs and target_parameters".into();
            return refuse("the size of the smaller network", reason);
        };
        if !(part > 0.0 && part < 1.0) {
            return refuse(key, format!("expected a part above 0 and below 1, found {part}"));
        }
        if let Some((name, _)) = self.bound.iter().find(|(_, extent)| **extent == 0) {
            let reason = format!("the extent {name} is 0, expected at least 1");
            return refuse("bind", reason);
        }
        let mut config = presets::resolve(&Layers::default())?;
        config.seed = self.seed;
        let compression = &mut config.compression;
        compression.methods = vec![self.method];
        compression.protect.clone_from(&self.protect);
        compression.round_to = self.round_to;
        compression.min_width = self.min_width;
        compression.keep = self.keep.unwrap_or(compression.keep);
        compression.target_macs = self.target_macs.unwrap_or_default();
        compression.target_parameters = self.target_parameters.unwrap_or_default();
        config.validate()?;
        Ok(config)
    }
}

/// What a clip did.
#[derive(Debug, Clone)]
pub struct Clipped {
    /// All groups, in the order of their first weights.
    pub groups: Vec<ClippedGroup>,
    /// The size of the network before.
    pub before: ModelSize,
    /// Its size after.
    pub after: ModelSize,
}

/// A group of channels before and after a clip.
#[derive(Debug, Clone)]
pub struct ClippedGroup {
    /// Its name.
    pub name: String,
    /// Its channels before.
    pub width: usize,
    /// The channels that it keeps, in ascending order.
    pub kept: Vec<usize>,
    /// Why it cannot be clipped; `None` if it can.
    pub fixed: Option<String>,
    /// The tensors that have its channels.
    pub tensors: Vec<CutTensor>,
}

/// The channels of a group in a tensor of a file: channel `c` of repeat `r` takes the `block` positions from
/// `offset + r · stride + c · block` along an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutTensor {
    /// The name of the tensor.
    pub name: String,
    /// The axis, counted from 0.
    pub axis: usize,
    /// What the tensor does with the channels.
    pub role: Role,
    /// The position of channel 0 in the first repeat.
    pub offset: usize,
    /// Positions of a channel, side by side.
    pub block: usize,
    /// The number of repeats.
    pub repeat: usize,
    /// The distance between repeats; 0 if there is only one.
    pub stride: usize,
}

/// A network of any kind, of which the weights around every group can be read.
pub trait WeightSource: Resizable {
    /// Returns the weights around a group of `m` channels, by its place in [`groups`](Resizable::groups): those that
    /// make the channels, `[p, m]`, and those that read them, `[m, q]`.
    ///
    /// # Errors
    /// They cannot be read, or are not finite.
    fn weights(&self, group: usize) -> Result<[Vec<f32>; 2], TrainerError>;
}

/// Returns, for every group of a network, the channels that one clip keeps, in ascending order. The configuration has
/// one method, which needs no images, and one seed.
///
/// # Errors
/// The target cannot be reached, a weight cannot be read, the solver refuses a problem, or the device fails.
pub fn clip_once(
    network: &dyn WeightSource,
    config: &RunConfig,
    device: &Device,
) -> Result<Vec<Vec<usize>>, TrainerError> {
    let groups = network.groups();
    let widths = after_one_clip(&config.compression, network)?;
    let mut kept: Vec<Vec<usize>> = groups.iter().map(|(_, width)| (0..*width).collect()).collect();
    let is_clipped = |index: &usize| widths[*index] < groups[*index].1;
    let clipped: Vec<usize> = (0..groups.len()).filter(is_clipped).collect();
    let replicas = config.all_replicas();
    let replica = replicas.first().ok_or_else(|| TrainerError::fault("there is no network"))?;
    // Groups of one width are one batch of the solver.
    for width in clipped.iter().map(|index| groups[*index].1).collect::<BTreeSet<usize>>() {
        let of_width = clipped.iter().copied().filter(|index| groups[*index].1 == width);
        let weights = of_width.map(|index| read(network, index, &groups[index], device));
        let weights = weights.collect::<Result<Vec<_>, TrainerError>>()?;
        for (index, scores) in scores(&weights, replica, config)? {
            let mut ties = stream(replica.seed, Purpose::Ties, [0, index]);
            kept[index] = keep(&scores, widths[index], config.compression.clip, &mut ties);
        }
    }
    Ok(kept)
}

/// Returns a configuration that protects all groups but those that globs name.
///
/// # Errors
/// A glob is wrong, or fits no group.
fn only(
    config: &RunConfig,
    globs: &[String],
    network: &dyn Resizable,
) -> Result<RunConfig, TrainerError> {
    let mut config = config.clone();
    if globs.is_empty() {
        return Ok(config);
    }
    let named = named_groups(globs, network)?;
    let others = network.groups().into_iter().zip(named).filter(|(_, is_named)| !is_named);
    let others = others.map(|((name, _), _)| Pattern::escape(&name));
    config.compression.protect.extend(others);
    Ok(config)
}

/// Returns the scores of groups of one width, by their indices.
fn scores(
    weights: &[GroupWeights],
    replica: &Replica,
    config: &RunConfig,
) -> Result<Vec<(usize, Vec<f64>)>, TrainerError> {
    let replicas = std::slice::from_ref(replica);
    let context = Context { config, replicas, cycle: 0, kept: &[], fed: None };
    let criterion = criterion(replica.method)
        .ok_or_else(|| TrainerError::fault("scratch cannot rank neurons"))?;
    let scores = criterion.score(weights, &context)?.groups.into_iter().zip(weights);
    let of_group = |(mut of_replicas, weights): (Vec<GroupScores>, &GroupWeights)| {
        (weights.index, of_replicas.swap_remove(0).values)
    };
    Ok(scores.map(of_group).collect())
}

fn read(
    network: &dyn WeightSource,
    index: usize,
    (name, width): &(String, usize),
    device: &Device,
) -> Result<GroupWeights, TrainerError> {
    let [incoming, outgoing] = network.weights(index)?;
    let rows = incoming.len() / width;
    let columns = outgoing.len() / width;
    // What the weights belong to is not known here; a criterion for weights needs the width alone.
    let group = Group {
        name: name.clone(),
        width: *width,
        fixed: None,
        makes: vec![],
        follows: vec![],
        uses: vec![],
        readings: vec![],
    };
    Ok(GroupWeights {
        index,
        group,
        incoming: Tensor::from_data(TensorData::new(incoming, [1, rows, *width]), device),
        outgoing: Tensor::from_data(TensorData::new(outgoing, [1, *width, columns]), device),
    })
}
