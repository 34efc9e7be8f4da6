//! The preset `supplement` on MNIST against the paper's Table I.

use std::collections::BTreeMap;

use rayclip_report::{Series, lowess};

use crate::support::{cycles, golden_data, succeed, summary};

/// Smoothed accuracies may differ by this much; below sparsity 0.90 one run is noise.
const TOLERANCE: f64 = 0.02;
const LAST_SPARSITY: f64 = 0.90;

#[test]
fn smoothed_accuracies_follow_table_1() {
    let Some(data) = golden_data("golden supplement") else { return };
    let mnist = data.join("mnist");
    let folder = tempfile::tempdir().unwrap();
    let published: Vec<BTreeMap<String, f64>> =
        csv::Reader::from_path(data.join("dtc-reference/table1.csv"))
            .unwrap()
            .deserialize()
            .map(Result::unwrap)
            .collect();
    for method in ["magnitude", "random", "dtc"] {
        let out = folder.path().join(method);
        let flags = ["run", "--preset", "supplement", "--device", "flex", "--quiet", "--method"];
        let places = ["--data", mnist.to_str().unwrap(), "--out", out.to_str().unwrap()];
        succeed(folder.path(), &[&flags[..], &[method], &places].concat());
        let column = |name: &str| -> Vec<f64> {
            cycles(&out).iter().map(|row| row[name].parse().unwrap()).collect()
        };
        let sparsities = column("sparsity");
        let smoothed = lowess(&sparsities, &column("accuracy_after_clip"), 0.3, 3);
        assert_eq!(smoothed.len(), 34);
        for row in published.iter().filter(|row| row["sparsity"] <= LAST_SPARSITY) {
            let cycle = sparsities
                .iter()
                .position(|sparsity| (sparsity - row["sparsity"]).abs() < 1e-4)
                .unwrap();
            let (ours, theirs) = (smoothed[cycle], row[method]);
            println!("{method}, sparsity {:.4}: {ours:.4}, published {theirs:.4}", row["sparsity"]);
            assert!(
                (ours - theirs).abs() < TOLERANCE,
                "{method} at sparsity {}: {ours:.4}, published {theirs:.4}",
                row["sparsity"]
            );
        }
    }
}

#[test]
fn the_recorded_run_smooths_to_the_published_table() {
    let Some(data) = golden_data("recorded run") else { return };
    let recorded = Series::recorded(&data.join("dtc-reference/accuracy.csv")).unwrap().smoothed();
    let published = Series::published();
    let mut compared = 0;
    // The ladder from 512 neurons; the table holds fifteen of its clips.
    let clip = |m: &usize| Some((0.9 * (m - 1) as f64).ceil() as usize);
    for m in std::iter::successors(Some(512), clip).take(35) {
        let sparsity = 1.0 - m as f64 / 512.0;
        for method in 0..3 {
            if let Some(theirs) = published.at(sparsity, method) {
                let smoothed = recorded.at(sparsity, method).unwrap();
                assert!((smoothed - theirs).abs() < 5.1e-5, "{m}: {smoothed} {theirs}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 45);
}

#[test]
fn table_1_stands_beside_mnist() {
    let Some(data) = golden_data("published table") else { return };
    let mnist = data.join("mnist");
    let folder = tempfile::tempdir().unwrap();
    let flags = ["compare", "--methods", "random", "--seeds", "0..2", "--out", "run"];
    let quick = ["--device", "flex", "--set", "training.batches_per_cycle=1"];
    let quick =
        [&quick[..], &["--set", "training.batch_size=64", "--data", mnist.to_str().unwrap()]];
    let stdout = succeed(folder.path(), &[&flags[..], &quick.concat()].concat());
    assert_eq!(summary(&folder.path().join("run"))["data"]["digest"], rayclip_data::mnist::DIGEST);
    assert!(stdout.contains("Table I of the paper") && stdout.contains("0.9637 | 0."), "{stdout}");
}
