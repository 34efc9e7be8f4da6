//! The networks of a ladder: their size, and the time of a classification.

use rayclip_run_folder::read::{self, Gap, Rung, WholeRows, joined, neurons};
use rayclip_run_folder::{LatencyRow, Outcome, paths};
use serde::{Deserialize, Serialize};

use crate::read::run::Run;

/// A line of `widths.csv`: the network after a clip.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WidthRow {
    /// The clip's cycle; `None` for the network before the first clip.
    pub cycle: Option<usize>,
    /// Neurons of every group, `460` or `460 × 230`.
    pub widths: String,
    /// Neurons of all groups.
    pub neurons: usize,
    /// Weights and biases.
    pub parameters: Option<usize>,
    /// Bytes of the parameters, as f32.
    pub bytes: Option<usize>,
    /// Multiply-accumulates to classify an image.
    pub macs: Option<usize>,
    /// Milliseconds to classify one image: the median of the timings.
    pub latency_ms: Option<f64>,
    /// Images in the batch that was timed.
    pub batch: Option<usize>,
    /// Milliseconds to classify the batch: the median of the timings.
    pub batch_latency_ms: Option<f64>,
}

/// A network, and the clip that leads to it.
struct Network<'a> {
    cycle: Option<usize>,
    widths: &'a [usize],
    parameters: Option<usize>,
    bytes: Option<usize>,
    macs: Option<usize>,
}

impl<'a> Network<'a> {
    fn before(run: &'a Run) -> Self {
        let summary = run.summary.as_ref();
        Self {
            cycle: None,
            widths: &run.groups.widths,
            parameters: run.parameters_before(),
            bytes: summary.and_then(|summary| summary.bytes_before),
            macs: summary.and_then(|summary| summary.macs_before),
        }
    }

    fn after(rung: &'a Rung) -> Self {
        let Rung { cycle, widths, parameters, bytes, macs, .. } = rung;
        let (cycle, parameters) = (Some(*cycle), Some(*parameters));
        Self { cycle, widths, parameters, bytes: *bytes, macs: *macs }
    }

    fn row(self, latencies: &[LatencyRow]) -> WidthRow {
        let timed = || latencies.iter().filter(|latency| latency.cycle == self.cycle);
        let batch = timed().find(|latency| latency.images > 1);
        WidthRow {
            cycle: self.cycle,
            widths: joined(self.widths),
            neurons: neurons(self.widths),
            parameters: self.parameters,
            bytes: self.bytes,
            macs: self.macs,
            latency_ms: timed().find(|latency| latency.images == 1).map(|l| l.median_ms),
            batch: batch.map(|latency| latency.images),
            batch_latency_ms: batch.map(|latency| latency.median_ms),
        }
    }
}

/// Returns the network before the first clip and after each clip. Adds a gap if `latency.csv` should be there and
/// cannot be read.
pub(crate) fn widths(run: &Run, gaps: &mut Vec<Gap>) -> Vec<WidthRow> {
    let path = run.folder.join(paths::LATENCY);
    let is_finished =
        run.summary.as_ref().is_some_and(|summary| summary.outcome == Outcome::Finished);
    let mut gap = |reason: String| gaps.push(Gap { path: path.clone(), reason });
    let latencies = match read::latency(&run.folder) {
        Ok(WholeRows { rows, damaged }) => {
            damaged.into_iter().for_each(&mut gap);
            rows
        }
        Err(reason) => {
            // It is measured at the end of a run.
            if is_finished {
                gap(reason);
            }
            vec![]
        }
    };
    let rungs = run.rungs();
    let networks = std::iter::once(Network::before(run)).chain(rungs.values().map(Network::after));
    networks.map(|network| network.row(&latencies)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::read::sample::{clip, run_of};

    #[test]
    fn latencies_stand_beside_their_widths() {
        let folder = tempfile::tempdir().unwrap();
        let clips = [(0, 100, 50), (1, 50, 25)].map(|(cycle, a, b)| CycleRow {
            bytes: Some(40 * b),
            macs: Some(12 * b),
            ..clip(0, cycle, a, b, 0.9)
        });
        let mut run = Run { folder: folder.path().to_path_buf(), ..run_of(clips.to_vec()) };
        let text = "cycle,neurons,images,rounds,median_ms,least_ms,most_ms\n,100,1,3,0.5,0,1\n\
                    ,100,512,3,9,0,9\n1,25,1,3,0.25,0,1\n1,25,512,3,x,0,1\n0,50,1,3,inf,0,1\n";
        fs::write(folder.path().join("latency.csv"), text).unwrap();
        let mut gaps = vec![];
        let rows = widths(&run, &mut gaps);
        let found: Vec<_> =
            rows.iter().map(|row| (row.neurons, row.latency_ms, row.batch_latency_ms)).collect();
        let expected = [(100, Some(0.5), Some(9.0)), (50, None, None), (25, Some(0.25), None)];
        assert_eq!(found, expected);
        let (first, last) = (&rows[0], &rows[2]);
        assert_eq!(
            (first.macs, first.parameters, last.bytes, last.macs),
            (Some(1200), Some(1000), Some(1000), Some(300))
        );
        assert_eq!(gaps.len(), 1);
        // It is measured at the end, so a run in progress has no gap here.
        run.folder = "nowhere".into();
        run.summary.as_mut().unwrap().outcome = Outcome::Running;
        assert!(widths(&run, &mut gaps)[0].latency_ms.is_none() && gaps.len() == 1);
    }
}
