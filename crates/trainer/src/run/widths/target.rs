//! The ladder to a target: bisection of the factor of all widths.

use rayclip_run_folder::config::CompressionConfig;
use rayclip_run_folder::limits;

use super::groups::Widths;
use super::size::{Resizable, Size};
use crate::error::TrainerError;

/// Bisections of the factor of all widths; each halves the interval.
const BISECTIONS: usize = 60;

/// How often a ladder whose last network is too slow, when it is timed again, is lowered, and by what factor.
const CORRECTIONS: usize = 10;
const CORRECTION: f64 = 0.97;

/// What a ladder with a target reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// The network before the first clip.
    pub first: Size,
    /// The network after the last clip.
    pub last: Size,
}

/// Returns the median milliseconds of networks with some widths, timed in turn.
pub(super) type WidthTimer<'a> = &'a mut dyn FnMut(&[Vec<usize>]) -> Result<Vec<f64>, TrainerError>;

/// A target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// A fraction of the multiply-accumulates of the network before the first clip.
    Macs(f64),
    /// A fraction of its parameters.
    Parameters(f64),
    /// Milliseconds.
    Latency(f64),
}

impl Target {
    pub(super) fn of(compression: &CompressionConfig) -> Option<Self> {
        let CompressionConfig { target_macs, target_parameters, target_latency, .. } = *compression;
        let targets = [
            (target_macs, Self::Macs as fn(f64) -> Self),
            (target_parameters, Self::Parameters),
            (target_latency, Self::Latency),
        ];
        let given = targets.into_iter().find(|(value, _)| *value > 0.0);
        given.map(|(value, target)| target(value))
    }
}

impl Widths {
    /// Returns the ladder to a target, and the sizes of its first and last network.
    pub(super) fn to_target(
        &self,
        network: &dyn Resizable,
        target: Target,
        compression: &CompressionConfig,
        timer: WidthTimer<'_>,
    ) -> Result<(Vec<Vec<usize>>, Option<Reached>), TrainerError> {
        let widest = self.scaled(1.0);
        let mut first = network.size(&widest)?;
        let (factor, last, milliseconds) = if let Target::Latency(wanted) = target {
            let mut factor = self.factor(target, |widths| Ok(timer(&[widths.to_vec()])?[0]))?;
            let mut milliseconds = None;
            // A time is not the same twice.
            for _ in 0..CORRECTIONS {
                let both = timer(&[widest.clone(), self.scaled(factor)])?;
                (first.milliseconds, milliseconds) = (Some(both[0]), Some(both[1]));
                if both[1] <= wanted {
                    break;
                }
                factor *= CORRECTION;
            }
            (factor, self.scaled(factor), milliseconds)
        } else {
            let (factor, last) = self.to_part(network, target)?;
            (factor, last, None)
        };
        let ladder = self.to_factor(factor, last, compression);
        let last = ladder.last().cloned().unwrap_or(widest);
        let last = Size { milliseconds, ..network.size(&last)? };
        Ok((ladder, Some(Reached { first, last })))
    }

    /// Returns the widths after one clip to a target; none if they would have to be timed.
    pub(super) fn to_size(
        &self,
        network: &dyn Resizable,
        target: Target,
    ) -> Result<Vec<usize>, TrainerError> {
        Ok(self.to_part(network, target)?.1)
    }

    /// Returns the largest factor of all widths with which the network has at most a part of its first size, and the
    /// widths with which it comes closest to this part.
    fn to_part(
        &self,
        network: &dyn Resizable,
        target: Target,
    ) -> Result<(f64, Vec<usize>), TrainerError> {
        let count = |widths: &[usize]| match target {
            Target::Macs(_) => network.macs(widths),
            Target::Parameters(_) => network.parameters(widths),
            Target::Latency(_) => {
                let reason =
                    "needs a network that runs here; name a part of its operations instead";
                Err(TrainerError::ladder("target_latency", reason.into()))
            }
        };
        let first = count(&self.scaled(1.0))? as f64;
        let part = |widths: &[usize]| Ok(count(widths)? as f64 / first);
        let factor = self.factor(target, part)?;
        let (Target::Macs(wanted) | Target::Parameters(wanted) | Target::Latency(wanted)) = target;
        let last = self.filled(factor, |widths| Ok(part(widths)? <= wanted))?;
        Ok((factor, last))
    }

    /// Returns the widths of a factor, wider as long as the network is within the target: the group that keeps the
    /// smallest part of its channels first. Widths are whole numbers, or multiples, so one factor leaves room.
    fn filled(
        &self,
        factor: f64,
        mut is_within: impl FnMut(&[usize]) -> Result<bool, TrainerError>,
    ) -> Result<Vec<usize>, TrainerError> {
        let mut widths = self.scaled(factor);
        let groups = self.groups.iter().enumerate();
        let free = groups.filter(|(_, group)| !group.is_protected).map(|(index, _)| index);
        let mut open: Vec<usize> = free.collect();
        loop {
            let part = |index: usize| widths[index] as f64 / self.groups[index].first as f64;
            let narrowest = open.iter().copied().min_by(|a, b| part(*a).total_cmp(&part(*b)));
            let Some(index) = narrowest else { return Ok(widths) };
            let mut wider = widths.clone();
            wider[index] = self.rounded(widths[index] + 1).min(self.groups[index].first);
            if wider != widths && is_within(&wider)? {
                widths = wider;
            } else {
                open.retain(|other| *other != index);
            }
        }
    }

    /// Returns the largest factor with which the network is within the target, by bisection. `measured` returns the
    /// quantity of the target for some widths.
    fn factor(
        &self,
        target: Target,
        mut measured: impl FnMut(&[usize]) -> Result<f64, TrainerError>,
    ) -> Result<f64, TrainerError> {
        let (key, wanted, takes, unit) = match target {
            Target::Macs(wanted) => ("target_macs", wanted, "has", ""),
            Target::Parameters(wanted) => ("target_parameters", wanted, "has", ""),
            Target::Latency(wanted) => ("target_latency", wanted, "takes", " ms"),
        };
        let (mut low, mut high) = (0.0, 1.0);
        let (least, most) = (measured(&self.scaled(low))?, measured(&self.scaled(high))?);
        if least > wanted {
            let reason = format!(
                "{wanted}{unit} cannot be reached: the smallest network that the groups allow {takes} {least:.4}{unit}; \
                 protect fewer groups, or lower compression.min_width"
            );
            return Err(TrainerError::ladder(key, reason));
        }
        if most <= wanted {
            let reason = format!(
                "{wanted}{unit} needs no clip: the first network {takes} {most:.4}{unit}; choose a smaller target"
            );
            return Err(TrainerError::ladder(key, reason));
        }
        for _ in 0..BISECTIONS {
            let middle = f64::midpoint(low, high);
            let widths = self.scaled(middle);
            let is_within = if widths == self.scaled(low) {
                true
            } else if widths == self.scaled(high) {
                false
            } else {
                measured(&widths)? <= wanted
            };
            if is_within { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// Returns the widths of equal geometric steps to a factor, which end with the widths `last`. Without a number of
    /// steps, a step keeps about the fraction `compression.keep`.
    fn to_factor(
        &self,
        factor: f64,
        last: Vec<usize>,
        compression: &CompressionConfig,
    ) -> Vec<Vec<usize>> {
        let CompressionConfig { steps, keep, .. } = *compression;
        // No width is below one, so a smaller factor changes nothing.
        let widest = self.groups.iter().map(|group| group.first).max().unwrap_or(1);
        let factor = factor.max(1.0 / (2 * widest) as f64);
        let by_keep = (factor.ln() / keep.ln()).ceil() as usize;
        let steps = if steps > 0 { steps } else { by_keep.clamp(1, limits::CYCLES) };
        let after = |step: usize| {
            let scaled = self.scaled(factor.powf(step as f64 / steps as f64));
            scaled.iter().zip(&last).map(|(width, last)| *width.max(last)).collect()
        };
        let mut ladder: Vec<Vec<usize>> = (1..steps).map(after).collect();
        ladder.push(last);
        let first: Vec<usize> = self.groups.iter().map(|group| group.first).collect();
        // Small groups do not change in every step.
        ladder.dedup();
        ladder.retain(|widths| *widths != first);
        ladder
    }
}
