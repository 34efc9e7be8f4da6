//! Clips a network once, by its weights alone: no images, no training.

mod onnx;

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use glob::Pattern;
use rayclip_model::Group;
use rayclip_run_folder::{Replica, RunConfig};

pub use onnx::{ClipOptions, ClippedGroup, ClippedModel, clip_model};

use super::widths::{Resizable, after_one_clip, named_groups};
use crate::compress::keep;
use crate::criteria::{Context, GroupScores, GroupWeights, criterion};
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

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
