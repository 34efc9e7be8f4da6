//! The paper's Table I, to show beside our results.
//!
//! Table I is a LOWESS curve over the sparsity. So every seed here is smoothed in the same way, and the mean is
//! over the seeds.

use std::path::Path;

use rayclip_run_folder::limits;
use serde::Deserialize;

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::statistics::Estimate;
use crate::error::ReportError;
use crate::paper::lowess::lowess;

/// The paper's smoothing: the fraction of the points per line, and the robust passes.
const FRACTION: f64 = 0.3;
const PASSES: usize = 3;

/// Sparsities that differ by less belong to the same clip; the paper prints four digits.
pub(crate) const SAME_SPARSITY: f64 = 1e-4;

/// The methods of the paper, in the order of a [`Series`].
pub const METHODS: [&str; 3] = ["magnitude", "random", "dtc"];

/// Test accuracy after each clip by sparsity, one series for each method of [`METHODS`].
#[derive(Debug, Clone)]
pub struct Series {
    /// Ascending, `[clip]`.
    pub(crate) sparsities: Vec<f64>,
    /// `[method][clip]`
    pub(crate) accuracies: [Vec<f64>; 3],
}

impl Series {
    /// Returns Table I of the paper.
    pub fn published() -> Self {
        #[derive(Deserialize)]
        struct File {
            rows: Vec<[f64; 4]>,
        }
        let text = include_str!("../../../../assets/published/table_1.toml");
        #[expect(
            clippy::expect_used,
            reason = "the table is part of the program, and a test reads it"
        )]
        let File { rows } = toml::from_str(text).expect("the published table is valid");
        let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
        Self { sparsities: column(0), accuracies: [1, 2, 3].map(column) }
    }

    /// Returns Table I if it can be shown beside a comparison: one on MNIST, along the paper's ladder.
    pub fn beside(comparison: &Comparison) -> Option<Self> {
        if comparison.data.digest != rayclip_data::mnist::DIGEST {
            return None;
        }
        let published = Self::published();
        let rungs = comparison.rungs.values();
        let met = rungs.filter(|rung| published.at(rung.sparsity, 0).is_some()).count();
        // Any ladder may have one of the sparsities by chance.
        (2 * met > published.sparsities.len()).then_some(published)
    }

    /// Reads recorded runs, one per method, from a CSV file with the columns `sparsity`, `magnitude`, `random` and
    /// `dtc`, and one row per cycle.
    ///
    /// # Errors
    /// The file cannot be read, lacks a column, or has no row, too many rows, or a value that is not a number.
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
            return Err(damaged(path, "it has no row".into()));
        }
        if rows.len() > limits::CYCLES {
            let reason = format!("{} rows; at most {} are read", rows.len(), limits::CYCLES);
            return Err(damaged(path, reason));
        }
        let finite = |row: &Row| {
            [row.sparsity, row.magnitude, row.random, row.dtc].into_iter().all(limits::is_amount)
        };
        if let Some(row) = rows.iter().position(|row| !finite(row)) {
            return Err(damaged(path, format!("row {} has a value that is not a number", row + 1)));
        }
        rows.sort_by(|a, b| a.sparsity.total_cmp(&b.sparsity));
        let column = |of: fn(&Row) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
        let accuracies = [column(|row| row.magnitude), column(|row| row.random), column(|r| r.dtc)];
        Ok(Self { sparsities: column(|row| row.sparsity), accuracies })
    }

    /// Returns the same series, smoothed as in the paper.
    #[must_use]
    pub fn smoothed(&self) -> Self {
        let accuracies = self.accuracies.each_ref().map(|all| smooth(&self.sparsities, all));
        Self { sparsities: self.sparsities.clone(), accuracies }
    }

    /// Returns sparsity and accuracy of a method of [`METHODS`], by cycle.
    pub fn curve(&self, method: usize) -> impl Iterator<Item = (f64, f64)> {
        self.sparsities.iter().copied().zip(self.accuracies[method].iter().copied())
    }

    /// Returns the accuracy of a method of [`METHODS`] at a sparsity; `None` if there is none.
    pub fn at(&self, sparsity: f64, method: usize) -> Option<f64> {
        let near = |known: &f64| (known - sparsity).abs() < SAME_SPARSITY;
        Some(self.accuracies[method][self.sparsities.iter().position(near)?])
    }
}

/// Smooths accuracies over the sparsity as in the paper.
pub(crate) fn smooth(sparsities: &[f64], accuracies: &[f64]) -> Vec<f64> {
    lowess(sparsities, accuracies, FRACTION, PASSES)
}

fn damaged(path: &Path, reason: String) -> ReportError {
    ReportError::Format { path: path.to_path_buf(), reason }
}

/// Returns the smoothed accuracy of a method right after each clip, by sparsity, estimated over the seeds.
pub fn smoothed(comparison: &Comparison, method: usize) -> Vec<(f64, Estimate)> {
    let measure = Measure::AccuracyAfterClip;
    let rungs: Vec<_> = comparison
        .rungs
        .values()
        .map(|rung| (rung.sparsity, comparison.values(measure, rung.cycle, method)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let Some((_, first)) = rungs.first() else { return vec![] };
    // A seed that lacks a clip has another curve, so only complete curves are averaged.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
        assert!(message().contains("not a number"), "{}", message());
        let rows: Vec<String> =
            (0..20).map(|i| format!("{},{},0.5,0.25", f64::from(i) / 20.0, f64::from(i))).collect();
        fs::write(&path, format!("sparsity,magnitude,random,dtc\n{}\n", rows.join("\n"))).unwrap();
        let recorded = Series::recorded(&path).unwrap().smoothed();
        assert!((recorded.at(0.5, 0).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(recorded.at(0.5, 2), Some(0.25));
    }
}
