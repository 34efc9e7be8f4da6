//! The cost of a run: seconds and joules, of the current cycle and of the whole run.

use std::time::{Duration, Instant, SystemTime};

use burn::tensor::Device;
use rayclip_run_folder::config::Method;
use rayclip_run_folder::{Energy, Progress, Replica, TimingRow};
use serde::{Deserialize, Serialize};

use super::chunk::Advance;
use crate::measure::EnergyMeter;

/// During training, the progress is written this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Counts seconds and joules.
pub(crate) struct Meter {
    cycle: CycleSeconds,
    energy: EnergyMeter,
    /// Joules that the process before this one used since its last clip.
    joules_before: Option<f64>,
    /// The progress of the whole run. Its seconds and joules are those of earlier processes.
    progress: Progress,
    began: Instant,
    /// When the progress was last written.
    heard: Instant,
}

/// Seconds of the current cycle of a chunk.
#[derive(Debug, Default)]
struct CycleSeconds {
    train: f64,
    compress: f64,
    scoring: Vec<ScoringSeconds>,
}

/// Seconds of scoring by one method, for all its replicas.
#[derive(Debug)]
struct ScoringSeconds {
    method: Method,
    /// Including the solver.
    all: f64,
    /// Of the solver alone, if there is one.
    solver: Option<f64>,
}

/// The cost in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeterState {
    /// Seconds of the cycle's training so far; for `scratch`, of the network's training so far.
    pub(crate) cycle_seconds: f64,
    /// Joules since the last clip, if a counter can be read.
    pub(crate) cycle_joules: Option<f64>,
    pub(crate) batches_done: usize,
    pub(crate) resumed: usize,
    pub(crate) train_seconds: f64,
    pub(crate) compress_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) joules: f64,
}

impl Meter {
    /// Starts to count. The result is added to `progress`.
    pub(crate) fn start(device: &Device, progress: Progress) -> Self {
        Self {
            cycle: CycleSeconds::default(),
            energy: EnergyMeter::start(device),
            joules_before: None,
            progress,
            began: Instant::now(),
            heard: Instant::now(),
        }
    }

    /// Counts the seconds of a step.
    pub(crate) fn count(&mut self, elapsed: Duration, advance: &Advance) {
        let seconds = elapsed.as_secs_f64();
        match advance {
            Advance::Batch => {
                self.cycle.train += seconds;
                self.progress.train_seconds += seconds;
            }
            Advance::Scored(scored) => {
                self.compress(seconds);
                let of_method = scored.map(|scored| ScoringSeconds {
                    method: scored.method,
                    all: seconds,
                    solver: scored.solve_seconds,
                });
                self.cycle.scoring.extend(of_method);
            }
            Advance::Clipped(_) => self.compress(seconds),
            Advance::NextCycle
            | Advance::Trained(_)
            | Advance::Measured(_)
            | Advance::Diverged(_)
            | Advance::Done => {}
        }
    }

    fn compress(&mut self, seconds: f64) {
        self.cycle.compress += seconds;
        self.progress.compress_seconds += seconds;
    }

    /// Counts a batch.
    pub(crate) fn count_batch(&mut self, cycle: usize, widths: Vec<usize>) {
        (self.progress.cycle, self.progress.widths) = (cycle, widths);
        self.progress.batches_done += 1;
    }

    /// Sets the number of batches of the whole run.
    pub(crate) fn plan(&mut self, batches: usize) {
        self.progress.batches = batches;
    }

    /// Returns what a clip cost the replicas of a chunk, including the training before it.
    pub(crate) fn timings(&mut self, clip: usize, replicas: &[Replica]) -> Vec<TimingRow> {
        let joules = self.joules();
        let CycleSeconds { train, compress, scoring } = &self.cycle;
        let timing = |replica: &Replica| {
            let of_method = scoring.iter().find(|seconds| seconds.method == replica.method);
            TimingRow {
                replica: replica.number,
                cycle: clip,
                train_seconds: *train,
                compress_seconds: *compress,
                joules,
                score_seconds: Some(of_method.map_or(0.0, |seconds| seconds.all)),
                solve_seconds: of_method.and_then(|seconds| seconds.solver),
            }
        };
        replicas.iter().map(timing).collect()
    }

    /// Resets the seconds for the next cycle.
    pub(crate) fn next_cycle(&mut self) {
        self.cycle = CycleSeconds::default();
    }

    /// Resets the seconds and the joules for the next chunk.
    pub(crate) fn next_chunk(&mut self) {
        self.next_cycle();
        self.joules();
    }

    /// Returns the joules since the last call.
    fn joules(&mut self) -> Option<f64> {
        Some(self.energy.lap()? + self.joules_before.take().unwrap_or(0.0))
    }

    /// Returns the progress and the cost of the run.
    pub(crate) fn progress(&mut self) -> Progress {
        // A clock before 1970 is useless: it counts as 0.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = self.progress.energy.as_ref().map_or(0.0, |energy| energy.joules);
        let energy = self.energy.energy();
        Progress {
            updated: now.as_secs_f64(),
            seconds: self.progress.seconds + self.began.elapsed().as_secs_f64(),
            energy: energy.map(|energy| Energy { joules: energy.joules + before, ..energy }),
            ..self.progress.clone()
        }
    }

    /// Returns the progress if it is time to write it again.
    pub(crate) fn heartbeat(&mut self) -> Option<Progress> {
        (self.heard.elapsed() > HEARTBEAT).then(|| {
            self.heard = Instant::now();
            self.progress()
        })
    }

    /// Returns the state for [`Meter::restore`].
    pub(crate) fn save(&mut self) -> MeterState {
        let joules_before = self.joules_before.unwrap_or(0.0);
        let cycle_joules = self.energy.since_lap().map(|joules| joules + joules_before);
        let progress = self.progress();
        MeterState {
            cycle_seconds: self.cycle.train,
            cycle_joules,
            batches_done: progress.batches_done,
            resumed: progress.resumed,
            train_seconds: progress.train_seconds,
            compress_seconds: progress.compress_seconds,
            seconds: progress.seconds,
            joules: progress.energy.map_or(0.0, |energy| energy.joules),
        }
    }

    /// Continues from a checkpoint, in a cycle whose networks have the given widths.
    pub(crate) fn restore(&mut self, state: &MeterState, cycle: usize, widths: Vec<usize>) {
        self.cycle.train = state.cycle_seconds;
        self.joules_before = state.cycle_joules;
        self.progress = Progress {
            cycle,
            widths,
            batches_done: state.batches_done,
            resumed: state.resumed + 1,
            train_seconds: state.train_seconds,
            compress_seconds: state.compress_seconds,
            seconds: state.seconds,
            energy: Some(Energy { joules: state.joules, sources: vec![] }),
            ..std::mem::take(&mut self.progress)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::Scored;

    fn replica(number: usize, method: Method) -> Replica {
        Replica { number, seed_index: number, method, seed: 0 }
    }

    #[test]
    fn every_step_is_counted_where_it_belongs() {
        let mut meter = Meter::start(&Device::flex(), Progress::default());
        let second = Duration::from_secs(1);
        let scored = Scored { method: Method::L2, solve_seconds: None };
        let solved = Scored { method: Method::DataLasso, solve_seconds: Some(0.25) };
        meter.count(2 * second, &Advance::Batch);
        meter.count(8 * second, &Advance::Diverged(vec![]));
        meter.count(Duration::ZERO, &Advance::Scored(None));
        meter.count(second, &Advance::Scored(Some(scored)));
        meter.count(3 * second, &Advance::Scored(Some(solved)));
        meter.count(second / 2, &Advance::Clipped(vec![]));
        let replicas = [replica(4, Method::L2), replica(7, Method::DataLasso)];
        let timings = meter.timings(5, &replicas);
        let expected = TimingRow {
            replica: 7,
            cycle: 5,
            train_seconds: 2.0,
            compress_seconds: 4.5,
            joules: timings[1].joules,
            score_seconds: Some(3.0),
            solve_seconds: Some(0.25),
        };
        assert_eq!(timings[1], expected);
        assert_eq!((timings[0].score_seconds, timings[0].solve_seconds), (Some(1.0), None));
        meter.next_cycle();
        let scratch = meter.timings(5, &[replica(0, Method::Scratch)]);
        assert_eq!((scratch[0].train_seconds, scratch[0].score_seconds), (0.0, Some(0.0)));
        let progress = meter.progress();
        assert_eq!((progress.train_seconds, progress.compress_seconds), (2.0, 4.5));
    }

    #[test]
    fn a_resumed_run_counts_on_top_of_what_was_counted() {
        let mut first = Meter::start(&Device::flex(), Progress::default());
        first.count(Duration::from_secs(2), &Advance::Batch);
        first.count_batch(1, vec![9]);
        let state = first.save();
        let mut second = Meter::start(&Device::flex(), Progress::default());
        second.restore(&state, 1, vec![9]);
        second.count(Duration::from_secs(3), &Advance::Batch);
        second.count_batch(1, vec![9]);
        let progress = second.progress();
        assert_eq!((progress.batches_done, progress.resumed), (2, 1));
        assert_eq!((progress.train_seconds, progress.widths), (5.0, vec![9]));
        assert_eq!(second.timings(0, &[replica(0, Method::L2)])[0].train_seconds, 5.0);
        assert!(progress.seconds >= state.seconds);
    }
}
