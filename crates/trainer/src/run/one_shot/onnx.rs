//! Clips an ONNX model once.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rayclip_onnx::proto::{Graph, Model};
use rayclip_onnx::{Analysis, GroupWeights, Kept, Size, Tie, retie, untie};

use serde_json::Value;

use super::map::{channel_map, remember, remembered};
use super::{Clipped, ClippedGroup, CutTensor, OneShot, WeightSource, clip_once, only};
use crate::error::TrainerError;
use crate::run::widths::Resizable;

/// Clips a model, and writes the map of its channels into its metadata, so that a later clip knows the original
/// numbers. Returns the map too. The model changes only if the clip succeeds. `file` is the name of its file.
///
/// # Errors
/// No group can be clipped, the target cannot be reached, a weight cannot be read, or the device fails.
pub fn clip_model(
    model: &mut Model,
    how: &OneShot,
    file: Option<&str>,
    device: &Device,
) -> Result<(Clipped, Value), TrainerError> {
    let config = how.config()?;
    let mut clipped = model.clone();
    let copies = untie(&mut clipped);
    let analysis = Analysis::of(&clipped, &how.bound, &copies);
    let free = analysis.free();
    if free.is_empty() {
        return Err(refused(nothing_to_clip(&analysis)));
    }
    let graph = clipped.graph.clone().unwrap_or_default();
    let source = Source { graph: &graph, analysis: &analysis, free: &free };
    let config = only(&config, &how.only, &source)?;
    let kept = clip_once(&source, &config, device)?;
    let kept: Kept = free.iter().copied().zip(kept).collect();
    analysis.clip(&mut clipped, &kept).map_err(refused)?;
    retie(&mut clipped, &copies);
    let group = |(number, group): (usize, &rayclip_onnx::Group)| ClippedGroup {
        name: group.name.clone(),
        width: group.width,
        kept: kept.get(&number).cloned().unwrap_or_else(|| (0..group.width).collect()),
        fixed: group.fixed.as_ref().map(ToString::to_string),
        tensors: group.ties.iter().map(cut_tensor).collect(),
    };
    let widths = kept.iter().map(|(group, kept)| (*group, kept.len())).collect();
    let groups = analysis.groups().iter().enumerate().map(group).collect();
    let (before, after) = (analysis.size(&BTreeMap::new()), analysis.size(&widths));
    let done = Clipped { groups, before, after };
    let map = channel_map(&done, how, file, remembered(model));
    remember(&mut clipped, &map);
    *model = clipped;
    Ok((done, map))
}

fn cut_tensor(tie: &Tie) -> CutTensor {
    CutTensor {
        name: tie.tensor.clone(),
        axis: tie.dimension,
        role: tie.role,
        offset: tie.span.offset,
        block: tie.span.block,
        repeat: tie.span.repeat,
        stride: tie.span.stride,
    }
}

/// Says why no group can be clipped: the reason of the widest one.
fn nothing_to_clip(analysis: &Analysis) -> String {
    let widest = analysis.groups().iter().max_by_key(|group| group.width);
    match widest.and_then(|group| Some((group, group.fixed.as_ref()?))) {
        Some((group, reason)) => format!(
            "has no channels that can be clipped; of the widest group, {} with {} channels: {reason}",
            group.name, group.width
        ),
        None => "has no weights with channels that can be clipped".into(),
    }
}

fn refused(reason: String) -> TrainerError {
    TrainerError::Network { name: "the network".into(), reason }
}

/// The groups of a model that can be clipped.
struct Source<'a> {
    graph: &'a Graph,
    analysis: &'a Analysis,
    /// Their numbers among all groups.
    free: &'a [usize],
}

impl Source<'_> {
    fn size_of(&self, widths: &[usize]) -> Size {
        self.analysis.size(&self.free.iter().copied().zip(widths.iter().copied()).collect())
    }
}

impl Resizable for Source<'_> {
    fn groups(&self) -> Vec<(String, usize)> {
        let groups = self.free.iter().map(|number| &self.analysis.groups()[*number]);
        groups.map(|group| (group.name.clone(), group.width)).collect()
    }

    fn macs(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        self.size_of(widths).macs.ok_or_else(|| {
            let reason = "needs extents that are known only when the network runs; give them numbers with --bind";
            TrainerError::ladder("target_macs", reason.into())
        })
    }

    fn parameters(&self, widths: &[usize]) -> Result<usize, TrainerError> {
        Ok(self.size_of(widths).parameters)
    }
}

impl WeightSource for Source<'_> {
    fn weights(&self, group: usize) -> Result<[Vec<f32>; 2], TrainerError> {
        let mut weights =
            self.analysis.weights(self.graph, &[self.free[group]]).map_err(refused)?;
        let GroupWeights { incoming, outgoing, .. } = weights.swap_remove(0);
        Ok([incoming, outgoing])
    }
}
