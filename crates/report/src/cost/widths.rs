//! The networks of a ladder: what they take to hold and to use.

use rayclip_data::read_whole;
use serde::{Deserialize, Serialize};

use crate::clips::rows_of;
use crate::cost::flops::Ends;
use crate::ladder::{joined, rungs, sum};
use crate::{Gap, Run, limits};

/// Bytes of a parameter, f32.
const PARAMETER_BYTES: usize = 4;

/// A line of `widths.csv`: the network after a clip.
#[derive(Debug, Clone, Serialize)]
pub struct WidthRow {
    /// The clip's cycle; none for the network before the first.
    pub cycle: Option<usize>,
    /// Neurons of every hidden layer.
    pub widths: String,
    /// All of them.
    pub neurons: usize,
    /// Weights and biases.
    pub parameters: Option<usize>,
    /// Bytes of them, as f32.
    pub bytes: Option<usize>,
    /// Multiply-accumulates to classify an image.
    pub macs: Option<usize>,
    /// Milliseconds to classify one image, the median of the timings.
    pub latency_ms: Option<f64>,
    /// Images of a batch that was timed.
    pub batch: Option<usize>,
    /// Milliseconds to classify it, likewise.
    pub batch_latency_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Latency {
    cycle: Option<usize>,
    images: usize,
    median_ms: f64,
}

/// The network before the first clip and after every one; a gap where `latency.csv` should be.
pub(crate) fn widths(run: &Run, gaps: &mut Vec<Gap>) -> Vec<WidthRow> {
    let path = run.folder.join("latency.csv");
    let finished = run.summary.as_ref().is_some_and(|summary| summary.outcome == "finished");
    let mut gap = |reason: String| gaps.push(Gap { path: path.clone(), reason });
    let latencies: Vec<Latency> = match read_whole(&path, limits::TABLE_BYTES) {
        Ok(bytes) => {
            let (mut rows, mut damaged) = rows_of::<Latency>(&bytes);
            let all = rows.len();
            rows.retain(|row| row.images <= limits::COUNT && limits::is_amount(row.median_ms));
            if rows.len() < all {
                damaged.get_or_insert(format!("{} rows cannot be", all - rows.len()));
            }
            damaged.into_iter().for_each(&mut gap);
            rows
        }
        Err(error) => {
            // It is measured at the end of a run.
            if finished {
                gap(format!("cannot be read: {error}"));
            }
            vec![]
        }
    };
    let ends = Ends::of(run);
    let row = |cycle: Option<usize>, widths: &[usize], parameters: Option<usize>| {
        let timed = || latencies.iter().filter(move |latency| latency.cycle == cycle);
        let batch = timed().find(|latency| latency.images > 1);
        WidthRow {
            cycle,
            widths: joined(widths),
            neurons: sum(widths),
            parameters,
            bytes: parameters.and_then(|count| count.checked_mul(PARAMETER_BYTES)),
            macs: ends.and_then(|ends| ends.macs(widths)),
            latency_ms: timed().find(|latency| latency.images == 1).map(|l| l.median_ms),
            batch: batch.map(|latency| latency.images),
            batch_latency_ms: batch.map(|latency| latency.median_ms),
        }
    };
    let first = row(None, &run.widths_before, run.parameters_before);
    let rungs = rungs(run);
    let after =
        rungs.values().map(|rung| row(Some(rung.cycle), &rung.widths, Some(rung.parameters)));
    std::iter::once(first).chain(after).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::table::tests::{clip, run_of};

    #[test]
    fn latencies_stand_beside_their_widths() {
        let folder = tempfile::tempdir().unwrap();
        let clips = [(0, 100, 50), (1, 50, 25)].map(|(cycle, a, b)| clip(0, cycle, a, b, 0.9));
        let mut run = Run { folder: folder.path().to_path_buf(), ..run_of(clips.to_vec()) };
        let text = "cycle,neurons,images,median_ms\n,100,1,0.5\n,100,512,9\n1,25,1,0.25\n1,25,512,x\n0,50,1,inf\n";
        fs::write(folder.path().join("latency.csv"), text).unwrap();
        let mut gaps = vec![];
        let rows = widths(&run, &mut gaps);
        let found: Vec<_> =
            rows.iter().map(|row| (row.neurons, row.latency_ms, row.batch_latency_ms)).collect();
        let expected = [(100, Some(0.5), Some(9.0)), (50, None, None), (25, Some(0.25), None)];
        assert_eq!(found, expected);
        let (first, last) = (&rows[0], &rows[2]);
        assert_eq!(
            (first.macs, first.parameters, last.bytes),
            (Some(1200), Some(1000), Some(1000))
        );
        assert_eq!(gaps.len(), 1);
        // It is measured at the end: a run that goes on has no gap there.
        run.folder = "nowhere".into();
        assert!(widths(&run, &mut gaps)[0].latency_ms.is_none() && gaps.len() == 1);
    }
}
