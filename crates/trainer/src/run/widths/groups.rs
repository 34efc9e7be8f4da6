//! How every group is clipped: the keys of the configuration that name groups.

use glob::Pattern;
use rayclip_run_folder::config::CompressionConfig;
use rayclip_run_folder::{kept_count, limits, nearest};

use super::size::Resizable;
use crate::error::TrainerError;

/// How every group is clipped.
pub(super) struct Widths {
    pub(super) groups: Vec<GroupWidths>,
    round_to: usize,
}

pub(super) struct GroupWidths {
    pub(super) first: usize,
    keep: f64,
    min_width: usize,
    pub(super) is_protected: bool,
}

impl Widths {
    pub(super) fn of(
        compression: &CompressionConfig,
        network: &dyn Resizable,
    ) -> Result<Self, TrainerError> {
        let free = network.groups();
        let keep = each(&compression.keep_of, "keep_of", &free, |text| {
            text.parse().ok().filter(|keep: &f64| *keep > 0.0 && *keep < 1.0)
        })?;
        let least = each(&compression.min_width_of, "min_width_of", &free, |text| {
            text.parse().ok().filter(|least: &usize| *least > 0)
        })?;
        let protected: Vec<String> =
            compression.protect.iter().map(|glob| format!("{glob}=")).collect();
        let protected = each(&protected, "protect", &free, |_| Some(()))?;
        let groups = free.iter().enumerate().map(|(index, (_, width))| GroupWidths {
            first: *width,
            keep: keep[index].unwrap_or(compression.keep),
            min_width: least[index].unwrap_or(compression.min_width),
            is_protected: protected[index].is_some(),
        });
        Ok(Self { groups: groups.collect(), round_to: compression.round_to.max(1) })
    }

    /// Returns the widths after each clip that keeps a fraction of every group.
    pub(super) fn by_fraction(&self) -> Vec<Vec<usize>> {
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
    pub(super) fn floors(&self, last: &[usize]) -> Vec<usize> {
        let floor = |(group, last): (&GroupWidths, &usize)| {
            if group.is_protected { group.first } else { self.rounded(group.min_width).min(*last) }
        };
        self.groups.iter().zip(last).map(floor).collect()
    }

    /// Returns the widths if every group that is not protected keeps a fraction of its first width.
    pub(super) fn scaled(&self, factor: f64) -> Vec<usize> {
        let of_group = |group: &GroupWidths| {
            if group.is_protected {
                return group.first;
            }
            let width = (factor * group.first as f64).ceil() as usize;
            self.rounded(width).max(group.min_width).min(group.first)
        };
        self.groups.iter().map(of_group).collect()
    }

    /// Rounds up to a multiple of `round_to`.
    pub(super) fn rounded(&self, width: usize) -> usize {
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
pub(super) fn each<T: Clone>(
    entries: &[String],
    key: &str,
    groups: &[(String, usize)],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, TrainerError> {
    let mut values = vec![None; groups.len()];
    for entry in entries {
        let (glob, value) = entry.rsplit_once('=').unwrap_or((entry, ""));
        let pattern = Pattern::new(glob.trim());
        let pattern = pattern
            .map_err(|error| TrainerError::ladder(key, format!("{glob} is no pattern: {error}")))?;
        let value = parse(value.trim()).ok_or_else(|| {
            TrainerError::ladder(key, format!("`{entry}` is not of the form GROUP=VALUE"))
        })?;
        let mut fits = false;
        for ((name, _), slot) in groups.iter().zip(&mut values) {
            if pattern.matches(name) {
                (*slot, fits) = (Some(value.clone()), true);
            }
        }
        if !fits {
            let names = || groups.iter().map(|(name, _)| name.as_str());
            let near = nearest(glob, names()).map(|near| format!("; did you mean `{near}`?"));
            let near = near.unwrap_or_default();
            let known: Vec<&str> = names().collect();
            let reason =
                format!("{glob} fits no group of the network ({}){near}", known.join(", "));
            return Err(TrainerError::ladder(key, reason));
        }
    }
    Ok(values)
}
