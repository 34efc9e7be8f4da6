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

use self::groups::Widths;
use self::target::Target;
use crate::error::TrainerError;

pub(crate) use global::GlobalRanking;
pub use size::Size;
pub use target::Reached;
pub(crate) use target::Timer;

/// Records the widths after each clip in the configuration, if they depend on the groups or on a target. Returns the
/// sizes that are reached if there is a target. A ladder that was made by timing networks is made only once:
/// `timed` is that of the run so far, if there is one.
///
/// # Errors
/// A name fits no group, a value makes no sense, the target cannot be reached, or the device fails.
pub(crate) fn resolve_ladder(
    compression: &mut CompressionConfig,
    graph: &Graph,
    timed: Option<Vec<Vec<usize>>>,
    timer: Timer<'_>,
) -> Result<Option<Reached>, TrainerError> {
    if !compression.has_own_widths() {
        return Ok(None);
    }
    let widths = Widths::of(compression, graph)?;
    let (ladder, reached) = match (Target::of(compression), timed) {
        (None, _) => (widths.by_fraction(), None),
        (Some(Target::Latency(_)), Some(timed)) => (timed, None),
        (Some(target), _) => widths.to_target(graph, target, compression, timer)?,
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
