//! The measurements and reconstructions of `dtc` in a run.

use std::collections::BTreeMap;

use rayclip_run_folder::read::{self, Gap, Measured};
use rayclip_run_folder::{CycleRow, GroupRays, limits, paths};

use crate::read::run::Run;

/// Measurements and rays of one group of one replica in one cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipRays {
    /// The replica's method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The group.
    pub group: String,
    /// Its index among the groups of the network; the noise for the measurements depends on it.
    pub position: usize,
    /// The cycle.
    pub cycle: usize,
    /// Fraction of the group's first neurons that are gone after the cycle's clip.
    pub sparsity: f64,
    /// Measurements of the incoming and of the outgoing weight sums, `[2][n]`.
    pub y: [Vec<f64>; 2],
    /// The ray sum, `[m]`, as cosine coefficients.
    pub ray_sum: Vec<f64>,
}

impl ClipRays {
    fn of(row: &CycleRow, position: usize, rays: GroupRays, method: String) -> Self {
        let [previous, next] = &rays.x;
        Self {
            method,
            seed: row.seed,
            group: rays.group,
            position,
            cycle: row.cycle,
            sparsity: row.sparsity,
            ray_sum: previous.iter().zip(next).map(|(a, b)| a + b).collect(),
            y: rays.y,
        }
    }

    /// Returns `mean |r| / m`, as in Figure 3 of the paper.
    pub fn magnitude(&self) -> f64 {
        let m = self.ray_sum.len() as f64;
        self.ray_sum.iter().map(|value| value.abs()).sum::<f64>() / (m * m)
    }
}

/// Returns all rays of a run, by cycle. Adds a gap for every file that should be there and cannot be read.
pub(crate) fn all_rays(
    run: &Run,
    label: impl Fn(&str) -> String,
    gaps: &mut Vec<Gap>,
) -> Vec<ClipRays> {
    let mut rays = vec![];
    let mut entries = 0;
    for (cycle, rows) in run.by_cycle() {
        let of_cycle = rays_of_cycle(run, cycle, &rows, &label, gaps);
        entries += of_cycle.iter().flat_map(|rays| &rays.y).map(Vec::len).sum::<usize>();
        if entries > limits::MEASUREMENTS {
            let reason = format!(
                "rays from cycle {cycle} on are left out: there are more than {} measurements",
                limits::MEASUREMENTS
            );
            gaps.push(Gap { path: run.folder.join(paths::RAYS), reason });
            break;
        }
        rays.extend(of_cycle);
    }
    rays
}

/// Returns the rays of the last clip that has rays.
pub fn last_rays(run: &Run, gaps: &mut Vec<Gap>) -> Vec<ClipRays> {
    let cycles = run.by_cycle().into_iter();
    let last = cycles.rev().find(|(_, rows)| rows.iter().any(|row| row.has_rays()));
    last.map_or(vec![], |(cycle, rows)| rays_of_cycle(run, cycle, &rows, &str::to_owned, gaps))
}

fn rays_of_cycle(
    run: &Run,
    cycle: usize,
    rows: &[&CycleRow],
    label: &impl Fn(&str) -> String,
    gaps: &mut Vec<Gap>,
) -> Vec<ClipRays> {
    let measured = rows.iter().filter(|row| row.has_rays());
    let measured: BTreeMap<(usize, usize), &CycleRow> = measured
        .filter_map(|row| Some(((row.replica, run.groups.position(&row.group)?), *row)))
        .collect();
    if measured.is_empty() {
        return vec![];
    }
    let path = run.folder.join(paths::rays(cycle));
    let mut gap = |reason: String| gaps.push(Gap { path: path.clone(), reason });
    let known = measured.values().map(|row| Measured::of(row));
    let all = match read::rays(&run.folder, cycle, known) {
        Ok(all) => all,
        Err(reason) => {
            gap(reason);
            return vec![];
        }
    };
    let mut rays = vec![];
    for (((_, position), row), found) in measured.into_iter().zip(all) {
        match found {
            Ok(found) => rays.push(ClipRays::of(row, position, found, label(&row.method))),
            Err(reason) => gap(reason),
        }
    }
    rays
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns rays of the group `layer_0`.
    pub(crate) fn rays(cycle: usize, y: [Vec<f64>; 2], ray_sum: Vec<f64>) -> ClipRays {
        let (method, group) = ("dtc".to_owned(), "layer_0".to_owned());
        ClipRays { method, seed: 0, group, position: 0, cycle, sparsity: 0.1, y, ray_sum }
    }

    #[test]
    fn the_magnitude_is_the_papers() {
        // The paper's code: np.mean(np.abs(ray)) / len(ray).
        assert_eq!(rays(0, [vec![1.0], vec![2.0]], vec![1.0, -3.0]).magnitude(), 1.0);
    }
}
