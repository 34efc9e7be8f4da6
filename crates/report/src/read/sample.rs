//! Builds runs for tests.

use rayclip_run_folder::presets::{Layers, Setting, resolve};
use rayclip_run_folder::read::Groups;
use rayclip_run_folder::{
    CycleRow, DataSummary, Outcome, ReplicaSummary, RunConfig, Summary, TimingRow,
};
use toml::Table;

use crate::read::run::Run;

/// Returns a row of the group `layer_0`.
pub(crate) fn clip(
    replica: usize,
    cycle: usize,
    before: usize,
    after: usize,
    accuracy: f64,
) -> CycleRow {
    CycleRow {
        replica,
        method: "dtc".into(),
        seed: replica as u64,
        cycle,
        group: "layer_0".into(),
        width_before: before,
        width_after: after,
        sparsity: 0.0,
        accuracy_before_clip: Some(0.9),
        accuracy_after_clip: accuracy,
        accuracy_after_training: (cycle < 2).then_some(0.8),
        train_loss: Some(0.5),
        parameters: after * 10,
        at_once: Some(2),
        ..CycleRow::default()
    }
}

/// Returns a run with these clips of a group of 100 neurons. Each cycle took 2 and 0.5 seconds.
pub(crate) fn run_of(rows: Vec<CycleRow>) -> Run {
    let timing = |row: &CycleRow| {
        let (replica, cycle) = (row.replica, row.cycle);
        let seconds =
            TimingRow { train_seconds: 2.0, compress_seconds: 0.5, ..TimingRow::default() };
        ((cycle, replica), TimingRow { replica, cycle, ..seconds })
    };
    let summary = summary();
    Run {
        folder: "run".into(),
        config: Table::new(),
        settings: None,
        timings: rows.iter().map(timing).collect(),
        rows,
        groups: Groups::of_summary(&summary),
        data: summary.data.clone(),
        missing: vec![],
        summary: Some(summary),
        progress: None,
    }
}

/// Returns the summary of a network 10 → 100 → 2.
pub(crate) fn summary() -> Summary {
    Summary {
        version: env!("CARGO_PKG_VERSION").into(),
        outcome: Outcome::Finished,
        error: None,
        without: vec![],
        device: "flex".into(),
        clips: None,
        groups: vec!["layer_0".into()],
        widths_before: vec![100],
        widths: vec![],
        parameters_before: 1000,
        parameters_after: None,
        bytes_before: Some(4000),
        macs_before: Some(1200),
        data: DataSummary {
            digest: "0".into(),
            test: 10_000,
            train: Some(15),
            image_shape: Some(vec![2, 5]),
            classes: Some(2),
            ..DataSummary::unknown("d".into())
        },
        replicas: vec![],
        progress: rayclip_run_folder::Progress::default(),
    }
}

/// Returns a finished replica.
pub(crate) fn replica(replica: usize, method: &str) -> ReplicaSummary {
    ReplicaSummary {
        replica,
        method: method.into(),
        seed: 0,
        outcome: Outcome::Finished,
        divergence: None,
        accuracy_before: None,
        validation_before: None,
        stopped_at: None,
        accuracy_after: None,
        network: None,
    }
}

/// Returns the default configuration with some keys set, `key=value`.
pub(crate) fn config(settings: &[&str]) -> RunConfig {
    let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
    resolve(&Layers { settings, ..Layers::default() }).unwrap()
}

/// Returns a run with these settings.
pub(crate) fn with_settings(run: Run, settings: &[&str]) -> Run {
    let config = config(settings);
    Run { config: Table::try_from(&config).unwrap(), settings: Some(config), ..run }
}
