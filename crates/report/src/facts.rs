//! What a report is made of, gathered from run folders as far as they can be read.

use std::path::{Path, PathBuf};

use crate::comparable::labels;
use crate::comparison::Comparison;
use crate::cost::widths::{WidthRow, widths};
use crate::cost::{CostRow, costs};
use crate::entropy::correlation::{Accuracies, CorrelationRow, entropies_and_correlations};
use crate::entropy::tracks::{EntropyRow, Track, tracks};
use crate::published::{METHODS, Series};
use crate::rays::{LayerRays, read_rays, recorded_measurements};
use crate::ties::{TiesRow, ties};
use crate::verify::Verified;
use crate::{Gap, ReportError, Run};

/// What is shown of a run beside the files that are read of every one.
const SHOWN: [&str; 3] = ["rays/", "predictions/", "latency.csv"];

/// Everything that a report shows.
#[derive(Debug, Default)]
pub struct Facts {
    /// The runs that stand beside each other, and those without a clip yet.
    pub runs: Vec<Run>,
    /// Their methods and seeds; nothing without a clip.
    pub comparison: Option<Comparison>,
    /// The method that the others are compared with.
    pub baseline: usize,
    /// What `dtc` measured and reconstructed.
    pub rays: Vec<LayerRays>,
    /// Entropies of the measurements.
    pub entropies: Vec<EntropyRow>,
    /// How they go with accuracy.
    pub correlations: Vec<CorrelationRow>,
    /// The author's recorded run, where it is given.
    pub recorded: Option<Recorded>,
    /// The networks of the first run's ladder.
    pub widths: Vec<WidthRow>,
    /// What all methods took.
    pub costs: Vec<CostRow>,
    /// Neurons with equal scores.
    pub ties: Vec<TiesRow>,
    /// What is not there or cannot be read.
    pub gaps: Vec<Gap>,
}

/// The author's recorded run.
#[derive(Debug)]
pub struct Recorded {
    /// Accuracies right after the clip.
    pub accuracies: Series,
    /// Entropies of its measurements.
    pub entropies: Vec<EntropyRow>,
    /// How they go with its accuracies.
    pub correlations: Vec<CorrelationRow>,
}

impl Recorded {
    /// Reads `accuracy.csv` and `measurements.safetensors` of a folder.
    ///
    /// # Errors
    /// A file cannot be read, or they are not of the same cycles.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join("measurements.safetensors");
        let accuracies = Series::recorded(&folder.join("accuracy.csv"))?;
        let vectors = recorded_measurements(&path)?;
        let sparsities: Vec<f64> = accuracies.curve(0).map(|(sparsity, _)| sparsity).collect();
        if vectors.len() != sparsities.len() {
            let reason =
                format!("{} cycles, but accuracy.csv has {}", vectors.len(), sparsities.len());
            return Err(ReportError::Format { path, reason });
        }
        let of_cycle = |(cycle, y)| (cycle, (sparsities[cycle], y));
        let track = Track {
            method: "dtc",
            seed: 0,
            layer: 0,
            vectors: vectors.iter().enumerate().map(of_cycle).collect(),
        };
        let of_method = |(place, method): (usize, &&str)| {
            let curve = accuracies.curve(place).map(|(_, accuracy)| accuracy).enumerate();
            let raw = [(0, curve.collect())].into();
            Accuracies::raw_and_smoothed(method, raw, |cycle| sparsities[*cycle])
        };
        let all: Vec<Accuracies> = METHODS.iter().enumerate().flat_map(of_method).collect();
        let (entropies, correlations) = entropies_and_correlations(&[track], &all);
        Ok(Self { accuracies, entropies, correlations })
    }
}

impl Facts {
    /// Gathers what the folders hold; what they lack is a gap.
    ///
    /// # Errors
    /// No folder can be read, the recorded run cannot, or no method is named `baseline`.
    pub fn gather(
        folders: &[PathBuf],
        baseline: Option<&str>,
        recorded: Option<&Path>,
    ) -> Result<Self, ReportError> {
        let mut gaps = vec![];
        let mut errors = vec![];
        let mut runs: Vec<Run> = vec![];
        for folder in folders {
            match Run::read_what_is_there(folder) {
                Ok((run, missing)) => {
                    gaps.extend(missing);
                    gaps.extend(other_version(&run));
                    add(run, &mut runs, &mut gaps);
                }
                Err(error) => {
                    let reason = crate::error::chain(&error);
                    gaps.push(Gap { path: folder.clone(), reason });
                    errors.push(error);
                }
            }
        }
        if runs.is_empty()
            && let Some(error) = errors.into_iter().next()
        {
            return Err(error);
        }
        let recorded = recorded.map(Recorded::read).transpose()?;
        let clipped: Vec<Run> = runs.iter().filter(|run| !run.clips.is_empty()).cloned().collect();
        let comparison = Comparison::of(&clipped).ok();
        let baseline = match (baseline, &comparison) {
            (Some(name), Some(comparison)) => comparison.method(name)?,
            (Some(name), None) => {
                let known = "no clip yet".to_owned();
                return Err(ReportError::UnknownMethod { name: name.to_owned(), known });
            }
            (None, _) => 0,
        };
        let mut facts = Self { comparison, baseline, recorded, gaps, ..Self::default() };
        facts.take(runs);
        Ok(facts)
    }

    /// The same, with another margin below which accuracies count as equal.
    #[must_use]
    pub fn with_margin(self, margin: f64) -> Self {
        let comparison = self.comparison.map(|comparison| comparison.with_margin(margin));
        Self { comparison, ..self }
    }

    fn take(&mut self, runs: Vec<Run>) {
        let labels = labels(&runs);
        for run in &runs {
            self.rays.extend(read_rays(run, |method| labels(run, method), &mut self.gaps));
            let mut verified = Verified::of(&run.folder);
            verified.gaps.clear();
            let is_shown = |name: &str| SHOWN.iter().any(|shown| name.starts_with(shown));
            verified.check(is_shown, &self.gaps);
            self.gaps.append(&mut verified.gaps);
        }
        self.costs = costs(&runs, &labels);
        self.ties = ties(&runs, &labels);
        if let Some(comparison) = &mut self.comparison {
            self.gaps.extend(comparison.read_predictions(&runs));
        }
        if let Some(run) = runs.iter().find(|run| !run.clips.is_empty()) {
            self.widths = widths(run, &mut self.gaps);
        }
        let accuracies = self.comparison.as_ref().map(Accuracies::of).unwrap_or_default();
        (self.entropies, self.correlations) =
            entropies_and_correlations(&tracks(&self.rays), &accuracies);
        self.runs = runs;
    }

    /// The runs, each with the names that its methods have here.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = (&Run, impl Fn(&str) -> String)> {
        let labels = std::rc::Rc::new(labels(&self.runs));
        self.runs.iter().map(move |run| {
            let labels = labels.clone();
            (run, move |method: &str| labels(run, method))
        })
    }

    /// Neurons of a hidden layer before the first clip.
    pub(crate) fn first_width(&self, layer: usize) -> Option<usize> {
        self.runs.iter().find(|run| !run.clips.is_empty())?.widths_before.get(layer).copied()
    }

    /// The number of a method's colour.
    pub(crate) fn colour(&self, method: &str) -> usize {
        let place = |comparison: &Comparison| comparison.methods.iter().position(|m| m == method);
        self.comparison.as_ref().and_then(place).unwrap_or(0)
    }
}

/// Adds a run that compares with the first; else says why it is left out.
fn add(run: Run, runs: &mut Vec<Run>, gaps: &mut Vec<Gap>) {
    let gap = |reason: String| Gap { path: run.folder.clone(), reason };
    let same = |known: &Run| {
        let canonical = |run: &Run| run.folder.canonicalize().ok();
        canonical(known) == canonical(&run)
    };
    if runs.iter().any(same) {
        return;
    }
    if run.clips.is_empty() {
        gaps.push(gap("there is no clip in it yet".into()));
        runs.push(run);
        return;
    }
    let first = runs.iter().find(|run| !run.clips.is_empty());
    let pair: Vec<Run> = first.cloned().into_iter().chain([run.clone()]).collect();
    match Comparison::of(&pair) {
        Ok(_) => runs.push(run),
        Err(error) => gaps.push(gap(format!("left out: {error}"))),
    }
}

/// Said where another version of the engine wrote the folder.
fn other_version(run: &Run) -> Option<Gap> {
    let own = env!("CARGO_PKG_VERSION");
    let theirs = &run.summary.as_ref()?.version;
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    (minor(own) != minor(theirs)).then(|| Gap {
        path: run.folder.clone(),
        reason: format!(
            "was written by rayclip {theirs}, this is {own}: what it lacks stays empty"
        ),
    })
}
