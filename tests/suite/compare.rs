//! Several methods and seeds in one run: equal to the runs alone, and summed up rightly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::{
    cycles, output, refused, small_compare, small_data, small_run, succeed, summary,
};

/// All methods, and some variants of `dtc`.
const METHODS: &str = "dtc,dtc-coefficient,dtc-l2,dtc-changes,dtc-activations,magnitude,l1,l2,random,taylor,activation,\
                       data-lasso,folding,scratch";

/// Rows without what time and the rest of the batch have to do with, by method, seed, cycle and group.
fn results(run: &Path) -> BTreeMap<[String; 4], BTreeMap<String, String>> {
    let key = |row: &BTreeMap<String, String>| {
        ["method", "seed", "cycle", "group"].map(|name| row[name].clone())
    };
    cycles(run)
        .into_iter()
        .map(|row| {
            let beside = ["replica", "at_once", "joules"];
            let kept = row
                .iter()
                .filter(|(name, _)| !name.ends_with("seconds") && !beside.contains(&name.as_str()));
            (key(&row), kept.map(|(name, value)| (name.clone(), value.clone())).collect())
        })
        .collect()
}

fn weights(run: &Path) -> Vec<u8> {
    fs::read(run.join("network.safetensors")).unwrap()
}

/// Seeds 3 to 5 of `methods` all at once, four at once, and seed 4 of every method alone; `rungs` are the
/// rows that a seed of all methods has.
fn alone_and_together(device: &str, methods: &str, rungs: usize, flags: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = [&["--device", device, "--set", "data.validation=0.2"], flags].concat();
    let together = |at_once: &str| {
        let own = ["--methods", methods, "--seeds", "3..6", "--at-once", at_once, "--quiet"];
        let out = folder.path().join(at_once);
        let own = [&flags[..], &own].concat();
        succeed(folder.path(), &small_compare(&data, out.to_str().unwrap(), &own));
        (results(&out), weights(&out))
    };
    let (all, network) = together("100");
    assert_eq!(all.len(), 3 * rungs);
    let (few, network_of_few) = together("4");
    assert_eq!(all, few);
    assert!(network == network_of_few, "networks differ on {device}");
    for method in methods.split(',') {
        let own = ["--method", method, "--seed", "4", "--out", method];
        succeed(folder.path(), &small_run(&data, &[&flags[..], &own].concat()));
        let alone = results(&folder.path().join(method));
        let of_all = all.iter().filter(|(key, _)| key[0] == method && key[1] == "4");
        let of_all = of_all.map(|(key, row)| (key.clone(), row.clone())).collect();
        assert_eq!(alone, of_all, "{method} on {device}");
    }
    // Run one by one, they went down one ladder.
    let folders: Vec<&str> = std::iter::once("compare").chain(methods.split(',')).collect();
    succeed(folder.path(), &folders);
}

#[test]
fn every_replica_is_the_run_alone_whatever_it_trains_beside() {
    for device in ["flex", "ndarray"] {
        // Thirteen methods at every clip of the ladder 18, 16, 14, 12, 10; scratch at the first and the last.
        alone_and_together(device, METHODS, 13 * 5 + 2, &["--hidden", "20"]);
    }
}

#[test]
fn so_it_is_with_several_layers_biases_and_refits() {
    let flags = ["--hidden", "20,14", "--compensate", "--moments", "reset"];
    let set = ["--set", "network.bias=true", "--set", "training.order=sequential"];
    // Five clips of 20 neurons, two of 14; scratch at the first and the last, both layers.
    alone_and_together(
        "flex",
        "dtc,data-lasso,scratch",
        2 * (5 + 2) + 2 * 2,
        &[&flags[..], &set].concat(),
    );
}

#[test]
fn scratch_is_a_fresh_network_trained_as_long_as_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = |name: &str, flags: &[&str]| {
        let flags = [&["--out", name, "--seed", "4"], flags].concat();
        succeed(folder.path(), &small_run(&data, &flags));
        cycles(&folder.path().join(name))
    };
    // The fifth clip leaves ten of 20 neurons, after five cycles of 30 batches.
    let scratch = run("scratch", &["--hidden", "20", "--method", "scratch"]);
    let last = scratch.last().unwrap();
    assert_eq!((last["cycle"].as_str(), last["width_after"].as_str()), ("4", "10"));
    for (cycles, column) in [(5, "accuracy_after_clip"), (6, "accuracy_after_training")] {
        let batches = format!("training.batches_per_cycle={}", 30 * cycles);
        let whole = ["--hidden", "10", "--set", "compression.min_width=9", "--set", &batches];
        let ten = run(column, &whole);
        assert_eq!(last[column], ten[0]["accuracy_before_clip"], "{column}");
    }
}

#[test]
fn scratch_spends_what_its_budget_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let spent = |budget: &str, column: &str| {
        let run = folder.path().join(budget);
        if !run.exists() {
            let methods = ["--methods", "l2,scratch", "--seeds", "0", "--keep", "0.5"];
            let own = ["--budget", budget, "--set", "compression.scratch_at=last", "--quiet"];
            let flags = [&methods[..], &own].concat();
            succeed(folder.path(), &small_compare(&data, run.to_str().unwrap(), &flags));
        }
        let rows = cycles(&run);
        let of = |row: &BTreeMap<String, String>| row[column].parse::<f64>().unwrap();
        let clipped: Vec<f64> = rows.iter().filter(|row| row["method"] == "l2").map(of).collect();
        let [scratch] =
            rows.iter().filter(|row| row["method"] == "scratch").map(of).collect::<Vec<_>>()[..]
        else {
            panic!("{budget}")
        };
        (clipped[0], clipped[clipped.len() - 1], scratch)
    };
    let (_, clipped, scratch) = spent("batches", "batches");
    assert_eq!(clipped, scratch);
    let (_, clipped, scratch) = spent("operations", "batches");
    assert!(scratch > 1.5 * clipped, "{scratch} {clipped}");
    // The last batch of an epoch is smaller, and every cycle is rounded up to a whole batch.
    let (_, clipped, scratch) = spent("operations", "training_flops");
    assert!((scratch / clipped - 1.0).abs() < 0.05, "{scratch} {clipped}");
    let (first, clipped, scratch) = spent("parent", "training_flops");
    assert!((scratch / (clipped - first) - 1.0).abs() < 0.05, "{scratch} {clipped} {first}");
}

#[test]
fn a_target_on_the_command_line_replaces_that_of_a_preset() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = folder.path().join("run");
    let short = ["--set", "training.first_batches=[2]", "--set", "training.final_batches=2"];
    let own = ["--preset", "recipe-batches", "--seeds", "0", "--target-macs", "0.5", "--quiet"];
    let flags = [&short[..], &own].concat();
    succeed(folder.path(), &small_compare(&data, run.to_str().unwrap(), &flags));
    let rows = cycles(&run);
    let methods: BTreeSet<&str> = rows.iter().map(|row| row["method"].as_str()).collect();
    assert_eq!(methods, ["l2", "random", "scratch"].into());
    // Half of 40 neurons, where the preset keeps a twentieth of the parameters.
    assert_eq!(rows.last().unwrap()["width_after"], "20");
    let two = ["--set", "compression.target_parameters=0.5"];
    let flags = [&flags[..], &two].concat();
    let again = small_compare(&data, "again", &flags);
    let message = refused(folder.path(), &again);
    assert!(message.contains("give one target"), "{message}");
}

#[test]
fn options_change_what_they_say_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = |name: &str, extra: &[&str]| {
        let own = ["--methods", "dtc,random", "--seeds", "0..2", "--quiet"];
        succeed(folder.path(), &small_compare(&data, name, &[&own[..], extra].concat()));
        results(&folder.path().join(name))
    };
    let plain = run("plain", &[]);
    let changed = |other: &BTreeMap<[String; 4], BTreeMap<String, String>>, method: &str| {
        plain.iter().any(|(key, row)| key[0] == method && other[key] != *row)
    };
    let shared = run("shared", &["--shared-measurements"]);
    assert!(changed(&shared, "dtc") && !changed(&shared, "random"));
    let reset = run("reset", &["--moments", "reset"]);
    assert!(changed(&reset, "dtc") && changed(&reset, "random"));
    let refitted = run("refitted", &["--compensate", "--set", "network.bias=true"]);
    let bias = run("bias", &["--set", "network.bias=true"]);
    let mean = |of: &BTreeMap<[String; 4], BTreeMap<String, String>>| {
        let values = of.values().map(|row| row["accuracy_after_clip"].parse::<f64>().unwrap());
        values.sum::<f64>() / of.len() as f64
    };
    assert!(mean(&refitted) > mean(&bias) + 0.01, "{} {}", mean(&refitted), mean(&bias));
}

#[test]
fn the_files_of_a_comparison_hold_what_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--methods", "dtc,random,scratch", "--seeds", "0..4"];
    let stdout = succeed(folder.path(), &small_compare(&data, "run", &own));
    assert!(stdout.contains("− dtc") && stdout.contains("of 6 comparisons with dtc, "), "{stdout}");
    // What one would use comes first; scratch is nothing to compare a damaged network with.
    let after_training = stdout.find(" after the training that follows, ").unwrap();
    let after_clip = stdout.find(" right after the clip, ").unwrap();
    assert!(after_training < after_clip, "{stdout}");
    assert!(stdout[after_clip..].contains("of 3 comparisons with dtc, "), "{stdout}");
    assert!(stdout.contains("for all 9 comparisons with dtc hold jointly"), "{stdout}");
    assert!(stdout.contains("test images alone give an accuracy a standard error"), "{stdout}");
    let run = folder.path().join("run");
    let table = |name: &str| -> Vec<BTreeMap<String, String>> {
        let rows = csv::Reader::from_path(run.join(name)).unwrap().into_deserialize();
        rows.map(Result::unwrap).collect()
    };
    let statistics = table("statistics.csv");
    let rows = cycles(&run);
    for statistic in &statistics {
        let values: Vec<f64> = rows
            .iter()
            .filter(|row| {
                row["method"] == statistic["method"] && row["cycle"] == statistic["cycle"]
            })
            .map(|row| row[&statistic["measure"]].parse().unwrap())
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert_eq!(values.len(), 4);
        assert!((mean - statistic["mean"].parse::<f64>().unwrap()).abs() < 1e-12);
    }
    // Two measures of two methods at 11 clips, and of scratch at three.
    assert_eq!(statistics.len(), 2 * (2 * 11 + 3));
    // After training both with each other and with scratch, right after the clip with each other alone.
    assert_eq!(table("differences.csv").len(), 2 * (11 + 2 * 3) + 2 * 11);
    for name in ["cycles", "statistics", "differences"] {
        let arrow = fs::read(run.join(name).with_extension("arrow")).unwrap();
        assert!(arrow.starts_with(b"ARROW1"), "{name}");
    }
    // What is set by key is not overruled by a default of the command.
    let quick = ["--quiet", "--set", "replicas=2", "--set", "training.batches_per_cycle=1"];
    succeed(folder.path(), &small_compare(&data, "two", &quick));
    assert_eq!(summary(&folder.path().join("two"))["replicas"].as_array().unwrap().len(), 3 * 2);
    // The folder repeats itself, and compares with others.
    succeed(folder.path(), &["run", "--config", "run/config.toml", "--out", "again", "--quiet"]);
    assert_eq!(results(&run), results(&folder.path().join("again")));
    let json = succeed(folder.path(), &["compare", "run", "--json", "--baseline", "random"]);
    let from_random = table("differences.csv");
    let from_random = from_random.iter().filter(|row| row["baseline"] == "random").count();
    assert_eq!(json.lines().count(), statistics.len() + from_random);
}

#[test]
fn a_replica_that_diverges_is_frozen_and_the_others_go_on_as_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    // Where f32 overflows depends on the processor: some step size breaks some seeds and not others.
    for (attempt, rate) in ["3e16", "5e16", "6e16", "7e16", "8e16", "9e16"].iter().enumerate() {
        let rate = format!("training.learning_rate={rate}");
        let name = format!("run-{attempt}");
        let own = ["--methods", "random", "--seeds", "0..12", "--set", &rate];
        let output = output(folder.path(), &small_compare(&data, &name, &own));
        let run = folder.path().join(&name);
        let replicas = summary(&run)["replicas"].as_array().unwrap().clone();
        let diverged = |replica: &&serde_json::Value| replica["outcome"] == "diverged";
        let frozen = replicas.iter().filter(diverged).count();
        if frozen == 0 || frozen == replicas.len() {
            continue;
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.matches("frozen: replica").count(), frozen, "{stderr}");
        assert_eq!(stderr.matches("missing: replica").count(), frozen, "{stderr}");
        let survivor = replicas.iter().find(|replica| !diverged(replica)).unwrap();
        let seed = survivor["seed"].to_string();
        let own = ["--method", "random", "--seed", &seed, "--out", "alone", "--set", &rate];
        succeed(folder.path(), &small_run(&data, &own));
        let all = results(&run);
        let of_all = all.into_iter().filter(|(key, _)| key[1] == seed).collect();
        assert_eq!(results(&folder.path().join("alone")), of_all);
        return;
    }
    panic!("no step size broke some of the seeds only");
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let message = |extra: &[&str]| refused(folder.path(), &small_compare(&data, "refused", extra));
    for (flags, parts) in [
        (&["--seeds", "5..5"][..], &["--seeds", "no seed"][..]),
        (&["--seeds", "many"], &["--seeds", "0..20"]),
        (&["--methods", "dtc,dtcc"], &["--methods", "dtcc", "data-lasso"]),
        (&["--methods", "dtc,dtc"], &["dtc is named twice"]),
        (&["--baseline", "l2"], &["--baseline l2", "magnitude"]),
        (&["--at-once", "0"], &["--at-once", "at least 1"]),
        (&["--validation", "1.5"], &["--validation", "below 1"]),
        (
            &["--methods", "scratch", "--set", "compression.scratch_at=[77]"],
            &["scratch_at", "77", "ladder"],
        ),
        (&["--methods", "scratch", "--set", "compression.scratch_at=[]"], &["list is empty"]),
        (&["--set", "compression.scratch_at=some"], &["scratch_at", "halvings"]),
    ] {
        let message = message(flags);
        for part in parts {
            assert!(message.contains(part), "{flags:?}: {message}");
        }
        assert!(!folder.path().join("refused").exists(), "{flags:?}");
    }
    let run = |name: &str, extra: &[&str]| {
        let quick = ["--out", name, "--quiet", "--set", "training.batches_per_cycle=1"];
        succeed(folder.path(), &small_run(&data, &[&quick[..], extra].concat()));
    };
    run("first", &[]);
    run("narrow", &["--hidden", "30"]);
    run("faster", &["--set", "compression.keep=0.8", "--seed", "9"]);
    run("lambda", &["--set", "compression.lambda=0.5"]);
    let message = |second: &str| refused(folder.path(), &["compare", "first", second]);
    assert!(message("narrow").contains("ladders differ: [40] neurons"), "{}", message("narrow"));
    assert!(message("faster").contains("[36] neurons after clip 0"), "{}", message("faster"));
    assert!(
        message("nowhere").contains("nowhere is not the folder of a run"),
        "{}",
        message("nowhere")
    );
    let output = output(folder.path(), &["compare", "first", "lambda"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("compression.lambda: 0.3 | 0.5"), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("− dtc (first)"));
    // Other images under the same names.
    let labels = data.join("test-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    let last = bytes.last_mut().unwrap();
    *last = (*last + 1) % 10;
    fs::write(&labels, bytes).unwrap();
    run("relabelled", &[]);
    assert!(message("relabelled").contains("their data differ"), "{}", message("relabelled"));
}

#[test]
fn the_margin_says_what_counts_as_equal() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own = ["--methods", "random,l2,scratch", "--seeds", "0..3", "--quiet"];
    succeed(folder.path(), &small_compare(&data, "run", &own));
    let verdicts = |margin: &str| -> Vec<String> {
        let flags = ["compare", "run", "--margin", margin, "--json"];
        let rows = succeed(folder.path(), &flags);
        let rows = rows.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
        let all = rows.filter(|row| row["event"] == "difference" && !row["verdict"].is_null());
        all.map(|row| row["verdict"].as_str().unwrap().to_owned()).collect()
    };
    let (wide, narrow) = (verdicts("0.999"), verdicts("1e-9"));
    assert!(wide.iter().any(|verdict| verdict == "equal"), "{wide:?}");
    assert!(!narrow.iter().any(|verdict| verdict == "equal"), "{narrow:?}");
    assert_eq!(wide.len(), narrow.len());
    succeed(folder.path(), &["report", "run", "--margin", "0.9", "--out", "page"]);
    let page = fs::read_to_string(folder.path().join("page/report.html")).unwrap();
    assert!(page.contains("equal within 0.9"), "the page keeps its own margin");
    // What was just clipped is held against no network that was trained: only after training.
    let headline = page.split("id=\"shows\"").nth(1).unwrap().split("</div>").next().unwrap();
    succeed(folder.path(), &["report", "run", "--baseline", "scratch", "--out", "page"]);
    let page = fs::read_to_string(folder.path().join("page/report.html")).unwrap();
    let of_scratch = page.split("id=\"shows\"").nth(1).unwrap().split("</div>").next().unwrap();
    let counted = |text: &str| text.matches("comparisons with").count();
    assert_eq!((counted(headline), counted(of_scratch)), (2, 1), "{of_scratch}");
    assert!(of_scratch.contains("After the training that follows: of "), "{of_scratch}");
    for bad in ["0", "-0.1", "1", "half"] {
        let message = refused(folder.path(), &["compare", "run", "--margin", bad]);
        assert!(message.contains("--margin") && message.contains("0.005"), "{message}");
    }
}
