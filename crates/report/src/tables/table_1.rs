//! The paper's Table I beside our results.

use crate::compare::comparison::Comparison;
use crate::compare::statistics::Estimate;
use crate::paper::published::{METHODS, SAME_SPARSITY, Series, smoothed};
use crate::tables::table::{Cell, Column, Table};

/// A method of the paper that is compared here.
struct Method {
    name: &'static str,
    /// Its index in [`METHODS`].
    theirs: usize,
    ours: Vec<(f64, Estimate)>,
}

/// Returns Table I: the published values, the recorded run if it is given, and our results with half the 95 %
/// interval over the seeds. Returns `None` if the images are not MNIST, the ladder is not the paper's, or there is
/// no method of the paper.
pub fn table_1(comparison: &Comparison, recorded: Option<&Series>) -> Option<Table> {
    let published = Series::beside(comparison)?;
    let of_method = |(theirs, name): (usize, &&'static str)| {
        let ours = smoothed(comparison, comparison.method(name).ok()?);
        Some(Method { name, theirs, ours })
    };
    let methods: Vec<Method> = METHODS.iter().enumerate().filter_map(of_method).collect();
    let sources = [("paper", Some(&published)), ("recorded", recorded)];
    let sources = sources.into_iter().filter_map(|(head, series)| Some((head, series?)));
    let sources: Vec<(&str, &Series)> = sources.collect();
    let heads = || sources.iter().map(|(head, _)| *head).chain(["here"]);
    let parts = methods.iter().flat_map(|m| heads().map(|head| Column::part(m.name, head)));
    let columns = std::iter::once(Column::new("sparsity")).chain(parts).collect();
    let row = |sparsity: f64| {
        let cells = methods.iter().flat_map(|Method { theirs, ours, .. }| {
            let theirs = sources.iter().map(|(_, series)| series.at(sparsity, *theirs));
            let near = |(known, _): &&(f64, Estimate)| (known - sparsity).abs() < SAME_SPARSITY;
            let ours = ours.iter().find(near).map(|(_, estimate)| *estimate);
            let ours = Cell::estimate(ours, comparison.seeds());
            let theirs: Vec<Cell> = theirs.map(|theirs| Cell::rounded(theirs, 4)).collect();
            theirs.into_iter().chain([ours])
        });
        std::iter::once(Cell::rounded(Some(sparsity), 4)).chain(cells).collect()
    };
    let rows = published.curve(0).map(|(sparsity, _)| row(sparsity)).collect();
    (!methods.is_empty()).then_some(Table { columns, rows })
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::{CycleRow, DataSummary};

    use super::*;
    use crate::read::run::Run;
    use crate::read::sample::{clip, run_of};

    /// Returns a run along the paper's ladder, from 512 neurons.
    fn paper_run(method: &str) -> Run {
        let widths: Vec<usize> =
            std::iter::successors(Some(512), |m| Some((0.9 * (m - 1) as f64).ceil() as usize))
                .take(35)
                .collect();
        let rows = widths.windows(2).enumerate().flat_map(|(cycle, pair)| {
            let sparsity = 1.0 - pair[1] as f64 / 512.0;
            [0, 1].map(|seed| CycleRow {
                method: method.into(),
                sparsity,
                ..clip(seed, cycle, pair[0], pair[1], 0.9 + 0.01 * seed as f64)
            })
        });
        let mut run = run_of(rows.collect());
        run.groups.widths = vec![512];
        let data = DataSummary { digest: rayclip_data::mnist::DIGEST.into(), ..run.data };
        Run { data, ..run }
    }

    #[test]
    fn stands_beside_a_run_down_the_papers_ladder_only() {
        let comparison = Comparison::of(&[paper_run("dtc"), paper_run("l2")]).unwrap();
        let table = table_1(&comparison, None).unwrap();
        let heads: Vec<&str> = table.columns.iter().map(|column| column.head.as_str()).collect();
        assert_eq!(heads, ["sparsity", "dtc, paper", "dtc, here"]);
        assert!(table.to_string().contains("0.9663 | 0.9050 ± 0.0635"), "{table}");
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
