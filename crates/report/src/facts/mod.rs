//! Everything that a report shows, as far as it can be read from run folders.

pub(crate) mod recorded;

use std::path::{Path, PathBuf};

use rayclip_run_folder::paths;
use rayclip_run_folder::read::{Gap, Verified};

use crate::compare::comparable::labels;
use crate::compare::comparison::Comparison;
use crate::compare::ties::{TiesRow, ties};
use crate::cost::costs::{CostRow, costs};
use crate::cost::widths::{WidthRow, widths};
use crate::entropy::correlation::{Accuracies, CorrelationRow, entropies_and_correlations};
use crate::entropy::tracks::{EntropyRow, tracks};
use crate::error::ReportError;
use crate::facts::recorded::Recorded;
use crate::read::rays::{ClipRays, all_rays};
use crate::read::run::Run;

/// The files that a report shows, except for those that are read for every run.
const SHOWN: [&str; 3] = [paths::RAYS, paths::PREDICTIONS, paths::LATENCY];

/// Everything that a report shows.
#[derive(Debug, Default)]
pub struct Facts {
    /// The runs that are compared, and those without a clip yet.
    pub runs: Vec<Run>,
    /// The comparison of their methods and seeds; `None` if there is no clip.
    pub comparison: Option<Comparison>,
    /// The index of the method with which the others are compared.
    pub baseline: usize,
    /// Measurements and rays of `dtc`.
    pub rays: Vec<ClipRays>,
    /// Entropies of the measurements.
    pub entropies: Vec<EntropyRow>,
    /// Their correlations with accuracy.
    pub correlations: Vec<CorrelationRow>,
    /// The author's recorded run, if it is given.
    pub recorded: Option<Recorded>,
    /// The networks of the first run's ladder.
    pub widths: Vec<WidthRow>,
    /// The costs of all methods.
    pub costs: Vec<CostRow>,
    /// Neurons with equal scores.
    pub ties: Vec<TiesRow>,
    /// What is missing or cannot be read.
    pub gaps: Vec<Gap>,
}

impl Facts {
    /// Reads everything from the folders. What they lack is a gap.
    ///
    /// # Errors
    /// No folder can be read, the recorded run cannot be read, or no method is named `baseline`.
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
        let clipped: Vec<Run> = runs.iter().filter(|run| !run.rows.is_empty()).cloned().collect();
        let comparison = Comparison::of(&clipped).ok();
        let baseline = match (baseline, &comparison) {
            (Some(name), Some(comparison)) => comparison.method(name)?,
            (Some(name), None) => {
                let known = "none, there is no clip yet".to_owned();
                return Err(ReportError::UnknownMethod { name: name.to_owned(), known });
            }
            (None, _) => 0,
        };
        let mut facts = Self { comparison, baseline, recorded, gaps, ..Self::default() };
        facts.take(runs);
        Ok(facts)
    }

    /// Returns the same facts with another margin. Accuracies that differ by less than the margin count as equal.
    #[must_use]
    pub fn with_margin(self, margin: f64) -> Self {
        let comparison = self.comparison.map(|comparison| comparison.with_margin(margin));
        Self { comparison, ..self }
    }

    fn take(&mut self, runs: Vec<Run>) {
        let labels = labels(&runs);
        for run in &runs {
            self.rays.extend(all_rays(run, |method| labels(run, method), &mut self.gaps));
            let mut verified = Verified::of(&run.folder);
            verified.gaps.clear();
            let is_shown = |name: &str| SHOWN.contains(&name.split('/').next().unwrap_or(name));
            verified.check(is_shown, &self.gaps);
            self.gaps.append(&mut verified.gaps);
        }
        self.costs = costs(&runs, &labels);
        self.ties = ties(&runs, &labels);
        if let Some(comparison) = &mut self.comparison {
            self.gaps.extend(comparison.read_predictions(&runs));
        }
        if let Some(run) = runs.iter().find(|run| !run.rows.is_empty()) {
            self.widths = widths(run, &mut self.gaps);
        }
        let accuracies = self.comparison.as_ref().map_or(vec![], Accuracies::of);
        (self.entropies, self.correlations) =
            entropies_and_correlations(&tracks(&self.rays), &accuracies);
        self.runs = runs;
    }

    /// Returns the runs, each with a function that gives the names of its methods in this report.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = (&Run, impl Fn(&str) -> String)> {
        let labels = std::rc::Rc::new(labels(&self.runs));
        self.runs.iter().map(move |run| {
            let labels = labels.clone();
            (run, move |method: &str| labels(run, method))
        })
    }

    /// Returns the cycles that tables show; none if there is no clip.
    pub(crate) fn cycles_shown(&self) -> Vec<usize> {
        let shown = self.comparison.iter().flat_map(Comparison::shown);
        shown.map(|rung| rung.cycle).collect()
    }

    /// Returns the addition to a method's name: the group, if the networks have several.
    pub(crate) fn of_group(&self, group: &str) -> String {
        if self.has_several_groups() { format!(", {group}") } else { String::new() }
    }

    /// Returns whether the networks have several groups.
    pub(crate) fn has_several_groups(&self) -> bool {
        self.runs.iter().any(|run| run.groups.names.len() > 1)
    }

    /// Returns the neurons of a group before the first clip.
    pub(crate) fn first_width(&self, group: &str) -> Option<usize> {
        self.runs.iter().find(|run| !run.rows.is_empty())?.groups.width(group)
    }

    /// Returns the colour number of a method.
    pub(crate) fn colour(&self, method: &str) -> usize {
        let position =
            |comparison: &Comparison| comparison.methods.iter().position(|m| m == method);
        self.comparison.as_ref().and_then(position).unwrap_or(0)
    }
}

/// Returns one line for each thing that a report lacks: files, folders, and replicas that did not reach the end.
pub fn missing(facts: &Facts) -> Vec<String> {
    let line = |Gap { path, reason }: &Gap| format!("{}: {reason}", path.display());
    let replicas = facts.comparison.iter().flat_map(|comparison| comparison.missing.clone());
    facts.gaps.iter().map(line).chain(replicas).collect()
}

/// Adds a run if it can be compared with the first run. Otherwise it is a gap.
fn add(run: Run, runs: &mut Vec<Run>, gaps: &mut Vec<Gap>) {
    let gap = |reason: String| Gap { path: run.folder.clone(), reason };
    let same = |known: &Run| {
        let canonical = |run: &Run| run.folder.canonicalize().ok();
        canonical(known) == canonical(&run)
    };
    if runs.iter().any(same) {
        return;
    }
    if run.rows.is_empty() {
        gaps.push(gap("it has no clip yet".into()));
        runs.push(run);
        return;
    }
    let first = runs.iter().find(|run| !run.rows.is_empty());
    let pair: Vec<Run> = first.cloned().into_iter().chain([run.clone()]).collect();
    match Comparison::of(&pair) {
        Ok(_) => runs.push(run),
        Err(error) => gaps.push(gap(format!("left out: {error}"))),
    }
}

/// Returns a gap if another version of rayclip wrote the folder. Version 0.1 is no gap: what it lacks is computed.
fn other_version(run: &Run) -> Option<Gap> {
    const COMPLETED: &str = "0.1";
    let own = env!("CARGO_PKG_VERSION");
    let theirs = &run.summary.as_ref()?.version;
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    let is_complete =
        minor(own) == minor(theirs) || minor(theirs).is_some_and(|minor| minor == COMPLETED);
    (!is_complete).then(|| Gap {
        path: run.folder.clone(),
        reason: format!(
            "was written by rayclip {theirs}, this is {own}: what it lacks stays empty"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::sample::run_of;

    #[test]
    fn a_folder_of_a_version_that_is_not_known_is_named() {
        let gap = |version: &str| {
            let mut run = run_of(vec![]);
            version.clone_into(&mut run.summary.as_mut().unwrap().version);
            other_version(&run)
        };
        assert_eq!([env!("CARGO_PKG_VERSION"), "0.1.7"].map(gap), [None, None]);
        assert!(gap("0.0.3").unwrap().reason.contains("rayclip 0.0.3"));
        assert!(gap("").is_some());
    }
}
