//! The current state of a run, read from its folder.

mod figures;
mod frame;
mod left;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayclip_report::{ClipRays, Estimate, Gap, Run, last_rays};
use rayclip_run_folder::{CycleRow, Outcome, ladder};

pub(crate) use frame::draw;

/// A run that says `running` but has written nothing for this long was probably killed. During training, the
/// progress is written every second; an evaluation on a slow device can take longer.
const SILENT: Duration = Duration::from_secs(15);

/// The state of a run that is shown.
pub(crate) struct Live {
    folder: PathBuf,
    run: Run,
    /// Neurons of every group after each clip of the whole run; empty if the configuration cannot be read.
    ladder: Vec<Vec<usize>>,
    /// The rays of the last clip.
    rays: Vec<ClipRays>,
    gaps: Vec<Gap>,
    now: SystemTime,
}

impl Live {
    /// Reads the current state from the folder.
    ///
    /// # Errors
    /// It is not a run folder.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let (run, mut gaps) = Run::read_what_is_there(folder)?;
        let ladder = run.settings.as_ref().map(ladder).unwrap_or_default();
        let rays = last_rays(&run, &mut gaps);
        let (folder, now) = (folder.to_path_buf(), SystemTime::now());
        Ok(Self { folder, run, ladder, rays, gaps, now })
    }

    /// Whether the run has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.run.summary.as_ref().is_some_and(|summary| summary.outcome != Outcome::Running)
    }

    /// Returns the time since the last progress, if it is long.
    fn silence(&self) -> Option<Duration> {
        let updated = self.run.progress.as_ref()?.updated;
        let updated = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(updated).ok()?;
        let silence = self.now.duration_since(updated).ok()?;
        (!self.is_over() && silence > SILENT).then_some(silence)
    }

    /// Returns the mean of a value over the replicas of a method, for each cycle.
    fn curve(&self, method: &str, value: impl Fn(&CycleRow) -> Option<f64>) -> Vec<(f64, f64)> {
        let mut cycles: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
        for clip in self.run.rows.iter().filter(|clip| clip.method == method) {
            // The rows of all groups of a replica have the same value.
            cycles.entry(clip.cycle).or_default().extend(value(clip).map(|v| (clip.replica, v)));
        }
        let mean = |values: BTreeMap<usize, f64>| {
            Estimate::of(&values.into_values().collect::<Vec<_>>()).map(|estimate| estimate.mean)
        };
        let points = cycles.into_iter();
        points.filter_map(|(cycle, values)| Some((cycle as f64, mean(values)?))).collect()
    }
}
