//! What networks learn with: rates chosen on held-out images, a larger network, copies, repairs.

use std::collections::BTreeMap;
use std::fs;

use crate::support::{cycles, refused, small_compare, small_data, succeed};

/// Flags of a short comparison with a clip to a half and one to a quarter.
const SHORT: [&str; 6] = [
    "--keep",
    "0.5",
    "--quiet",
    "--set",
    "compression.scratch_at=last",
    "--set=training.batches_per_cycle=12",
];

#[test]
fn each_method_is_compared_with_the_rate_that_held_out_images_choose() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let tuned = ["--methods", "l2,scratch", "--seeds", "0..2", "--tune", "0.01,1e-7,1e30"];
    let flags: Vec<&str> =
        tuned.into_iter().chain(SHORT).filter(|flag| *flag != "--quiet").collect();
    let stdout = succeed(folder.path(), &small_compare(&data, "run", &flags));
    assert!(stdout.contains("l2: 0.0000001 0.") && stdout.contains("; chosen 0.01"), "{stdout}");
    let config = |path: &str| -> toml::Table {
        fs::read_to_string(folder.path().join(path).join("config.toml")).unwrap().parse().unwrap()
    };
    let rates = &config("run")["training"]["learning_rate_of"];
    assert_eq!(rates.to_string(), "[\"l2=0.01\", \"scratch=0.01\"]");
    assert_eq!(config("run")["data"]["validation"].as_float(), Some(0.0));
    let tuning = config("run-tuning/0.01");
    assert_eq!(tuning["data"]["validation"].as_float(), Some(0.1));
    assert_eq!((tuning["seed"].as_integer(), tuning["replicas"].as_integer()), (Some(2), Some(3)));
    // The same command shows the finished comparison.
    let again = succeed(folder.path(), &small_compare(&data, "run", &flags));
    assert!(again.contains("; chosen 0.01"), "{again}");
    // A method trains with its rate as in a run of its own.
    let alone = ["--methods", "l2", "--seeds", "0..2", "--set", "training.learning_rate=0.01"];
    let alone: Vec<&str> = alone.into_iter().chain(SHORT).collect();
    succeed(folder.path(), &small_compare(&data, "alone", &alone));
    let of_l2 = |name: &str| -> Vec<String> {
        let rows = cycles(&folder.path().join(name)).into_iter();
        let rows = rows.filter(|row| row["method"] == "l2");
        rows.map(|row| row["accuracy_after_training"].clone()).collect()
    };
    assert_eq!(of_l2("run"), of_l2("alone"));
}

#[test]
fn a_tuning_that_would_read_what_is_tested_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let message = |flags: &[&str]| refused(folder.path(), &small_compare(&data, "run", flags));
    let seeds = ["--seeds", "0..4", "--tune", "0.01", "--tune-seeds", "3..6"];
    let text = message(&seeds);
    assert!(text.contains("--tune-seeds") && text.contains("0..4"), "{text}");
    let text = message(&["--tune", "0"]);
    assert!(text.contains("positive"), "{text}");
    let text = message(&["--set", "training.learning_rate_of=['l1=0.1']"]);
    assert!(text.contains("learning_rate_of") && text.contains("l1 is not among"), "{text}");
    let text = message(&["--methods", "l2,scratch-distilled"]);
    assert!(text.contains("scratch-distilled") && text.contains("--distill"), "{text}");
}

#[test]
fn what_follows_a_clip_changes_what_it_says_and_nothing_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = |name: &str, extra: &[&str]| {
        let own = ["--methods", "l2,scratch", "--seeds", "0..2"];
        let flags: Vec<&str> = own.into_iter().chain(SHORT).chain(extra.iter().copied()).collect();
        succeed(folder.path(), &small_compare(&data, name, &flags));
        cycles(&folder.path().join(name))
    };
    let plain = run("plain", &[]);
    let column = |rows: &[BTreeMap<String, String>], method: &str, name: &str| -> Vec<String> {
        let rows = rows.iter().filter(|row| row["method"] == method);
        rows.map(|row| row[name].clone()).collect()
    };
    for (name, flags) in [
        ("learning", &["--distill", "0.5"][..]),
        ("soup", &["--soup", "3"]),
        ("merge", &["--repair", "merge"]),
        ("rescale", &["--repair", "rescale,compensate"]),
    ] {
        let other = run(name, flags);
        let first = |rows| column(rows, "l2", "accuracy_before_clip")[0].clone();
        assert_eq!(first(&plain), first(&other), "{name}");
        let after = "accuracy_after_training";
        assert_ne!(column(&plain, "l2", after), column(&other, "l2", after), "{name}");
        // Fresh networks have as many batches as all copies together.
        let scratch = |rows| column(rows, "scratch", "batches")[0].parse::<usize>().unwrap();
        let batches = if name == "soup" { scratch(&plain) + 2 * 12 } else { scratch(&plain) };
        assert_eq!(scratch(&other), batches, "{name}");
        if name != "soup" {
            assert_eq!(column(&plain, "scratch", after), column(&other, "scratch", after));
        }
    }
    let distilled = run("distilled", &["--methods", "l2,scratch-distilled", "--distill", "0.5"]);
    assert_eq!(column(&distilled, "scratch-distilled", "batches").len(), 2);
    let report = ["report", "distilled", "--out", "report"];
    succeed(folder.path(), &report);
    let page = fs::read_to_string(folder.path().join("report/report.html")).unwrap();
    assert!(page.contains("scratch-distilled"));
}
