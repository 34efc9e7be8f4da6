//! The ladder of a run whose groups have widths of their own, or a target: resolved with the network.

use glob::Pattern;
use rayclip_model::{Graph, Group};
use rayclip_run_folder::config::CompressionConfig;
use rayclip_run_folder::{kept_count, limits, nearest};

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

/// The size of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Multiply-accumulates to classify an image.
    pub macs: usize,
    /// Weights and biases.
    pub parameters: usize,
    /// Median milliseconds to classify the images of [`CompressionConfig::latency_images`], if that is the target.
    pub milliseconds: Option<f64>,
}

/// Returns the median milliseconds of some networks for a number of images, timed in turn.
pub(crate) type Timer<'a> = &'a mut dyn FnMut(&[Graph], usize) -> Result<Vec<f64>, TrainerError>;

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

/// Returns the size of a network with other widths.
pub(crate) fn size(graph: &Graph, widths: &[usize]) -> Result<Size, TrainerError> {
    let graph = graph.with_widths(widths);
    let macs = graph.macs().ok_or_else(|| refused("ladder", "has too many operations".into()))?;
    Ok(Size { macs: macs.all, parameters: graph.parameters(), milliseconds: None })
}

/// A target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// A fraction of the multiply-accumulates of the network before the first clip.
    Macs(f64),
    /// A fraction of its parameters.
    Parameters(f64),
    /// Milliseconds.
    Latency(f64),
}

/// How every group is clipped.
pub(crate) struct Widths {
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
    pub(crate) fn of(compression: &CompressionConfig, graph: &Graph) -> Result<Self, TrainerError> {
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

    /// Returns the least width of every group, on a ladder that ends with the widths `last`.
    pub(crate) fn floors(&self, last: &[usize]) -> Vec<usize> {
        let floor = |(group, last): (&GroupWidths, &usize)| {
            if group.is_protected { group.first } else { self.rounded(group.min_width).min(*last) }
        };
        self.groups.iter().zip(last).map(floor).collect()
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

    /// Returns the ladder to a target, and the sizes of its first and last network.
    fn to_target(
        &self,
        graph: &Graph,
        target: Target,
        compression: &CompressionConfig,
        timer: Timer<'_>,
    ) -> Result<(Vec<Vec<usize>>, Option<Reached>), TrainerError> {
        let (mut first, images) = (size(graph, &graph.widths())?, compression.latency_images);
        let mut factor = self.factor(target, |widths| {
            let part = size(graph, widths)?;
            Ok(match target {
                Target::Macs(_) => part.macs as f64 / first.macs as f64,
                Target::Parameters(_) => part.parameters as f64 / first.parameters as f64,
                Target::Latency(_) => timer(&[graph.with_widths(widths)], images)?[0],
            })
        })?;
        let mut milliseconds = None;
        if let Target::Latency(wanted) = target {
            // A time is not the same twice.
            for _ in 0..CORRECTIONS {
                let last = graph.with_widths(&self.scaled(factor));
                let both = timer(&[graph.clone(), last], images)?;
                (first.milliseconds, milliseconds) = (Some(both[0]), Some(both[1]));
                if both[1] <= wanted {
                    break;
                }
                factor *= CORRECTION;
            }
        }
        let ladder = self.to_factor(factor, compression.steps, compression.keep);
        let last = ladder.last().cloned().unwrap_or_else(|| graph.widths());
        let last = Size { milliseconds, ..size(graph, &last)? };
        Ok((ladder, Some(Reached { first, last })))
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
            return Err(refused(key, reason));
        }
        if most <= wanted {
            let reason = format!(
                "{wanted}{unit} needs no clip: the first network {takes} {most:.4}{unit}; choose a smaller target"
            );
            return Err(refused(key, reason));
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

    /// A clock that is not asked.
    fn no_timer(_: &[Graph], _: usize) -> Result<Vec<f64>, TrainerError> {
        panic!("nothing is timed")
    }

    fn resolved(
        settings: &[&str],
        timer: Timer<'_>,
    ) -> Result<(CompressionConfig, Reached), String> {
        let mut config = config(settings);
        let reached = resolve_ladder(&mut config, &graph(), None, timer);
        reached.map(|reached| (config, reached.unwrap())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_target_is_reached_from_below_in_geometric_steps() {
        for key in ["macs", "parameters"] {
            let target = format!("compression.target_{key}=0.25");
            let of = |more: &[&str]| {
                resolved(&[&[target.as_str()], more].concat(), &mut no_timer).unwrap()
            };
            let part = |size: Size, first: Size| match key {
                "macs" => size.macs as f64 / first.macs as f64,
                _ => size.parameters as f64 / first.parameters as f64,
            };
            let (config, Reached { first, last }) = of(&["compression.steps=3"]);
            assert_eq!(first, size(&graph(), &graph().widths()).unwrap());
            assert_eq!(last, size(&graph(), &config.ladder[2]).unwrap());
            let more: Vec<usize> = config.ladder[2].iter().map(|width| width + 2).collect();
            let larger = size(&graph(), &more).unwrap();
            assert!(part(last, first) <= 0.25 && part(larger, first) > 0.25);
            assert_eq!(config.ladder.len(), 3);
            assert_eq!(of(&["compression.steps=1"]).0.ladder, &config.ladder[2..]);
            assert!(of(&["compression.keep=0.9"]).0.ladder.len() > 5);
        }
    }

    #[test]
    fn a_time_is_reached_although_it_is_never_the_same_twice() {
        let settings = ["compression.target_latency=5", "compression.latency_images=7"];
        let settings = [&settings[..], &["compression.steps=2"]].concat();
        // A network takes 0.1 ms per neuron; each timing is a little longer than the one before.
        let mut timings = 0_u32;
        let mut timer = |graphs: &[Graph], images: usize| {
            assert_eq!(images, 7);
            timings += 1;
            let time = |graph: &Graph| {
                let neurons: usize = graph.widths().iter().sum();
                neurons as f64 * (0.1 + 1e-3 * f64::from(timings))
            };
            Ok(graphs.iter().map(time).collect())
        };
        let (config, Reached { first, last }) = resolved(&settings, &mut timer).unwrap();
        assert!(last.milliseconds.unwrap() <= 5.0 && first.milliseconds.unwrap() > 11.2);
        assert!(timings < 15, "{timings}");
        let neurons: usize = config.ladder[1].iter().sum();
        assert!((35..50).contains(&neurons), "{neurons}");
        // When the run goes on, nothing is timed.
        let mut again = self::config(&settings);
        let timed = Some(config.ladder.clone());
        assert_eq!(resolve_ladder(&mut again, &graph(), timed, &mut no_timer).unwrap(), None);
        assert_eq!(again, config);
        let fast = |_: &[Graph], _: usize| Ok(vec![1.0, 1.0]);
        let needless = resolved(&settings, &mut { fast }).unwrap_err();
        assert!(
            needless.contains("5 ms needs no clip: the first network takes 1.0000 ms"),
            "{needless}"
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let unknown = refusal(&["compression.protect=['layer_9']"]);
        assert!(unknown.contains("compression.protect"), "{unknown}");
        assert!(unknown.contains("did you mean `layer_"), "{unknown}");
        let wrong = refusal(&["compression.keep_of=['layer_0=2']"]);
        assert!(wrong.contains("`layer_0=2` is not of the form GROUP=VALUE"), "{wrong}");
        let all = ["compression.protect=['layer_*']", "compression.target_macs=0.5"];
        let least = resolved(&all, &mut no_timer).unwrap_err();
        assert!(least.contains("0.5 cannot be reached") && least.contains("has 1.0000"), "{least}");
    }
}
