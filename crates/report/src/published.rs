//! The paper's Table I beside what was measured here.
//!
//! Table I is a LOWESS curve over the sparsity; so is what stands beside it, of every seed, with the mean
//! over the seeds.

use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Deserialize;

use crate::comparison::{Comparison, Measure};
use crate::statistics::Estimate;
use crate::table::align_right;
use crate::{ReportError, limits, lowess};

/// The paper's smoothing: fraction of the points in a line, robust passes.
const FRACTION: f64 = 0.3;
const PASSES: usize = 3;

/// Sparsities that agree to this are the same clip; the paper prints four digits.
const SAME_SPARSITY: f64 = 1e-4;

/// The methods of the paper, in the order of a [`Series`].
pub const METHODS: [&str; 3] = ["magnitude", "random", "dtc"];

/// Test accuracy after each clip by sparsity, one series a method of [`METHODS`].
#[derive(Debug, Clone)]
pub struct Series {
    /// Ascending.
    sparsities: Vec<f64>,
    /// `[method][clip]`
    accuracies: [Vec<f64>; 3],
}

impl Series {
    /// Table I of the paper.
    pub fn published() -> Self {
        #[derive(Default, Deserialize)]
        struct File {
            rows: Vec<[f64; 4]>,
        }
        let text = include_str!("../../../assets/published/table_1.toml");
        // A test reads it.
        let File { rows } = toml::from_str(text).unwrap_or_default();
        let column = |place: usize| rows.iter().map(|row| row[place]).collect::<Vec<f64>>();
        Self { sparsities: column(0), accuracies: [1, 2, 3].map(column) }
    }

    /// Table I, where it may stand beside a comparison: of MNIST, down the paper's ladder.
    pub fn beside(comparison: &Comparison) -> Option<Self> {
        if comparison.data.digest != rayclip_data::mnist::DIGEST {
            return None;
        }
        let published = Self::published();
        let rungs = comparison.rungs.values();
        let met = rungs.filter(|rung| published.at(rung.sparsity, 0).is_some()).count();
        // Any ladder may meet one of the sparsities by chance.
        (2 * met > published.sparsities.len()).then_some(published)
    }

    /// One recorded run a method, from a CSV file with the columns `sparsity`, `magnitude`, `random` and
    /// `dtc`, a row a cycle.
    ///
    /// # Errors
    /// The file cannot be read or lacks a column.
    pub fn recorded(path: &Path) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Row {
            sparsity: f64,
            magnitude: f64,
            random: f64,
            dtc: f64,
        }
        let bytes = rayclip_data::read_whole(path, limits::TABLE_BYTES)
            .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
        let mut rows = csv::Reader::from_reader(bytes.as_slice())
            .deserialize()
            .collect::<Result<Vec<Row>, _>>()
            .map_err(|error| damaged(path, error.to_string()))?;
        if rows.is_empty() {
            return Err(damaged(path, "there is no row".into()));
        }
        if rows.len() > limits::CYCLES {
            let reason = format!("{} rows; at most {} are read", rows.len(), limits::CYCLES);
            return Err(damaged(path, reason));
        }
        let finite = |row: &Row| {
            [row.sparsity, row.magnitude, row.random, row.dtc].into_iter().all(limits::is_amount)
        };
        if let Some(row) = rows.iter().position(|row| !finite(row)) {
            return Err(damaged(path, format!("row {} has a value that is no number", row + 1)));
        }
        rows.sort_by(|a, b| a.sparsity.total_cmp(&b.sparsity));
        let column = |of: fn(&Row) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
        let accuracies = [column(|row| row.magnitude), column(|row| row.random), column(|r| r.dtc)];
        Ok(Self { sparsities: column(|row| row.sparsity), accuracies })
    }

    /// The same, smoothed as the paper smooths.
    #[must_use]
    pub fn smoothed(&self) -> Self {
        let accuracies = self.accuracies.each_ref().map(|all| smooth(&self.sparsities, all));
        Self { sparsities: self.sparsities.clone(), accuracies }
    }

    /// Sparsity and accuracy of a method of [`METHODS`], by cycle.
    pub fn curve(&self, method: usize) -> impl Iterator<Item = (f64, f64)> {
        self.sparsities.iter().copied().zip(self.accuracies[method].iter().copied())
    }

    /// The accuracy of a method of [`METHODS`] at a sparsity, where there is one.
    pub fn at(&self, sparsity: f64, method: usize) -> Option<f64> {
        let near = |known: &f64| (known - sparsity).abs() < SAME_SPARSITY;
        Some(self.accuracies[method][self.sparsities.iter().position(near)?])
    }
}

/// Accuracies smoothed over the sparsity as the paper smooths.
pub(crate) fn smooth(sparsities: &[f64], accuracies: &[f64]) -> Vec<f64> {
    lowess(sparsities, accuracies, FRACTION, PASSES)
}

fn damaged(path: &Path, reason: String) -> ReportError {
    ReportError::Format { path: path.to_path_buf(), reason }
}

/// A smoothed accuracy right after the clip: its estimate over the seeds.
pub fn smoothed(comparison: &Comparison, method: usize) -> Vec<(f64, Estimate)> {
    let measure = Measure::AccuracyAfterClip;
    let rungs: Vec<_> = comparison
        .rungs
        .values()
        .map(|rung| (rung.sparsity, comparison.values(measure, rung.cycle, method)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let Some((_, first)) = rungs.first() else { return vec![] };
    // A seed that lacks a clip has another curve: only whole ones are averaged.
    let whole = first.keys().filter(|seed| rungs.iter().all(|(_, v)| v.contains_key(seed)));
    let sparsities: Vec<f64> = rungs.iter().map(|(sparsity, _)| *sparsity).collect();
    let curves: Vec<Vec<f64>> = whole
        .map(|seed| {
            let accuracies: Vec<f64> = rungs.iter().map(|(_, values)| values[seed]).collect();
            smooth(&sparsities, &accuracies)
        })
        .collect();
    let at =
        |clip: usize| Estimate::of(&curves.iter().map(|curve| curve[clip]).collect::<Vec<_>>());
    sparsities.iter().enumerate().filter_map(|(clip, s)| Some((*s, at(clip)?))).collect()
}

/// Table I: published, recorded where it is given, and ours with half the 95 % interval over the seeds.
/// Nothing where the images are not MNIST, the ladder is not the paper's or no method is.
pub fn table_1(comparison: &Comparison, recorded: Option<&Series>) -> Option<Table> {
    let published = Series::beside(comparison)?;
    let methods: Vec<(usize, usize)> = METHODS
        .iter()
        .enumerate()
        .filter_map(|(theirs, name)| Some((theirs, comparison.method(name).ok()?)))
        .collect();
    let ours: Vec<Vec<(f64, Estimate)>> =
        methods.iter().map(|(_, method)| smoothed(comparison, *method)).collect();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let names = methods.iter().map(|(theirs, _)| METHODS[*theirs].to_owned());
    table.set_header(std::iter::once("sparsity".to_owned()).chain(names));
    align_right(&mut table);
    for &sparsity in &published.sparsities {
        let cells: Vec<Option<String>> = methods
            .iter()
            .zip(&ours)
            .map(|((theirs, _), ours)| {
                let near = |(known, _): &&(f64, Estimate)| (known - sparsity).abs() < SAME_SPARSITY;
                let (_, estimate) = ours.iter().find(near)?;
                let half = estimate.half_width().map(|half| format!(" ± {half:.4}"));
                let theirs = [Some(&published), recorded]
                    .into_iter()
                    .flatten()
                    .map(|series| series.at(sparsity, *theirs).map_or("–".into(), four_digits));
                let theirs: Vec<String> = theirs.collect();
                let ours = format!("{:.4}{}", estimate.mean, half.unwrap_or_default());
                Some(format!("{} | {ours}", theirs.join(" | ")))
            })
            .collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".into()));
            table.add_row(std::iter::once(format!("{sparsity:.4}")).chain(cells));
        }
    }
    (!methods.is_empty()).then_some(table)
}

fn four_digits(accuracy: f64) -> String {
    format!("{accuracy:.4}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::table::tests::{clip, run_of};
    use crate::{Clip, Data, Run};

    #[test]
    fn the_published_table_is_ascending_and_found_by_sparsity() {
        let published = Series::published();
        assert!(published.sparsities.is_sorted());
        assert_eq!(published.at(1.0 - 460.0 / 512.0, 2), Some(0.9663));
        assert_eq!(published.at(0.5, 2), None);
    }

    #[test]
    fn a_recorded_run_is_smoothed_and_a_damaged_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accuracy.csv");
        let message = || Series::recorded(&path).unwrap_err().to_string();
        assert!(message().contains("accuracy.csv"));
        fs::write(&path, "sparsity,magnitude\n0.1,0.9\n").unwrap();
        assert!(message().contains("random"), "{}", message());
        fs::write(&path, "sparsity,magnitude,random,dtc\nNaN,1,1,1\n").unwrap();
        assert!(message().contains("no number"), "{}", message());
        let rows: Vec<String> =
            (0..20).map(|i| format!("{},{},0.5,0.25", f64::from(i) / 20.0, f64::from(i))).collect();
        fs::write(&path, format!("sparsity,magnitude,random,dtc\n{}\n", rows.join("\n"))).unwrap();
        let recorded = Series::recorded(&path).unwrap().smoothed();
        assert!((recorded.at(0.5, 0).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(recorded.at(0.5, 2), Some(0.25));
    }

    /// The paper's ladder, from 512 neurons.
    fn paper_run(method: &str) -> Run {
        let widths: Vec<usize> =
            std::iter::successors(Some(512), |m| Some((0.9 * (m - 1) as f64).ceil() as usize))
                .take(35)
                .collect();
        let clips = widths.windows(2).enumerate().flat_map(|(cycle, pair)| {
            let sparsity = 1.0 - pair[1] as f64 / 512.0;
            [0, 1].map(|seed| Clip {
                method: method.into(),
                sparsity,
                ..clip(seed, cycle, pair[0], pair[1], 0.9 + 0.01 * seed as f64)
            })
        });
        let run = run_of(clips.collect());
        let data = Data { digest: rayclip_data::mnist::DIGEST.into(), ..run.data };
        Run { widths_before: vec![512], data, ..run }
    }

    #[test]
    fn stands_beside_a_run_down_the_papers_ladder_only() {
        let comparison = Comparison::of(&[paper_run("dtc"), paper_run("l2")]).unwrap();
        let table = table_1(&comparison, None).unwrap().to_string();
        assert!(table.contains("0.9663 | 0.9050 ± 0.0635"), "{table}");
        assert!(!table.contains("l2"), "{table}");
        let mut other = paper_run("dtc");
        other.data.digest = "0".into();
        assert!(table_1(&Comparison::of(&[other]).unwrap(), None).is_none());
        let recorded = Series {
            sparsities: vec![1.0 - 460.0 / 512.0],
            accuracies: [(); 3].map(|()| vec![0.4321]),
        };
        let table = table_1(&comparison, Some(&recorded)).unwrap().to_string();
        assert!(table.contains("0.9663 | 0.4321 | 0.9050"), "{table}");
        assert!(table.contains("0.9687 | – | 0.9050"), "{table}");
        let short = run_of(vec![clip(0, 0, 100, 90, 0.9)]);
        assert!(table_1(&Comparison::of(&[short]).unwrap(), None).is_none());
    }
}
