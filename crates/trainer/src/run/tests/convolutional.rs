//! Runs of a convolutional network from a file, with everything that training can have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rayclip_run_folder::{CycleRow, Outcome, ladder, read};

use super::*;
use crate::run::Reached;

/// A residual network with a normalisation, a gate, a concatenation and a dropout.
const GRAPH: &str = r#"
input = { height = 2, width = 3, channels = 1 }
nodes = [
    { name = "stem", op = { conv2d = { outputs = 6, kernel = 3, padding = 1, bias = false } } },
    { name = "norm", op = { batch_norm = {} } },
    { name = "relu", op = "relu" },
    { name = "inner", op = { conv2d = { outputs = 6, kernel = [1, 3], padding = [0, 1] } } },
    { name = "add", op = "add", inputs = ["inner", "relu"] },
    { name = "own", op = { depthwise_conv2d = { kernel = 2 } }, inputs = ["add"] },
    { name = "mean", op = "global_average_pool" },
    { name = "squeeze", op = { linear = { outputs = 6 } } },
    { name = "gate", op = "sigmoid" },
    { name = "gated", op = "mul", inputs = ["own", "gate"] },
    { name = "side", op = { conv2d = { outputs = 5, kernel = 2 } }, inputs = ["add"] },
    { name = "both", op = "concat", inputs = ["gated", "side"] },
    { name = "flat", op = "flatten" },
    { name = "drop", op = { dropout = { probability = 0.3 } } },
    { name = "scores", op = { linear = { outputs = 3 } } },
]
"#;

/// As [`crate::run::resolve`], on flex.
pub(super) fn resolve(
    config: &mut RunConfig,
    dataset: &Dataset,
    folder: Option<&Path>,
) -> Result<Option<Reached>, TrainerError> {
    let device = &mut || Ok(Device::flex());
    Ok(crate::run::resolve(config, dataset, folder, device)?.reached)
}

pub(super) fn config(parent: &Path, more: &[&str]) -> RunConfig {
    let file = parent.join("network.toml");
    fs::write(&file, GRAPH).unwrap();
    let name = format!("network.name={}", file.display());
    let settings = [
        &name,
        "training.optimizer=sgd",
        "training.nesterov=true",
        "training.learning_rate=0.01",
        "training.weight_decay=0.001",
        "training.schedule=cosine",
        "training.warmup=2",
        "training.label_smoothing=0.1",
        "training.clip_norm=1.0",
        "training.shift=1",
        "training.flip=true",
        "training.first_batches=[4]",
        "training.final_batches=5",
        "compression.methods=['dtc', 'taylor', 'scratch']",
        "compression.compensate=true",
    ];
    let settings: Vec<&str> = settings.into_iter().chain(more.iter().copied()).collect();
    let mut config = super::config(&settings);
    resolve(&mut config, &dataset(), None).unwrap();
    config.validate().unwrap();
    config
}

#[test]
fn a_run_that_was_ended_after_any_batch_ends_as_one_that_was_not() {
    let parent = tempfile::tempdir().unwrap();
    let config = config(parent.path(), &[]);
    assert_eq!(config.network.groups, ["stem", "side"]);
    let (summary, expected) = ends_the_same_however_often_it_is_ended(&config, parent.path());
    assert_eq!(summary.widths_before, [6, 5]);
    assert_eq!(summary.widths, [2, 2]);
    assert!(expected.contains_key(Path::new("graph.json")));
}

/// Ends a run after every third batch and lets it go on. Returns how the run ends that is not ended, and its files.
fn ends_the_same_however_often_it_is_ended(
    config: &RunConfig,
    parent: &Path,
) -> (Summary, BTreeMap<PathBuf, Vec<u8>>) {
    let whole = parent.join("whole");
    let (summary, Ending { batches, .. }) = resume(config, &whole, None);
    let (summary, expected) = (summary.unwrap(), files_of(&whole));
    assert_eq!(summary.outcome, Outcome::Finished);
    assert!(batches > 10, "{batches}");
    for after in (1..batches).step_by(3) {
        let path = parent.join(format!("{after}"));
        let (summary, _) = resume(config, &path, Some(after));
        assert_eq!(summary.unwrap().outcome, Outcome::Interrupted);
        let (summary, _) = resume(config, &path, None);
        assert_eq!(summary.unwrap().outcome, Outcome::Finished);
        assert!(files_of(&path) == expected, "interrupted after batch {after}");
    }
    (summary, expected)
}

pub(super) fn rows(run: &Path) -> Vec<CycleRow> {
    let rows = fs::read(run.join(paths::CYCLES)).unwrap();
    rayclip_run_folder::csv::from_csv(&rows).unwrap()
}

#[test]
fn with_a_global_ranking_networks_of_one_size_have_widths_of_their_own() {
    let parent = tempfile::tempdir().unwrap();
    let methods = "compression.methods=['l2', 'taylor', 'dtc', 'scratch']";
    let more = [
        methods,
        "compression.ranking=global",
        "compression.compensate=false",
        "compression.min_width=1",
        "compression.target_macs=0.5",
        "compression.steps=2",
        "compression.scratch_at=all",
    ];
    let config = config(parent.path(), &more);
    let (summary, expected) = ends_the_same_however_often_it_is_ended(&config, parent.path());
    let rows = rows(&parent.path().join("whole"));
    let ladder = ladder(&config);
    let mut widths: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for row in &rows {
        widths.entry((row.cycle, row.replica)).or_default().push(row.width_after);
    }
    // `scratch` has the widths of the ladder, and rows of the groups that are narrower than the first.
    let first_scratch = 3 * config.replicas;
    for ((cycle, replica), widths) in &widths {
        let own = ladder[*cycle].iter().zip(&summary.widths_before);
        let own: Vec<usize> = own.filter(|(own, first)| own < first).map(|(own, _)| *own).collect();
        assert!(*replica < first_scratch || *widths == own, "{cycle} {replica}");
    }
    for row in &rows {
        let of_ladder = |other: &&CycleRow| other.cycle == row.cycle && other.is_scratch();
        let most = rows.iter().find(of_ladder).unwrap().macs;
        assert!(row.macs <= most, "{} {}: {:?} {most:?}", row.cycle, row.replica, row.macs);
    }
    let of_first: BTreeSet<&Vec<usize>> =
        widths.iter().filter(|((cycle, _), _)| *cycle == 0).map(|(_, widths)| widths).collect();
    assert!(of_first.len() > 1, "{widths:?}");
    // A file of all networks needs networks of one shape; each has a file of its own.
    assert!(summary.replicas.iter().all(|replica| replica.network.is_none()));
    assert!(!expected.contains_key(Path::new(paths::WEIGHTS)));
    let last = paths::network(config.compression.methods[0], 1, Some(ladder.len() - 1));
    assert!(expected.contains_key(Path::new(&last)), "{last}");
    // A replica is the same in a run of its own.
    let mut alone = config.clone();
    alone.replicas = 1;
    alone.compression.methods.truncate(1);
    let path = parent.path().join("alone");
    resume(&alone, &path, None).0.unwrap();
    let own = self::rows(&path);
    let same = rows.iter().filter(|row| row.replica == 0).zip(&own).all(|(row, own)| row == own);
    assert!(same && !own.is_empty());
}

#[test]
fn widths_that_come_from_timings_are_those_of_the_run_that_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("run");
    let mut first = config(parent.path(), &[]);
    first.compression.target_latency = 0.5;
    first.compression.ladder = vec![vec![4, 5], vec![3, 4]];
    resume(&first, &path, Some(2)).0.unwrap();
    let mut again = first.clone();
    again.compression.ladder = vec![];
    let never = &mut || panic!("nothing is timed");
    let resolved = crate::run::resolve(&mut again, &dataset(), Some(&path), never).unwrap();
    assert_eq!(resolved.reached, None);
    assert_eq!(again, first);
    // Another target has widths of its own. This one cannot be reached.
    again.compression.target_latency = 1e-9;
    let refused = resolve(&mut again, &dataset(), Some(&path)).unwrap_err().to_string();
    assert!(refused.contains("0.000000001 ms cannot be reached"), "{refused}");
}

#[test]
fn every_criterion_ranks_channels() {
    let parent = tempfile::tempdir().unwrap();
    let methods = [
        "dtc",
        "dtc-coefficient-l2",
        "magnitude",
        "l1",
        "l2",
        "taylor",
        "activation",
        "data-lasso",
        "random",
    ];
    let methods = format!("compression.methods={methods:?}");
    let config = config(parent.path(), &[&methods]);
    let path = parent.path().join("run");
    let (summary, _) = resume(&config, &path, None);
    assert_eq!(summary.unwrap().outcome, Outcome::Finished);
    let rows = rows(&path);
    for method in &config.compression.methods {
        let of_method = rows.iter().filter(|row| row.method == method.to_string());
        let groups: BTreeSet<&str> = of_method.map(|row| row.group.as_str()).collect();
        assert_eq!(groups, BTreeSet::from(["side", "stem"]), "{method}");
    }
    assert!(read::kept(&path, 0).is_ok());
}

#[test]
fn a_copy_of_the_graph_serves_when_the_file_is_gone() {
    let parent = tempfile::tempdir().unwrap();
    let config = config(parent.path(), &[]);
    let path = parent.path().join("run");
    resume(&config, &path, Some(2)).0.unwrap();
    let file = parent.path().join("network.toml");
    fs::remove_file(&file).unwrap();
    assert_eq!(resume(&config, &path, None).0.unwrap().outcome, Outcome::Finished);
}

#[test]
fn another_graph_under_the_same_name_is_another_run() {
    let parent = tempfile::tempdir().unwrap();
    let config = config(parent.path(), &[]);
    let path = parent.path().join("run");
    resume(&config, &path, Some(2)).0.unwrap();
    let changed = GRAPH.replace("outputs = 5", "outputs = 7");
    fs::write(parent.path().join("network.toml"), changed).unwrap();
    // As `run` asks for it: nothing is recorded yet, so the copy in the folder does not count.
    let mut asked = config.clone();
    asked.network.digest = String::new();
    resolve(&mut asked, &dataset(), Some(&path)).unwrap();
    assert_eq!(asked.network.widths, [6, 7]);
    let refused = Found::of(&path, &asked).unwrap_err().to_string();
    assert!(refused.contains("network.digest"), "{refused}");
    // As `resume` asks for it: the copy counts, unless it was changed.
    let mut recorded = config.clone();
    resolve(&mut recorded, &dataset(), Some(&path)).unwrap();
    assert_eq!(recorded, config);
    let copy = fs::read_to_string(path.join(paths::GRAPH)).unwrap();
    fs::write(path.join(paths::GRAPH), copy.replace("0.3", "0.4")).unwrap();
    let refused = resolve(&mut recorded, &dataset(), Some(&path)).unwrap_err().to_string();
    assert!(refused.contains("graph.json has changed since the run began"), "{refused}");
}

#[test]
fn a_network_that_does_not_fit_is_refused_by_its_name() {
    let parent = tempfile::tempdir().unwrap();
    let mut config = config(parent.path(), &[]);
    let mut refused = |name: &str| {
        config.network.name = name.to_owned();
        resolve(&mut config, &dataset(), None).unwrap_err().to_string()
    };
    let unknown = refused("lenet");
    assert!(unknown.contains("lenet") && unknown.contains("did you mean `lenet5`?"), "{unknown}");
    let small = refused("lenet5");
    assert!(small.contains("slides a window of 5 × 5"), "{small}");
    let file = parent.path().join("network.toml");
    let mut changed = |from: &str, to: &str| {
        fs::write(&file, GRAPH.replace(from, to)).unwrap();
        refused(file.to_str().unwrap())
    };
    let classes = changed("outputs = 3", "outputs = 4");
    assert!(classes.contains("gives 4 channels, but the images have 3 classes"), "{classes}");
    let wide = changed("width = 3", "width = 4");
    assert!(wide.contains("reads 1 channels at 2 × 4 positions, but the images have"), "{wide}");
    let turned = changed("height = 2, width = 3", "height = 3, width = 2");
    assert!(turned.contains("reads 1 channels at 3 × 2 positions"), "{turned}");
    let unequal = changed("outputs = 6, kernel = [1, 3]", "outputs = 4, kernel = [1, 3]");
    assert!(unequal.contains("node add adds values of different shapes"), "{unequal}");
}
