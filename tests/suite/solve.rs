//! `rayclip solve` and `rayclip bench solver` as a user has them.

use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::support::{output, refused, succeed};

const A: [f64; 6] = [1.0, 0.5, 0.0, 0.0, 0.5, 1.0];
const Y: [f64; 4] = [1.0, 2.0, 0.0, -1.0];

fn bytes(values: &[f64], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn write(path: &Path, dtype: Dtype, tensors: &[(&str, &[usize], &[f64])]) {
    let data: Vec<Vec<u8>> = tensors.iter().map(|(_, _, values)| bytes(values, dtype)).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        (*name, TensorView::new(dtype, shape.to_vec(), data).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A problem of two columns, or of one without a column axis.
fn problem(folder: &Path, dtype: Dtype, columns: &[usize], y: &[f64]) {
    write(
        &folder.join("p.safetensors"),
        dtype,
        &[("a", &[2, 3], &A), ("y", columns, y), ("lambda", &[1], &[0.1])],
    );
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn solutions_are_written_in_the_shape_and_type_of_the_problem() {
    for (dtype, shape, y) in [(Dtype::F64, &[2, 2][..], &Y[..]), (Dtype::F32, &[2], &Y[..2])] {
        let folder = tempfile::tempdir().unwrap();
        problem(folder.path(), dtype, shape, y);
        let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--json", "--out", "x.st"];
        let lines = lines(&succeed(folder.path(), &arguments));
        assert_eq!(lines.len(), y.len() / 2 + 1);
        let bytes = fs::read(folder.path().join("x.st")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (x, nu) = (tensors.tensor("x").unwrap(), tensors.tensor("nu").unwrap());
        assert_eq!((x.dtype(), nu.dtype()), (dtype, dtype));
        assert_eq!((x.shape().len(), x.shape().last()), (shape.len(), Some(&3)));
        assert_eq!(nu.shape(), shape);
        for line in &lines[..lines.len() - 1] {
            assert_eq!(line["status"], "converged");
            assert!(line["relative_gap"].as_f64().unwrap() < 1e-6, "{line}");
        }
    }
}

#[test]
fn every_algorithm_is_certified_by_check() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    for algorithm in ["auto", "homotopy", "ssnal", "halpern", "fista"] {
        let out = format!("{algorithm}.st");
        let arguments = ["solve", "p.safetensors", "--lambda-ratio", "0.05"];
        let solve = ["--algorithm", algorithm, "--device", "flex", "--out", &out];
        let table = succeed(folder.path(), &[&arguments[..], &solve].concat());
        assert!(table.contains("2 converged"), "{table}");
        let checked = succeed(folder.path(), &[&arguments[..], &["--check", &out]].concat());
        assert!(checked.contains("2 converged"), "{checked}");
    }
}

#[test]
fn a_missed_tolerance_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    write(&folder.path().join("zero.st"), Dtype::F64, &[("x", &[2, 3], &[0.0; 6])]);
    let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--check", "zero.st"];
    let output = output(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("missed") && table.contains("0 converged"), "{table}");
}

#[test]
fn wrong_problems_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let solve = |extra: &[&str]| {
        let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--out", "x.st"];
        refused(folder.path(), &[&arguments[..], extra].concat())
    };
    assert!(solve(&[]).contains("p.safetensors"));
    let path = folder.path().join("p.safetensors");
    write(&path, Dtype::F64, &[("b", &[2, 3], &A)]);
    assert!(solve(&[]).contains("no tensor a; it has: b"));
    write(&path, Dtype::F64, &[("a", &[2, 3], &A), ("y", &[3], &[1.0, 2.0, 3.0])]);
    assert!(solve(&[]).contains("y needs 2 numbers a column"));
    write(&path, Dtype::F64, &[("a", &[2, 3], &A), ("y", &[2], &[1.0, f64::NAN])]);
    assert!(solve(&[]).contains("y[1] is NaN"));
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    assert!(solve(&["--tolerance", "1e-15"]).contains("out of reach"));
    let negative = ["solve", "p.safetensors", "--lambda", "-1", "--out", "x.st"];
    assert!(refused(folder.path(), &negative).contains("must be positive and finite, got -1"));
    fs::write(folder.path().join("x.st"), "precious").unwrap();
    assert!(solve(&[]).contains("name another file with --out"));
    assert_eq!(fs::read_to_string(folder.path().join("x.st")).unwrap(), "precious");
}

#[test]
fn the_bench_reports_every_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    let bench = ["bench", "solver", "--device", "flex", "--repeats", "1", "--json"];
    let compare = ["--sizes", "16x4x2", "--compare"];
    let compared = lines(&succeed(folder.path(), &[&bench[..], &compare].concat()));
    let names: Vec<&str> =
        compared.iter().map(|line| line["algorithm"].as_str().unwrap()).collect();
    assert_eq!(names, ["homotopy", "ssnal", "halpern", "fista"]);
    assert!(compared.iter().all(|line| line["problems_per_second"].as_f64().unwrap() > 0.0));
    let own =
        lines(&succeed(folder.path(), &[&bench[..], &["--problems", "p.safetensors"]].concat()));
    assert_eq!(
        (own.len(), own[0]["columns"].as_u64(), own[0]["converged"].as_u64()),
        (1, Some(2), Some(2))
    );
    let free = ["--sizes", "64x16x2", "--operator", "dct"];
    let free = lines(&succeed(folder.path(), &[&bench[..], &free].concat()));
    assert_eq!(free[0]["converged"], 2);
}
