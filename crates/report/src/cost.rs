//! What the networks cost: to train, to hold and to use.
//!
//! Floating-point operations are those of the matrix products, two for a multiplication and its addition:
//! of an image and a layer `p → q`, 2 p q forwards, 2 p q for the gradient of the weights, and, but for
//! the first layer, 2 p q for that of its input. Measuring the accuracy is left out.

use std::collections::BTreeMap;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::ladder::{Rung, joined, rungs};
use crate::run::rows_of;
use crate::statistics::Estimate;
use crate::{Clip, Gap, Run};

/// Bytes of a parameter, f32.
const PARAMETER_BYTES: usize = 4;

/// The extents of a network but for its hidden layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    inputs: usize,
    outputs: usize,
}

impl Ends {
    /// Those of a run; nothing where its folder does not tell.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let inputs = run.data.image_shape.as_ref()?.iter().product();
        Some(Self { inputs, outputs: run.data.classes? })
    }

    fn layers(self, widths: &[usize]) -> Vec<(usize, usize)> {
        let from = std::iter::once(self.inputs).chain(widths.iter().copied());
        let to = widths.iter().copied().chain(std::iter::once(self.outputs));
        from.zip(to).collect()
    }

    /// Multiply-accumulates to classify an image.
    pub(crate) fn macs(self, widths: &[usize]) -> usize {
        self.layers(widths).iter().map(|(p, q)| p * q).sum()
    }

    /// Operations to train on an image.
    pub(crate) fn training_flops(self, widths: &[usize]) -> f64 {
        let (first, all) = (self.layers(widths)[0], self.macs(widths));
        (6 * all - 2 * first.0 * first.1) as f64
    }
}

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
    let latencies: Vec<Latency> = match fs::read(&path) {
        Ok(bytes) => {
            let (rows, damaged) = rows_of(&bytes);
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
            neurons: widths.iter().sum(),
            parameters,
            bytes: parameters.map(|count| count * PARAMETER_BYTES),
            macs: ends.map(|ends| ends.macs(widths)),
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

/// A line of `costs.csv`: what a replica of a method took until right after a clip, a mean over its
/// replicas.
#[derive(Debug, Clone, Serialize)]
pub struct CostRow {
    /// The method.
    pub method: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after it.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that is gone.
    pub sparsity: f64,
    /// Batches trained on.
    pub batches: Option<usize>,
    /// Operations of all training.
    pub training_flops: Option<f64>,
    /// Operations of all reconstructions.
    pub solve_flops: f64,
    /// Operations to train the full width on the same batches.
    pub full_width_flops: Option<f64>,
    /// Fraction of them that was saved.
    pub saved: Option<f64>,
    /// Seconds of training and clipping: a replica's share of those that trained at once.
    pub seconds: Option<f64>,
    /// An estimate of the seconds of the full width: those of the first cycle, for every cycle.
    pub full_width_seconds: Option<f64>,
    /// Joules of the machine, a share likewise.
    pub joules: Option<f64>,
}

/// What all methods of a run took down its ladder.
pub(crate) fn costs(run: &Run, label: impl Fn(&str) -> String) -> Vec<CostRow> {
    let rungs = rungs(run);
    let mut rows = vec![];
    for method in run.methods() {
        let of_method: Vec<&Clip> = run.clips.iter().filter(|c| c.method == method).collect();
        let spent = Spent::of(&of_method, method == "scratch");
        for rung in rungs.values().filter(|rung| spent.cycles.contains_key(&rung.cycle)) {
            rows.push(row(run, &rungs, rung, (label(method), &spent)));
        }
    }
    rows
}

/// Seconds, joules and operations of a method by cycle, summed up to each, means over the replicas.
struct Spent {
    is_scratch: bool,
    cycles: BTreeMap<usize, [Option<f64>; 3]>,
}

impl Spent {
    fn of(clips: &[&Clip], is_scratch: bool) -> Self {
        // One value a replica and cycle; the layers of a replica agree on all but the reconstructions.
        let mut by_cycle: BTreeMap<usize, BTreeMap<usize, [Option<f64>; 3]>> = BTreeMap::new();
        for clip in clips {
            let share = clip.at_once.map(|count| 1.0 / count as f64);
            let seconds = clip.train_seconds.zip(clip.compress_seconds).map(|(a, b)| a + b);
            let all = by_cycle.entry(clip.cycle).or_default().entry(clip.replica).or_insert([
                seconds.zip(share).map(|(seconds, share)| seconds * share),
                clip.joules.zip(share).map(|(joules, share)| joules * share),
                Some(0.0),
            ]);
            all[2] = all[2].map(|flops| flops + clip.solver_flops.unwrap_or(0.0));
        }
        let mut sums = [Some(0.0); 3];
        let cycles = by_cycle.into_iter().map(|(cycle, replicas)| {
            let mean = |place: usize| {
                let values: Option<Vec<f64>> = replicas.values().map(|all| all[place]).collect();
                Estimate::of(&values?).map(|estimate| estimate.mean)
            };
            for (place, sum) in sums.iter_mut().enumerate() {
                // What `scratch` took for one network is no part of what it takes for the next.
                let before = if is_scratch { Some(0.0) } else { *sum };
                *sum = before.zip(mean(place)).map(|(before, now)| before + now);
            }
            (cycle, sums)
        });
        Self { is_scratch, cycles: cycles.collect() }
    }
}

fn row(
    run: &Run,
    rungs: &BTreeMap<usize, Rung>,
    rung: &Rung,
    (method, spent): (String, &Spent),
) -> CostRow {
    let number = |key: &str| run.setting("training", key)?.as_integer().map(|n| n as usize);
    let a_cycle = number("batches_per_cycle");
    let cycles = rung.cycle + 1;
    let images = number("batch_size").zip(a_cycle).map(|(images, batches)| images * batches);
    let ends = Ends::of(run);
    let flops = |widths: &[usize]| Some(ends?.training_flops(widths) * images? as f64);
    let before = |cycle: usize| match cycle.checked_sub(1) {
        None => Some(&run.widths_before),
        Some(clip) => rungs.get(&clip).map(|rung| &rung.widths),
    };
    let training_flops = if spent.is_scratch {
        flops(&rung.widths).map(|flops| flops * cycles as f64)
    } else {
        (0..cycles).map(|cycle| flops(before(cycle)?)).sum()
    };
    let full_width_flops = flops(&run.widths_before).map(|flops| flops * cycles as f64);
    let first = spent.cycles.get(&0).filter(|_| !spent.is_scratch).and_then(|sums| sums[0]);
    let [seconds, joules, solve_flops] = spent.cycles[&rung.cycle];
    CostRow {
        method,
        cycle: rung.cycle,
        neurons: rung.neurons(),
        sparsity: rung.sparsity,
        batches: a_cycle.map(|batches| batches * cycles),
        training_flops,
        solve_flops: solve_flops.unwrap_or(0.0),
        full_width_flops,
        saved: training_flops.zip(full_width_flops).map(|(spent, full)| 1.0 - spent / full),
        seconds,
        full_width_seconds: first.map(|seconds| seconds * cycles as f64),
        joules,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{clip, run_of};

    fn run() -> Run {
        let clips = [(0, 100, 50), (1, 50, 25)].into_iter().flat_map(|(cycle, before, after)| {
            ["dtc", "scratch"].into_iter().enumerate().flat_map(move |(place, method)| {
                [0, 1].map(|seed| Clip {
                    method: method.into(),
                    seed,
                    solver_flops: (place == 0).then_some(1e3 * (seed + 1) as f64),
                    train_seconds: Some(if place == 0 { 4.0 } else { 6.0 }),
                    compress_seconds: Some(if place == 0 { 2.0 } else { 0.0 }),
                    joules: Some(8.0),
                    ..clip(2 * place + seed as usize, cycle, before, after, 0.9)
                })
            })
        });
        let mut run = run_of(clips.collect());
        run.config = "[training]\nbatch_size = 5\nbatches_per_cycle = 3".parse().unwrap();
        run
    }

    #[test]
    fn operations_are_those_of_the_products() {
        let ends = Ends { inputs: 10, outputs: 2 };
        assert_eq!(ends.macs(&[100]), 10 * 100 + 100 * 2);
        assert_eq!(ends.training_flops(&[100]), f64::from(4 * 1000 + 6 * 200));
        assert_eq!(ends.training_flops(&[7, 3]), f64::from(4 * 70 + 6 * 21 + 6 * 6));
    }

    #[test]
    fn a_method_pays_for_all_cycles_and_scratch_for_one_network() {
        let rows = costs(&run(), str::to_owned);
        let of = |method: &str, cycle: usize| {
            rows.iter().find(|row| row.method == method && row.cycle == cycle).unwrap().clone()
        };
        let flops = |width: f64| 15.0 * (4.0 * 10.0 + 6.0 * 2.0) * width;
        let dtc = of("dtc", 1);
        assert_eq!(dtc.training_flops, Some(flops(100.0) + flops(50.0)));
        assert_eq!(dtc.full_width_flops, Some(2.0 * flops(100.0)));
        assert_eq!((dtc.saved, dtc.batches), (Some(0.25), Some(6)));
        assert_eq!(dtc.solve_flops, 2.0 * 1500.0);
        // Two replicas at once: 6 seconds a cycle, 3 for each.
        assert_eq!(
            (dtc.seconds, dtc.full_width_seconds, dtc.joules),
            (Some(6.0), Some(6.0), Some(8.0))
        );
        let scratch = of("scratch", 1);
        assert_eq!(scratch.training_flops, Some(2.0 * flops(25.0)));
        assert_eq!((scratch.seconds, scratch.full_width_seconds), (Some(3.0), None));
    }

    #[test]
    fn what_the_folder_does_not_tell_stays_empty() {
        let mut run = run();
        run.data.classes = None;
        run.clips.iter_mut().for_each(|clip| clip.at_once = None);
        let row = &costs(&run, str::to_owned)[0];
        assert_eq!((row.training_flops, row.saved, row.seconds), (None, None, None));
        let mut gaps = vec![];
        assert_eq!(widths(&run, &mut gaps)[0].macs, None);
        assert!(gaps.is_empty(), "the run is not finished: {gaps:?}");
    }

    #[test]
    fn latencies_stand_beside_their_widths() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run { folder: folder.path().to_path_buf(), ..run() };
        let text =
            "cycle,neurons,images,median_ms\n,100,1,0.5\n,100,512,9\n1,25,1,0.25\n1,25,512,x\n";
        fs::write(folder.path().join("latency.csv"), text).unwrap();
        let mut gaps = vec![];
        let rows = widths(&run, &mut gaps);
        let found: Vec<_> =
            rows.iter().map(|row| (row.neurons, row.latency_ms, row.batch_latency_ms)).collect();
        let expected = [(100, Some(0.5), Some(9.0)), (50, None, None), (25, Some(0.25), None)];
        assert_eq!(found, expected);
        assert_eq!(
            (rows[0].macs, rows[0].parameters, rows[2].bytes),
            (Some(1200), Some(1000), Some(1000))
        );
        assert_eq!(gaps.len(), 1);
        run.folder = "nowhere".into();
        assert!(widths(&run, &mut gaps)[0].latency_ms.is_none());
    }
}
