//! A run as it goes on, from its folder alone.

mod figures;
mod frame;
mod left;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayclip_report::{Clip, Estimate, Gap, LayerRays, Run, last_rays};
use rayclip_trainer::presets::{self, Layers};

pub(crate) use frame::draw;

/// A run that says `running` and was not heard of for so long was killed, most likely: the progress is
/// written every second while batches are trained on, but an evaluation on a slow device takes its time.
const SILENT: Duration = Duration::from_secs(15);

/// What is shown of a run.
pub(crate) struct Live {
    folder: PathBuf,
    run: Run,
    /// Neurons of every hidden layer after each clip, to the end; empty where the configuration is none.
    ladder: Vec<Vec<usize>>,
    /// The rays of the last clip.
    rays: Vec<LayerRays>,
    gaps: Vec<Gap>,
    now: SystemTime,
}

impl Live {
    /// Reads the folder as it is now.
    ///
    /// # Errors
    /// It is not that of a run.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let (run, mut gaps) = Run::read_what_is_there(folder)?;
        let file = folder.join("config.toml");
        let layers = Layers { file: Some(&file), ..Layers::default() };
        let config = presets::resolve(&layers).ok();
        let ladder = config.map(|config| rayclip_trainer::ladder(&config)).unwrap_or_default();
        let rays = last_rays(&run, &mut gaps);
        let (folder, now) = (folder.to_path_buf(), SystemTime::now());
        Ok(Self { folder, run, ladder, rays, gaps, now })
    }

    /// Whether nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.run.summary.as_ref().is_some_and(|summary| summary.outcome != "running")
    }

    /// How long the run has not been heard of, where that is long.
    fn silence(&self) -> Option<Duration> {
        let updated = self.run.progress.as_ref()?.updated;
        let updated = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(updated).ok()?;
        let silence = self.now.duration_since(updated).ok()?;
        (!self.is_over() && silence > SILENT).then_some(silence)
    }

    /// Means of a value over the replicas of a method, by cycle.
    fn curve(&self, method: &str, value: impl Fn(&Clip) -> Option<f64>) -> Vec<(f64, f64)> {
        let mut cycles: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
        for clip in self.run.clips.iter().filter(|clip| clip.method == method) {
            // The layers of a replica agree.
            cycles.entry(clip.cycle).or_default().extend(value(clip).map(|v| (clip.replica, v)));
        }
        let mean = |values: BTreeMap<usize, f64>| {
            Estimate::of(&values.into_values().collect::<Vec<_>>()).map(|estimate| estimate.mean)
        };
        let points = cycles.into_iter();
        points.filter_map(|(cycle, values)| Some((cycle as f64, mean(values)?))).collect()
    }
}
