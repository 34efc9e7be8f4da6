//! `rayclip bench` as a user has it: how long parts of a run take.

use serde_json::Value;

use crate::support::{refused, succeed};

fn rows(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let flags =
        ["--networks", "mlp-20-12,lenet5", "--replicas", "1,2", "--device", "flex", "--json"];
    let printed = succeed(folder.path(), &[arguments, &flags].concat());
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn cases(rows: &[Value]) -> Vec<(&str, u64)> {
    let case = |row: &'_ Value| row["at_once"].as_u64().unwrap();
    rows.iter().map(|row| (row["network"].as_str().unwrap(), case(row))).collect()
}

const CASES: [(&str, u64); 4] = [("mlp-20-12", 1), ("mlp-20-12", 2), ("lenet5", 1), ("lenet5", 2)];

#[test]
fn batches_of_every_network_are_timed_and_compared_with_the_machine() {
    let rows = rows(&["bench", "train"]);
    assert_eq!(cases(&rows), CASES);
    for row in &rows {
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(0.0 < number("least_seconds"), "{row}");
        assert!(number("least_seconds") <= number("median_seconds"), "{row}");
        assert!(number("median_seconds") <= number("most_seconds"), "{row}");
        assert!(number("repetitions") >= 3.0, "{row}");
        let images = number("images") * number("at_once") / number("median_seconds");
        assert!((number("images_per_second") / images - 1.0).abs() < 1e-9, "{row}");
        assert!(number("fraction_of_product_rate") > 0.0, "{row}");
    }
}

#[test]
fn a_clip_is_timed_with_its_solver() {
    let rows = rows(&["bench", "cycle"]);
    assert_eq!(cases(&rows), CASES);
    for row in &rows {
        let [solver, clip] =
            ["solver_seconds", "most_seconds"].map(|name| row[name].as_f64().unwrap());
        assert!(0.0 < solver && solver < clip && row["method"] == "dtc", "{row}");
    }
}

#[test]
fn the_record_of_a_machine_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["bench", "all", "--networks", "mlp-20", "--replicas", "1", "--sizes", "64x32x2"];
    let shown =
        succeed(folder.path(), &[&flags[..], &["--device", "flex", "--json", "m.json"]].concat());
    assert!(shown.contains("GFLOP/s") && shown.contains("mlp-20"), "{shown}");
    let record = std::fs::read_to_string(folder.path().join("m.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!([&record["device"], &record["rayclip"]], ["flex", env!("CARGO_PKG_VERSION")]);
    for ceiling in ["product_f32", "host_product_f64", "bandwidth", "latency"] {
        assert!(record["ceilings"][ceiling].as_f64().unwrap() > 0.0, "{record}");
    }
    assert_eq!(record["train"][0]["network"], "mlp-20");
    assert_eq!([&record["cycle"][0]["at_once"], &record["solver"][0]["m"]], [1, 64]);
    assert!(!record["cpu"].as_str().unwrap().is_empty() && record["cores"].as_u64().unwrap() > 0);
}

#[test]
fn what_cannot_be_timed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.json"), "mine").unwrap();
    for (flags, told) in [
        (["train", "--networks", "lenet6"], "expected mlp- and widths"),
        (["train", "--networks", "mlp-0"], "mlp-0"),
        (["cycle", "--replicas", "0"], "--replicas"),
        (["all", "--json", "none/machine.json"], "--json: cannot create none/machine.json"),
        (["all", "--json", "mine.json"], "--json: cannot create mine.json"),
    ] {
        let message = refused(folder.path(), &[&["bench"][..], &flags].concat());
        assert!(message.contains(told), "{flags:?}: {message}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("mine.json")).unwrap(), "mine");
}
