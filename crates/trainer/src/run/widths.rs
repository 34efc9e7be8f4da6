//! The ladder of a run whose groups have widths of their own, or a target: resolved with the network.

use glob::Pattern;
use rayclip_model::{Graph, Group};
use rayclip_run_folder::config::CompressionConfig;
use rayclip_run_folder::{kept_count, limits, nearest};

use crate::error::TrainerError;

/// Bisections of the factor of all widths; each halves the interval.
const BISECTIONS: usize = 60;

/// The size that a ladder with a target reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Multiply-accumulates and parameters of the last network.
    pub macs: usize,
    /// See `macs`.
    pub parameters: usize,
    /// The same of the network before the first clip.
    pub first: (usize, usize),
}

/// Records the widths after each clip in the configuration, if they depend on the groups or on a target. Returns the
/// size that is reached if there is a target.
///
/// # Errors
/// A name fits no group, a value makes no sense, or the target cannot be reached.
pub(crate) fn resolve_ladder(
    compression: &mut CompressionConfig,
    graph: &Graph,
) -> Result<Option<Reached>, TrainerError> {
    if !compression.has_own_widths() {
        return Ok(None);
    }
    let widths = Widths::of(compression, graph)?;
    let (ladder, reached) = match Target::of(compression) {
        None => (widths.by_fraction(), None),
        Some(target) => {
            let first = size(graph, &graph.widths())?;
            let factor = widths.factor(graph, target)?;
            let ladder = widths.to_factor(factor, compression.steps, compression.keep);
            let last = ladder.last().cloned().unwrap_or_else(|| graph.widths());
            let (macs, parameters) = size(graph, &last)?;
            (ladder, Some(Reached { macs, parameters, first }))
        }
    };
    if ladder.is_empty() {
        return Err(refused(
            "keep",
            "leaves every group as it is: there is nothing to clip".into(),
        ));
    }
    if ladder.len() > limits::CYCLES {
        let reason = format!("makes a ladder of more than {} clips", limits::CYCLES);
        return Err(refused("keep", reason));
    }
    compression.ladder = ladder;
    Ok(reached)
}

fn refused(key: &str, reason: String) -> TrainerError {
    TrainerError::Ladder { key: format!("compression.{key}"), reason }
}

/// Returns the multiply-accumulates and the parameters of a network with other widths.
fn size(graph: &Graph, widths: &[usize]) -> Result<(usize, usize), TrainerError> {
    let graph = graph.with_widths(widths);
    let macs = graph.macs().ok_or_else(|| refused("ladder", "has too many operations".into()))?;
    Ok((macs.all, graph.parameters()))
}

/// A target, as a fraction of the network before the first clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    Macs(f64),
    Parameters(f64),
}

/// How every group is clipped.
struct Widths {
    groups: Vec<GroupWidths>,
    round_to: usize,
}

struct GroupWidths {
    first: usize,
    keep: f64,
    min_width: usize,
    is_protected: bool,
}

impl Widths {
    fn of(compression: &CompressionConfig, graph: &Graph) -> Result<Self, TrainerError> {
        let free = graph.free_groups();
        let keep = each(&compression.keep_of, "keep_of", &free, |text| {
            text.parse().ok().filter(|keep: &f64| *keep > 0.0 && *keep < 1.0)
        })?;
        let least = each(&compression.min_width_of, "min_width_of", &free, |text| {
            text.parse().ok().filter(|least: &usize| *least > 0)
        })?;
        let protected: Vec<String> =
            compression.protect.iter().map(|glob| format!("{glob}=")).collect();
        let protected = each(&protected, "protect", &free, |_| Some(()))?;
        let groups = free.iter().enumerate().map(|(index, group)| GroupWidths {
            first: group.width,
            keep: keep[index].unwrap_or(compression.keep),
            min_width: least[index].unwrap_or(compression.min_width),
            is_protected: protected[index].is_some(),
        });
        Ok(Self { groups: groups.collect(), round_to: compression.round_to.max(1) })
    }

    /// Returns the widths after each clip that keeps a fraction of every group.
    fn by_fraction(&self) -> Vec<Vec<usize>> {
        let next = |widths: &Vec<usize>| {
            let clipped = self.groups.iter().zip(widths).map(|(group, &width)| {
                if group.is_protected || width <= group.min_width {
                    return width;
                }
                // A multiple that is not smaller would never be clipped: take the one below.
                let kept = self.rounded(kept_count(width, group.keep));
                if kept < width { kept } else { self.below(width).unwrap_or(width) }
            });
            let clipped: Vec<usize> = clipped.collect();
            (clipped != *widths).then_some(clipped)
        };
        let first: Vec<usize> = self.groups.iter().map(|group| group.first).collect();
        std::iter::successors(Some(first), next).skip(1).take(limits::CYCLES + 1).collect()
    }

    /// Returns the widths if every group that is not protected keeps a fraction of its first width.
    fn scaled(&self, factor: f64) -> Vec<usize> {
        let of_group = |group: &GroupWidths| {
            if group.is_protected {
                return group.first;
            }
            let width = (factor * group.first as f64).ceil() as usize;
            self.rounded(width).max(group.min_width).min(group.first)
        };
        self.groups.iter().map(of_group).collect()
    }

    /// Returns the largest factor with which the network is within the target, by bisection.
    fn factor(&self, graph: &Graph, target: Target) -> Result<f64, TrainerError> {
        let fraction = |factor: f64| -> Result<f64, TrainerError> {
            let whole = size(graph, &graph.widths())?;
            let part = size(graph, &self.scaled(factor))?;
            Ok(match target {
                Target::Macs(_) => part.0 as f64 / whole.0 as f64,
                Target::Parameters(_) => part.1 as f64 / whole.1 as f64,
            })
        };
        let (key, wanted) = match target {
            Target::Macs(wanted) => ("target_macs", wanted),
            Target::Parameters(wanted) => ("target_parameters", wanted),
        };
        let (mut low, mut high) = (0.0, 1.0);
        let least = fraction(low)?;
        if least > wanted {
            let reason = format!(
                "{wanted} cannot be reached: the smallest network that the groups allow has {least:.4}; protect \
                 fewer groups, or lower compression.min_width"
            );
            return Err(refused(key, reason));
        }
        for _ in 0..BISECTIONS {
            let middle = f64::midpoint(low, high);
            if fraction(middle)? <= wanted { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// Returns the widths of equal geometric steps to a factor. Without a number of steps, a step keeps about the
    /// fraction `keep`.
    fn to_factor(&self, factor: f64, steps: usize, keep: f64) -> Vec<Vec<usize>> {
        // No width is below one, so a smaller factor changes nothing.
        let widest = self.groups.iter().map(|group| group.first).max().unwrap_or(1);
        let factor = factor.max(1.0 / (2 * widest) as f64);
        let by_keep = (factor.ln() / keep.ln()).ceil() as usize;
        let steps = if steps > 0 { steps } else { by_keep.clamp(1, limits::CYCLES) };
        let after = |step: usize| self.scaled(factor.powf(step as f64 / steps as f64));
        let mut ladder: Vec<Vec<usize>> = (1..steps).map(after).collect();
        ladder.push(self.scaled(factor));
        let first: Vec<usize> = self.groups.iter().map(|group| group.first).collect();
        // Small groups do not change in every step.
        ladder.dedup();
        ladder.retain(|widths| *widths != first);
        ladder
    }

    /// Rounds up to a multiple of `round_to`.
    fn rounded(&self, width: usize) -> usize {
        width.max(1).next_multiple_of(self.round_to)
    }

    /// Returns the largest multiple of `round_to` below a width, if there is one.
    fn below(&self, width: usize) -> Option<usize> {
        Some((width - 1) / self.round_to * self.round_to).filter(|below| *below > 0)
    }
}

/// Returns the value of every group from entries `GLOB=VALUE`; a later entry overrides an earlier one.
///
/// # Errors
/// An entry is not of this form, or fits no group.
fn each<T: Clone>(
    entries: &[String],
    key: &str,
    groups: &[Group],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, TrainerError> {
    let mut values = vec![None; groups.len()];
    for entry in entries {
        let (glob, value) = entry.rsplit_once('=').unwrap_or((entry, ""));
        let pattern = Pattern::new(glob.trim());
        let pattern =
            pattern.map_err(|error| refused(key, format!("{glob} is no pattern: {error}")))?;
        let value = parse(value.trim())
            .ok_or_else(|| refused(key, format!("`{entry}` is not of the form GROUP=VALUE")))?;
        let mut fits = false;
        for (group, slot) in groups.iter().zip(&mut values) {
            if pattern.matches(&group.name) {
                (*slot, fits) = (Some(value.clone()), true);
            }
        }
        if !fits {
            let names = || groups.iter().map(|group| group.name.as_str());
            let near = nearest(glob, names()).map(|near| format!("; did you mean `{near}`?"));
            let near = near.unwrap_or_default();
            let known: Vec<&str> = names().collect();
            let reason =
                format!("{glob} fits no group of the network ({}){near}", known.join(", "));
            return Err(refused(key, reason));
        }
    }
    Ok(values)
}

impl Target {
    fn of(compression: &CompressionConfig) -> Option<Self> {
        let CompressionConfig { target_macs, target_parameters, .. } = *compression;
        match (target_macs > 0.0, target_parameters > 0.0) {
            (true, _) => Some(Self::Macs(target_macs)),
            (_, true) => Some(Self::Parameters(target_parameters)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    fn graph() -> Graph {
        Graph::perceptron(20, &[64, 32, 16], 10, true)
    }

    fn config(settings: &[&str]) -> CompressionConfig {
        let all = ["network.hidden=[64, 32, 16]", "compression.min_width=4"];
        let settings = all.iter().chain(settings);
        let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap().compression
    }

    fn widths(settings: &[&str]) -> Widths {
        Widths::of(&config(settings), &graph()).unwrap()
    }

    fn refusal(settings: &[&str]) -> String {
        Widths::of(&config(settings), &graph()).err().unwrap().to_string()
    }

    #[test]
    fn a_group_has_its_own_fraction_and_least_width() {
        let widths = widths(&[
            "compression.keep=0.5",
            "compression.keep_of=['layer_[12]=0.9', 'layer_1=0.25']",
            "compression.min_width_of=['layer_0=20']",
            "compression.protect=['layer_2']",
        ]);
        let ladder = widths.by_fraction();
        assert_eq!(ladder[0], [32, 8, 16]);
        assert_eq!(ladder.last().unwrap(), &[16, 2, 16]);
        assert!(ladder.iter().all(|widths| widths[2] == 16));
    }

    #[test]
    fn widths_are_rounded_to_multiples() {
        let ladder = widths(&["compression.keep=0.9", "compression.round_to=8"]).by_fraction();
        assert_eq!(ladder[0], [56, 24, 8]);
        assert!(ladder.iter().flatten().all(|width| width % 8 == 0));
        assert_eq!(ladder.last().unwrap(), &[8, 8, 8]);
    }

    #[test]
    fn a_target_is_reached_from_below_in_geometric_steps() {
        for (target, key) in [(Target::Macs(0.25), 0), (Target::Parameters(0.25), 1)] {
            let widths = widths(&["compression.keep=0.9"]);
            let factor = widths.factor(&graph(), target).unwrap();
            let part = |widths: &[usize]| {
                let (whole, part) =
                    (size(&graph(), &graph().widths()).unwrap(), size(&graph(), widths).unwrap());
                [part.0 as f64 / whole.0 as f64, part.1 as f64 / whole.1 as f64][key]
            };
            let last = widths.scaled(factor);
            assert!(part(&last) <= 0.25 && part(&widths.scaled(factor * 1.05)) > 0.25);
            let ladder = widths.to_factor(factor, 3, 0.9);
            assert_eq!((ladder.len(), ladder.last().unwrap()), (3, &last));
            assert_eq!(widths.to_factor(factor, 1, 0.9), std::slice::from_ref(&last));
            assert!(widths.to_factor(factor, 0, 0.9).len() > 5);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let unknown = refusal(&["compression.protect=['layer_9']"]);
        assert!(unknown.contains("compression.protect"), "{unknown}");
        assert!(unknown.contains("did you mean `layer_"), "{unknown}");
        let wrong = refusal(&["compression.keep_of=['layer_0=2']"]);
        assert!(wrong.contains("`layer_0=2` is not of the form GROUP=VALUE"), "{wrong}");
        let all = widths(&["compression.protect=['layer_*']"]);
        let least = all.factor(&graph(), Target::Macs(0.5)).unwrap_err().to_string();
        assert!(least.contains("0.5 cannot be reached") && least.contains("has 1.0000"), "{least}");
    }
}
