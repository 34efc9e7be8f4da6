//! Reports of whole runs, and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::{
    cycles, golden_data, output, refused, small_compare, small_data, small_run, succeed,
};

/// The figures of the comparison; its vectors of measurements are too short for a histogram.
const FIGURES: [&str; 8] = [
    "accuracy",
    "accuracy_closeup",
    "accuracy_after_training",
    "differences",
    "weight_rays",
    "gibbs_entropy",
    "cost",
    "loss",
];

/// A comparison, made once for all tests, which copy it.
static RUN: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--methods", "dtc,random,scratch", "--seeds", "0..3", "--quiet"];
    let own = [&own[..], &["--hidden", "60"]].concat();
    succeed(folder.path(), &small_compare(&data, "run", &own));
    folder
});

/// The comparison as `name` in a folder of the test's own, with nothing that vouches for its files: they may be
/// changed.
pub(crate) fn copy_of_run(folder: &Path, name: &str) -> PathBuf {
    let run = copy_of_sealed_run(folder, name);
    fs::remove_file(run.join("manifest.json")).unwrap();
    run
}

/// The comparison as it was finished, as `name` in a folder of the test's own.
pub(crate) fn copy_of_sealed_run(folder: &Path, name: &str) -> PathBuf {
    copy(&RUN.path().join("run"), &folder.join(name));
    folder.join(name)
}

/// A folder in which the comparison lies as `name`, with its report.
pub(crate) fn folder_with_report(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_of_run(folder.path(), name);
    succeed(folder.path(), &["report", name]);
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Exit code, stderr and page of a report that is made.
pub(crate) fn report(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = output(folder, &[&["report"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!stderr.contains("panicked") && !stdout.is_empty(), "{stderr}");
    let page = fs::read_to_string(folder.join(stdout.trim())).unwrap();
    (output.status.code(), stderr, page)
}

/// All numbers of all tables of a report.
fn numbers(report: &Path) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(report).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let mut reader = csv::Reader::from_path(path).unwrap();
            for record in reader.records() {
                let values = record.unwrap();
                numbers
                    .extend(values.iter().filter_map(|v| v.parse::<f64>().ok()).map(f64::to_bits));
            }
        }
    }
    numbers
}

fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("{name}=\"");
    page.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_whole_run_gives_a_page_that_needs_nothing_else_and_every_number_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let (code, stderr, page) = report(folder.path(), &["run", "--baseline", "random"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let out = run.join("report");
    for name in FIGURES {
        let svg = fs::read_to_string(out.join(format!("figures/{name}.svg"))).unwrap();
        assert!(page.contains(&svg), "{name} is not in the page");
        let png = fs::read(out.join(format!("figures/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 5000, "{name}");
    }
    assert!(!page.contains("class=\"gap\"") && page.len() < 200_000, "{}", page.len());
    assert!(!page.contains("<script") && attributes(&page, "src").is_empty());
    // What is linked to is not loaded.
    let known = ["https://arxiv.org/abs/2505.23869", "https://github.com/rayclip/rayclip"];
    let links = attributes(&page, "href");
    assert!(links.iter().all(|link| link.starts_with('#') || known.contains(link)), "{links:?}");
    assert!(known.iter().all(|link| links.contains(link)), "{links:?}");
    assert!(
        page.contains("Distribution of the measurements: not shown. No measurement vector has 20")
    );
    let known = numbers(&out);
    let shown = attributes(&page, "data-value");
    assert!(shown.len() > 150, "{}", shown.len());
    for value in shown {
        let bits = value.parse::<f64>().unwrap().to_bits();
        assert!(known.contains(&bits), "{value} is in no table");
    }
    for table in
        ["figures", "statistics", "differences", "entropy", "correlations", "widths", "costs"]
    {
        assert!(out.join(format!("{table}.arrow")).exists(), "{table}");
    }
    for key in ["compression.lambda", "training.batch_size", "seed"] {
        assert!(page.contains(&format!("<code>{key}</code>")), "{key}");
    }
    assert!(!page.contains("magnitude") && page.contains("scratch − random"));
    // Again, over one that was left half written: nothing of the old one is left.
    fs::remove_file(out.join("report.html")).unwrap();
    fs::remove_dir_all(run.join("rays")).unwrap();
    let (code, stderr, again) = report(folder.path(), &["run"]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("rays/cycle_00.safetensors") || stderr.contains("rays\\cycle_00"),
        "{stderr}"
    );
    assert!(again.contains("Magnitude of the weight rays: not shown"));
    assert!(!out.join("figures/weight_rays.svg").exists() && !out.join("entropy.csv").exists());
}

#[test]
fn a_report_is_the_same_however_often_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    copy_of_run(folder.path(), "run");
    let pages: Vec<String> = (0..2).map(|_| report(folder.path(), &["run"]).2).collect();
    assert_eq!(pages[0], pages[1]);
}

#[test]
fn seeds_in_two_folders_are_one_method() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = |seed: &str, out: &str| {
        let own = ["--seed", seed, "--out", out, "--quiet", "--hidden", "20"];
        succeed(folder.path(), &small_run(&data, &own));
    };
    run("0", "a");
    let (_, _, alone) = report(folder.path(), &["a"]);
    assert!(alone.contains("One seed has no interval") && !alone.contains("comparisons with"));
    fs::create_dir(folder.path().join("x")).unwrap();
    run("1", "x/a");
    let (code, stderr, page) =
        report(folder.path(), &["a", "x/a", "--tensorboard", "--out", "out"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(page.contains("over 2 seeds"));
    let out = folder.path().join("out");
    let rows = csv::Reader::from_path(out.join("costs.csv")).unwrap().records().count();
    assert_eq!(rows, 5, "a row a clip");
    for place in ["0-a/dtc-seed0", "1-a/dtc-seed1"] {
        assert!(out.join("tensorboard").join(place).exists(), "{place}");
    }
    report(folder.path(), &["a", "x/a", "--out", "out"]);
    assert!(!out.join("tensorboard").exists(), "event files of an earlier report are left");
}

#[test]
fn the_recorded_run_can_be_reported_alone() {
    let Some(data) = golden_data("report of the recorded run") else { return };
    let folder = tempfile::tempdir().unwrap();
    let recorded = data.join("dtc-reference");
    let flags = ["--recorded", recorded.to_str().unwrap(), "--out", "out"];
    let (code, _, page) = report(folder.path(), &flags);
    assert_eq!(code, Some(0));
    for published in ["0.9174", "0.9412", "0.6593", "0.8564"] {
        assert!(page.contains(&format!(">{published}<")), "{published}");
    }
    assert!(page.contains("0.8988"), "the null is missing");
    let message = refused(folder.path(), &["report", "--recorded", "nowhere"]);
    assert!(message.contains("accuracy.csv"), "{message}");
}

#[test]
fn rays_on_disk_are_those_that_were_clipped_by() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--out", "run", "--set", "compression.domain=coefficient", "--quiet"];
    succeed(folder.path(), &small_run(&data, &own));
    let run = folder.path().join("run");
    let bytes = fs::read(run.join("rays/cycle_00.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let vector = |name: &str| -> Vec<f64> {
        let tensor = file.tensor(&format!("replica_0.layer_0.{name}")).unwrap();
        tensor.data().chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let (previous, next) = (vector("ray_previous"), vector("ray_next"));
    assert_eq!((previous.len(), vector("y_previous").len(), vector("y_next").len()), (40, 4, 4));
    // Of two rays: a product with Θ, [4, 40], a piece of the path, two before it begins (one where there is
    // none), four for the certificate; and less than as much again for the active columns, 4 at most.
    let row = &cycles(&run)[0];
    let number = |name: &str| row[name].parse::<f64>().unwrap();
    let products = number("solver_flops") / (2.0 * 4.0 * 40.0);
    let most = number("solver_iterations");
    assert_eq!(row["solver"], "homotopy");
    assert!(products > (most + 6.0) + 5.0, "{products} {most}");
    assert!(products < 2.0 * 2.0 * (most + 6.0), "{products} {most}");
    // Entries of the ray sum that are not zero are kept before all others.
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("kept/cycle_00.json")).unwrap()).unwrap();
    let kept: BTreeSet<u64> = json["replicas"][0]["groups"]["layer_0"]
        .as_array()
        .unwrap()
        .iter()
        .map(|neuron| neuron.as_u64().unwrap())
        .collect();
    let sums: BTreeMap<u64, f64> = (0..)
        .zip(previous.iter().zip(&next).map(|(a, b)| a + b))
        .filter(|(_, r)| *r != 0.0)
        .collect();
    assert!((1..=8).contains(&sums.len()), "{sums:?}");
    assert!(sums.keys().all(|entry| kept.contains(entry)), "{sums:?} {kept:?}");
}

#[test]
fn event_files_are_written_while_it_runs_and_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--out", "run", "--quiet", "--tensorboard", "--replicas", "2"];
    succeed(folder.path(), &small_run(&data, &own));
    assert!(cycles(&folder.path().join("run")).iter().all(|row| row["at_once"] == "2"));
    succeed(folder.path(), &["report", "run", "--tensorboard"]);
    for seed in ["dtc-seed0", "dtc-seed1"] {
        let file = |at: &str| {
            fs::read(folder.path().join(at).join(seed).join("events.out.tfevents.0.rayclip"))
                .unwrap()
        };
        let (live, later) = (file("run/tensorboard"), file("run/report/tensorboard"));
        // But for the times in them.
        assert_eq!(live.len(), later.len());
        assert!(live.len() > 1000);
    }
}

#[test]
fn a_stranger_learns_from_the_page_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    copy_of_run(folder.path(), "run");
    let (_, _, page) = report(folder.path(), &["run"]);
    let ran = concat!("finished on flex by rayclip ", env!("CARGO_PKG_VERSION"));
    for part in [
        ran,
        " UTC, training ",
        "600 images to train on, 200 to test; 8 × 8 pixels, 10 classes; SHA-256",
        "IDX files of the folder ",
        "networks by 3 methods, with up to 3 seeds each, and made them smaller",
        "clip by clip, from 60 hidden neurons to 10.",
        "<dt>dtc</dt><dd>Dual Tomographic Compression",
        "<dt>random</dt>",
        "<dt>scratch</dt>",
        "<dt>clip</dt>",
        "<dt>y_prev, y_next</dt>",
        "hidden neurons (log scale)",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<dt>taylor</dt>"));
    // Settings of what was not used.
    for key in ["data.mean", "compression.calibration_batches", "solver.max_iterations"] {
        assert!(!page.contains(&format!("<code>{key}</code>")), "{key}");
    }
    assert!(page.contains("Settings of unused methods and solvers are left out: "));
}

#[cfg(unix)]
#[test]
fn the_command_of_the_page_repeats_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let (_, _, page) = report(folder.path(), &["run"]);
    let command = page.split("<code class=\"command\">").nth(1).unwrap();
    let command = command.split("</code>").next().unwrap();
    let command = command.replace("&quot;", "\"").replace("&lt;", "<").replace("&amp;", "&");
    assert!(
        command.starts_with("rayclip compare --preset corrected --methods dtc,random,scratch ")
    );
    let words =
        format!("set -- {}; printf '%s\\n' \"$@\"", command.strip_prefix("rayclip ").unwrap());
    let words = std::process::Command::new("sh").args(["-c", &words]).output().unwrap().stdout;
    let words = String::from_utf8(words).unwrap();
    let words: Vec<&str> = words.lines().chain(["--out", "again", "--quiet"]).collect();
    succeed(folder.path(), &words);
    for name in ["config.toml", "cycles.csv"] {
        let read = |run: &Path| fs::read_to_string(run.join(name)).unwrap();
        assert_eq!(read(&run), read(&folder.path().join("again")), "{command}");
    }
}

#[test]
fn a_run_of_one_method_begins_with_accuracy_against_size_and_built_in_digits_are_synthetic() {
    let folder = tempfile::tempdir().unwrap();
    let quick = ["run", "--hidden", "40", "--device", "flex", "--out", "run"];
    let few = ["--set", "training.batches_per_cycle=2", "--set", "training.batch_size=64"];
    let stdout = succeed(folder.path(), &[&quick[..], &few].concat());
    assert!(stdout.contains("test accuracy on synthetic digits"), "{stdout}");
    let stdout = succeed(folder.path(), &["compare", "run"]);
    assert!(stdout.contains("test accuracy on synthetic digits"), "{stdout}");
    let (code, stderr, page) = report(folder.path(), &["run"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(page.contains("<h1>dtc on synthetic digits</h1>"));
    assert!(page.contains("drawn by rayclip from strokes") && !page.contains("on digits"));
    let main = page.split("<main>").nth(1).unwrap();
    let first = "<h2 id=\"accuracy\">Accuracy against size</h2>\
                 <figure id=\"figure-accuracy_after_training\">";
    assert!(main.starts_with(first), "{}", &main[..200]);
    assert!(!page.contains("What can be told apart"));
    // Forty neurons never come to a fifth of them; the close-up has the lower half.
    assert!(page.contains("a close-up of 19 neurons and fewer"));
}
