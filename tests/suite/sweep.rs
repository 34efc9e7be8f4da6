//! Grids of runs: what is done stays done, and one table holds all.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::support::{output, refused, small_data, small_run, succeed};

const GRID: &str = "replicas = 2\n[grid]\n\"compression.lambda\" = [0.1, 0.3]\n\
                    \"compression.keep\" = [0.8, 0.9]\n";

/// `rayclip sweep grid.toml` with the flags of a small run, into `folder/sweep`.
fn sweep(folder: &Path, data: &Path, grid: &str, extra: &[&str]) -> Vec<String> {
    fs::write(folder.join("grid.toml"), grid).unwrap();
    let mut flags = small_run(data, &[&["--out", "sweep"], extra].concat());
    "sweep".clone_into(&mut flags[0]);
    flags.insert(1, "grid.toml".into());
    flags
}

#[test]
fn finished_cells_are_skipped_and_a_larger_grid_runs_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = sweep(folder.path(), &data, GRID, &[]);
    let first = succeed(folder.path(), &flags);
    assert_eq!(first.matches("  finished").count(), 4, "{first}");
    assert!(first.contains("4 of 4 cells finished, 0 failed"), "{first}");
    let again = succeed(folder.path(), &flags);
    assert_eq!(again.matches("  skipped").count(), 4, "{again}");
    let larger = GRID.replace("0.3]", "0.3, 0.5]");
    let stdout = succeed(folder.path(), &sweep(folder.path(), &data, &larger, &[]));
    assert_eq!((stdout.matches("  skipped").count(), stdout.matches("  finished").count()), (4, 2));

    let table = folder.path().join("sweep/sweep.csv");
    let mut reader = csv::Reader::from_path(&table).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[..4], ["cell", "compression.keep", "compression.lambda", "replica"]);
    let keep = reader.records().filter(|row| &row.as_ref().unwrap()[1] == "0.9").count();
    // Three λ, two seeds, eleven clips.
    assert_eq!(keep, 3 * 2 * 11);
    assert!(fs::read(table.with_extension("arrow")).unwrap().starts_with(b"ARROW1"));
}

#[test]
fn a_cell_that_fails_is_listed_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let grid = "[grid]\n\"training.learning_rate\" = [0.001, 1e30]\n";
    let flags = sweep(folder.path(), &data, grid, &["--seeds", "0..2"]);
    for attempt in ["  finished", "  skipped"] {
        let output = output(folder.path(), &flags);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!((stdout.matches(attempt).count(), stdout.matches("  failed").count()), (1, 1));
        assert!(stdout.contains("1 of 2 cells finished, 1 failed"), "{stdout}");
        assert!(
            stderr.contains("failed: ") && stderr.contains("every replica diverged"),
            "{stderr}"
        );
    }
    let cells = fs::read_to_string(folder.path().join("sweep/cells.csv")).unwrap();
    assert!(cells.contains("0.001,finished,") && cells.contains("1e30,failed,"), "{cells}");
}

#[test]
fn two_processes_do_not_work_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    fs::create_dir_all(folder.path().join("sweep/cells")).unwrap();
    let lock = fs::File::create(folder.path().join("sweep/.lock")).unwrap();
    lock.lock().unwrap();
    let flags = sweep(folder.path(), &data, "[grid]\nseed = [1]\n", &[]);
    assert!(refused(folder.path(), &flags).contains("another process is using sweep"));
    drop(lock);
    let stdout = succeed(folder.path(), &flags);
    assert!(stdout.contains("1 of 1 cells finished"), "{stdout}");
    let header = fs::read_to_string(folder.path().join("sweep/sweep.csv")).unwrap();
    assert!(header.starts_with("cell,grid.seed,replica,method,seed,"), "{header}");
}

#[test]
fn what_is_no_sweep_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let message = |grid: &str| refused(folder.path(), &sweep(folder.path(), &data, grid, &[]));
    assert!(message("seed = 1").contains("[grid]"), "{}", message("seed = 1"));
    assert!(message("[grid]\nlamda = [1]").contains("compression.lambda"));
    let unchosen = format!("data.validation = 0.0\n{GRID}");
    assert!(message(&unchosen).contains("held out"), "{}", message(&unchosen));
    assert!(!folder.path().join("sweep").exists());
    fs::create_dir(folder.path().join("sweep")).unwrap();
    fs::write(folder.path().join("sweep/mine"), "").unwrap();
    assert!(message(GRID).contains("is not a sweep"), "{}", message(GRID));
    assert!(folder.path().join("sweep/mine").exists());
    assert!(!folder.path().join("sweep/grid.toml").exists());
}

#[test]
fn reproduce_runs_every_preset_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let recorded = folder.path().join("recorded");
    fs::create_dir(&recorded).unwrap();
    let text = "sparsity,magnitude,random,dtc\n0.1015625,0.5,0.5,0.4321\n";
    fs::write(recorded.join("accuracy.csv"), text).unwrap();
    let bytes = 7.5_f64.to_le_bytes();
    let vector = || TensorView::new(Dtype::F64, vec![1], &bytes).unwrap();
    let vectors = [("cycle_00.y_previous", vector()), ("cycle_00.y_next", vector())];
    let file = safetensors::serialize(vectors, None).unwrap();
    fs::write(recorded.join("measurements.safetensors"), file).unwrap();
    let flags = ["reproduce", "--data", data.to_str().unwrap(), "--seeds", "0..2"]
        .into_iter()
        .chain(["--recorded", "recorded", "--out", "reproduce"])
        .chain(["--set", "training.batch_size=100", "--set", "training.batches_per_cycle=2"]);
    let flags: Vec<&str> = flags.collect();
    let stdout = succeed(folder.path(), &flags);
    assert_eq!(stdout.matches("without published values").count(), 3, "{stdout}");
    assert_eq!(stdout.matches("the images are not MNIST").count(), 3, "{stdout}");
    let cycles = |preset: &str| {
        fs::metadata(folder.path().join("reproduce").join(preset).join("cycles.csv")).unwrap()
    };
    assert!(folder.path().join("reproduce/paper/report/report.html").exists());
    let before = cycles("paper").modified().unwrap();
    assert_eq!(succeed(folder.path(), &flags), stdout);
    assert_eq!(cycles("paper").modified().unwrap(), before);
    let other: Vec<&str> =
        flags.iter().map(|flag| if *flag == "0..2" { "0..3" } else { flag }).collect();
    assert!(refused(folder.path(), &other).contains("holds another run"));
    let own = [&flags[..], &["--set", "replicas=7"]].concat();
    assert!(refused(folder.path(), &own).contains("--seeds"));
}
