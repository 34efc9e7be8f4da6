//! The ladder of a run whose groups have widths of their own, or a target: resolved with the network.

mod global;
mod groups;
mod size;
mod target;
#[cfg(test)]
mod tests;

use rayclip_model::Graph;
use rayclip_run_folder::config::CompressionConfig;
use rayclip_run_folder::limits;

use self::groups::{Widths, each};
use self::target::Target;
use crate::error::TrainerError;

pub(crate) use global::GlobalRanking;
pub use size::{Resizable, Size};
pub use target::Reached;

/// Returns the median milliseconds of some networks for a number of images, timed in turn.
pub(crate) type Timer<'a> = &'a mut dyn FnMut(&[Graph], usize) -> Result<Vec<f64>, TrainerError>;

/// Records the widths after each clip in the configuration, if they depend on the groups or on a target. Returns the
/// sizes that are reached if there is a target. A run makes its ladder only once: `recorded` is that of the run so far,
/// if there is one.
///
/// # Errors
/// A name fits no group, a value makes no sense, the target cannot be reached, or the device fails.
pub(crate) fn resolve_ladder(
    compression: &mut CompressionConfig,
    graph: &Graph,
    recorded: Option<Vec<Vec<usize>>>,
    timer: Timer<'_>,
) -> Result<Option<Reached>, TrainerError> {
    if !compression.has_own_widths() {
        return Ok(None);
    }
    let widths = Widths::of(compression, graph)?;
    let (ladder, reached) = match (Target::of(compression), recorded) {
        (None, _) => (widths.by_fraction(), None),
        (Some(_), Some(recorded)) => (recorded, None),
        (Some(target), _) => {
            let images = compression.latency_images;
            let mut timer = |widths: &[Vec<usize>]| {
                let graphs: Vec<Graph> =
                    widths.iter().map(|widths| graph.with_widths(widths)).collect();
                timer(&graphs, images)
            };
            widths.to_target(graph, target, compression, &mut timer)?
        }
    };
    if ladder.is_empty() {
        return Err(TrainerError::ladder(
            "keep",
            "leaves every group as it is: there is nothing to clip".into(),
        ));
    }
    if ladder.len() > limits::CYCLES {
        let reason = format!("makes a ladder of more than {} clips", limits::CYCLES);
        return Err(TrainerError::ladder("keep", reason));
    }
    compression.ladder = ladder;
    Ok(reached)
}

/// Returns, for every group of a network, whether one of the globs names it.
///
/// # Errors
/// A glob is wrong, or fits no group.
pub(crate) fn named_groups(
    globs: &[String],
    network: &dyn Resizable,
) -> Result<Vec<bool>, TrainerError> {
    let entries: Vec<String> = globs.iter().map(|glob| format!("{glob}=")).collect();
    let named = each(&entries, "groups", &network.groups(), |_| Some(()))?;
    Ok(named.iter().map(Option::is_some).collect())
}

/// Returns the widths of a network after one clip: to the target of a configuration, or else to the fraction `keep`
/// of every group.
///
/// # Errors
/// A name fits no group, a value makes no sense, or the target cannot be reached.
pub(crate) fn after_one_clip(
    compression: &CompressionConfig,
    network: &dyn Resizable,
) -> Result<Vec<usize>, TrainerError> {
    let widths = Widths::of(compression, network)?;
    match Target::of(compression) {
        Some(target) => widths.to_size(network, target),
        None => Ok(widths.scaled(compression.keep)),
    }
}
